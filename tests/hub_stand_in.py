"""A small hub on this machine, for tests: the endpoints that are asked, over real HTTP.

    with HubStandIn() as hub:
        commit = hub.add("someone/tiny", {"config.json": b"{}", "model.safetensors": path})
        done = forked_client("print(1)", endpoint=hub.endpoint, home=tmp_path)

`HF_ENDPOINT` is read when huggingface_hub is imported, so clients run in processes of their own:
`run_client` and the fixture `forked_client` start one with the right environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
Answer = tuple[int, dict[str, str], "bytes | Iterator[bytes]"]
Twist = Callable[[str, str, Answer], Answer]


@dataclass
class Repository:
    """Commits by their sha, each with its files; branches and other names by the sha they mean."""

    commits: dict[str, dict[str, bytes | Path]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


class HubStandIn:
    """The server; a context manager. `requests` lists what was asked: `(method, path)`.

    `tokens` are those that requests came with, one a request, None without.

    `twist`, where set, takes method, path and an answer's status, headers and body, and returns
    the answer in its place: that of a hub that is broken or hostile. A body that is no bytes is an
    iterator of some, sent until nobody listens.
    """

    def __init__(self) -> None:
        self.twist: Twist | None = None
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HubStandIn:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, repo_id, files, *, repo_type="model", name="main") -> str:
        """Add a commit that `name` then points to; return its sha."""
        repository = self.repositories.setdefault((repo_type, repo_id), Repository())
        words = f"{repo_type} {repo_id} {len(repository.commits)}"
        commit = hashlib.sha1(words.encode()).hexdigest()
        repository.commits[commit] = dict(files)
        repository.names[name] = commit
        return commit

    def tamper(self, repo_id, file, content, *, repo_type="model", name="main") -> None:
        """Change a file without a new commit, as no honest hub would."""
        repository = self.repositories[repo_type, repo_id]
        repository.commits[repository.names[name]][file] = content

    def remove(self, repo_id, file, *, repo_type="model", name="main") -> None:
        """Take a file out of a commit."""
        repository = self.repositories[repo_type, repo_id]
        del repository.commits[repository.names[name]][file]


def client_environment(endpoint, home, *, offline=False):
    """Return what a process must be told to have its hub at `endpoint`, its cache under `home`."""
    return {
        # A proxy for the outside world must not be asked for this machine's own server.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def run_client(
    code, *, endpoint, home, offline=False, argv=(), extra=None, python=sys.executable, flags=()
):
    """Run Python code in a process whose hub is at `endpoint` and whose cache is under `home`.

    Returns the finished process (`returncode`, `stdout`, `stderr`). `argv` becomes `sys.argv[1:]`,
    `extra` adds environment variables, `flags` are the interpreter's. The fixture `forked_client`
    does the same with a Python that has done its imports.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    environment.pop("TRANSFORMERS_OFFLINE", None)
    environment.update(client_environment(endpoint, home, offline=offline))
    environment.update({"PYTHONPATH": str(ROOT), **(extra or {})})
    return subprocess.run(
        [python, *flags, "-c", code, *map(str, argv)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tiny_bert(folder: Path, seed: int = 0, **sizes: int) -> dict[str, Path]:
    """Write a question-answering BERT of a few kilobytes; return its files for `HubStandIn.add`."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    letters = "abcdefghijklmnopqrstuvwxyz0123456789?."
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    vocabulary += [f"##{letter}" for letter in letters]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForQuestionAnswering(
            BertConfig(
                **{
                    "vocab_size": len(vocabulary),
                    "hidden_size": 16,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "intermediate_size": 24,
                    "max_position_embeddings": 64,
                    **sizes,
                }
            )
        )
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    names = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json")
    return {name: folder / name for name in names}


def _handler(hub: HubStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_args: object) -> None:
            """Say nothing: pytest's output is for failures."""

        def _answer(self, *, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            hub.tokens.append(self.headers.get("Authorization"))
            answer: Answer = reply(hub, path)
            if hub.twist is not None:
                answer = hub.twist(self.command, path, answer)
            status, headers, body = answer
            parts = [body] if isinstance(body, bytes) else body
            if isinstance(body, bytes):
                headers.setdefault("Content-Length", str(len(body)))
            if hub.twist is not None:  # then what is sent may be of another length than was said
                headers["Connection"] = "close"
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            with suppress(ConnectionError):
                for part in parts if with_body else ():
                    self.wfile.write(part)

    return Handler


def reply(hub: HubStandIn, path: str) -> tuple[int, dict[str, str], bytes]:
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        repo_type, repo_id, rest = parts[1].removesuffix("s"), "/".join(parts[2:4]), parts[4:]
        repository = hub.repositories.get((repo_type, repo_id))
        if repository is None:
            return _error(401, "RepoNotFound")
        action, revision = (rest[0], "/".join(rest[1:])) if rest else ("revision", "main")
        commit = repository.names.get(revision, revision)
        if action not in ("revision", "tree"):
            return _error(404, "Unknown")
        if commit not in repository.commits:
            return _error(404, "RevisionNotFound")
        files = repository.commits[commit]
        if action == "tree":
            sizes = {name: len(_bytes(content)) for name, content in files.items()}
            return _json([{"type": "file", "path": n, "size": s} for n, s in sizes.items()])
        return _json(
            {
                "id": repo_id,
                "sha": commit,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": name} for name in files],
            }
        )
    repo_type = "dataset" if parts[0] == "datasets" else "model"
    parts = parts[1:] if repo_type == "dataset" else parts
    if len(parts) < 5 or parts[2] != "resolve":
        return _error(404, "Unknown")
    repository = hub.repositories.get((repo_type, "/".join(parts[:2])))
    if repository is None:
        return _error(401, "RepoNotFound")
    commit = repository.names.get(parts[3], parts[3])
    if commit not in repository.commits:
        return _error(404, "RevisionNotFound")
    name = "/".join(parts[4:])
    if name not in repository.commits[commit]:
        return _error(404, "EntryNotFound", {"X-Repo-Commit": commit})
    content = repository.commits[commit][name]
    body = _bytes(content)
    etag = hashlib.sha256(body).hexdigest()
    headers = {
        "ETag": f'"{etag}"',
        "X-Repo-Commit": commit,
        "X-Linked-ETag": f'"{etag}"',
        "X-Linked-Size": str(len(body)),
        "Content-Type": "application/octet-stream",
    }
    return 200, headers, body


def _bytes(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _json(value: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _error(
    status: int, code: str, more: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    return status, {"X-Error-Code": code, "X-Error-Message": code, **(more or {})}, b""
