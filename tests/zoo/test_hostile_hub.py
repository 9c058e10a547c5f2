"""A hub that is broken, or that somebody set up to do harm: one line, and nothing written."""

import itertools
import json
import re
import zlib

import pytest

from tests.hub_stand_in import HubStandIn, reply

FILES = {"config.json": b"{}", "vocab.txt": b"a\nb\n", "model.safetensors": b"\0" * 1000}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = "ab" * 32


def stating(**changes):
    """Return a hub that says something else of its files, but for their content."""

    def twist(method, path, answer):
        status, headers, body = answer
        for name, value in changes.items():
            headers.pop(name.replace("_", "-"), None)
            if value is not None:
                headers[name.replace("_", "-")] = value
        return status, headers, body

    return "resolve", twist


def etag(text):
    return stating(ETag=text, X_Linked_ETag=text)


def naming(*args, **more):
    """Return a hub that answers what is in a repository by something else."""
    body = args[0] if args and isinstance(args[0], bytes) else json.dumps(*args).encode()
    return "api", lambda method, path, answer: (200, dict(more), body)


def listing(**changes):
    """Return a hub that lists a repository, but for something."""

    def twist(method, path, answer):
        status, headers, body = answer
        return status, headers, json.dumps({**json.loads(body), **changes}).encode()

    return "api", twist


def answering(status, body=b"", where="api", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return where, lambda method, path, answer: (status, dict(named), body)


def sending(change):
    """Return a hub that sends other content than it says."""

    def twist(method, path, answer):
        status, headers, body = answer
        return (status, headers, body) if method == "HEAD" else change(status, headers, body)

    return "resolve", twist


def bomb(layers):
    squeezed = b"\0" * 2**22
    for _ in range(layers):
        squeezer = zlib.compressobj(9, wbits=31)
        squeezed = squeezer.compress(squeezed) + squeezer.flush()
    return squeezed


def gzipped(layers):
    coding = {"Content-Encoding": ", ".join(["gzip"] * layers)}
    return sending(lambda status, headers, body: (status, coding, bomb(layers)))


NO_HASH, NO_COMMIT = "for its hash)", "for its commit)"
NOT_A_HUB = "does not answer like a hub"
HOSTILE = {
    "etag up": (etag('"../../../../escaped"'), NO_HASH),
    "etag weak": (etag('W/"../../../../escaped"'), NO_HASH),
    "etag absolute": (etag('"/tmp/analog-bench-escaped"'), NO_HASH),
    "etag of Windows": (etag('"..\\..\\escaped"'), NO_HASH),
    "etag of words": (etag('"hello"'), NO_HASH),
    "etag one digit short": (etag(f'"{HASH[1:]}"'), NO_HASH),
    "etag none": (stating(ETag=None, X_Linked_ETag=None), "names '' for its hash"),
    "etag linked": (stating(X_Linked_ETag='"../escaped"'), NO_HASH),
    "commit up": (stating(X_Repo_Commit="../../../escaped"), NO_COMMIT),
    "commit absolute": (stating(X_Repo_Commit="/tmp/analog-bench-escaped"), NO_COMMIT),
    "commit of another": (stating(X_Repo_Commit=COMMIT), f"names '{COMMIT}' {NO_COMMIT}"),
    "commit none": (stating(X_Repo_Commit=None), "names '' for its commit"),
    "size none": (
        ("resolve", lambda m, p, a: (a[0], {k: a[1][k] for k in ("ETag", "X-Repo-Commit")}, [])),
        "does not name its size",
    ),
    "size of words": (stating(X_Linked_Size="many"), "does not name its size"),
    "size below nothing": (stating(X_Linked_Size="-5"), "does not name its size"),
    "size beyond the disk": (stating(X_Linked_Size="9" * 30), "bytes, and there are"),
    "missing, up": (
        answering(
            404, where="resolve", X_Error_Code="EntryNotFound", X_Repo_Commit="../../escaped"
        ),
        "no such file at this revision",
    ),
    "shorter than it says": (
        sending(lambda status, headers, body: (status, {}, body[:-1])),
        "bytes)",
    ),
    "longer than it says": (
        sending(lambda status, headers, body: (status, {}, body + b"!")),
        "sends more than it says",
    ),
    "cut off": (
        sending(lambda s, headers, body: (s, {"Content-Length": str(len(body))}, body[:-1])),
        "cannot get it from",
    ),
    "endless": (
        sending(lambda status, headers, body: (status, {}, itertools.repeat(b"\0" * 2**16))),
        "sends more than it says",
    ),
    "a bomb": (gzipped(1), "sends more than it says"),
    "a bomb in a bomb": (gzipped(2), "encodes its answer as 'gzip, gzip'"),
    "no gzip": (
        sending(lambda status, headers, body: (status, {"Content-Encoding": "gzip"}, body)),
        "cannot get it from",
    ),
    "a page": (sending(lambda *_: (200, {}, b"<html>log in</html>")), "sends more than it says"),
    "listing a list": (naming([]), NOT_A_HUB),
    "listing null": (naming(None), NOT_A_HUB),
    "listing text": (naming("no"), NOT_A_HUB),
    "listing a page": (naming(b"<html>log in</html>"), NOT_A_HUB),
    "listing nothing": (naming(b""), NOT_A_HUB),
    "listing deep": (naming(b"[" * 100_000), NOT_A_HUB),
    "listing deep objects": (naming(b'{"a":' * 100_000), NOT_A_HUB),
    "listing long numbers": (naming(b'{"sha": ' + b"1" * 5000 + b"}"), NOT_A_HUB),
    "listing NaN": (naming(b'{"sha": NaN}'), NOT_A_HUB),
    "listing half a pair": (naming(b'{"sha": "\\ud800"}'), NOT_A_HUB),
    "listing twice": (naming(b'{"sha": "a", "sha": "b"}'), NOT_A_HUB),
    "listing Latin-1": (naming(b'{"sha": "\xe9"}'), NOT_A_HUB),
    "listing cut off": (naming(b'{"sha": "a"', **{"Content-Length": "99"}), "cannot get it from"),
    "listing endless": (answering(200, itertools.repeat(b" " * 2**20)), "sends more than it says"),
    "listing no commit": (listing(sha=None), NOT_A_HUB),
    "listing commit up": (listing(sha="../../escaped"), NOT_A_HUB),
    "listing commit with a line end": (listing(sha=COMMIT + "\n"), NOT_A_HUB),
    "listing a number of files": (listing(siblings=5), NOT_A_HUB),
    "listing files of words": (listing(siblings=["config.json"]), NOT_A_HUB),
    "listing files of numbers": (listing(siblings=[{"rfilename": 5}]), NOT_A_HUB),
    "listing with no content": (answering(204), "answers with status 204"),
    "listing unchanged": (answering(304), "answers with status 304"),
    "going nowhere": (answering(302), "answers with status 302"),
    "going in a circle": (answering(302, Location="?again"), "cannot get it from"),
    "going to a closed door": (answering(302, Location="http://127.0.0.1:9/"), "cannot get it"),
    "going to a file": (answering(302, Location="file:///etc/passwd"), "cannot get it from"),
    "going to no address": (answering(302, Location="http://["), "cannot get it from"),
    "a file in a circle": (answering(302, where="resolve", Location="?again"), "cannot get it"),
    "a file at no address": (answering(302, where="resolve", Location="http://["), NOT_A_HUB),
    "a file at a long address": (
        answering(302, where="resolve", Location="/" + "a" * 60_000 + "\x7f"),
        "cannot get it from",
    ),
    "not found, a list": (answering(404, b"[1]"), "answered with status 404"),
    "not found, deep": (answering(404, b"[" * 100_000), "answered with status 404"),
    "at fault, of no text": (answering(500, b'{"error": {"a": 5}}'), "answered with status 500"),
    "at fault, endless": (answering(503, itertools.repeat(b"!" * 2**16)), "status 503"),
    "forbidden": (answering(403, b'{"errors": 5}'), "answered with status 403"),
    "a status of its own": (answering(599, b"[]"), "answered with status 599"),
}
UNUSUAL_NAMES = (
    *("../validation.parquet", "a/../../validation.parquet", "/validation.parquet"),
    *("a\\validation.parquet", "a//validation.parquet", "./validation.parquet"),
    *("validation-\0.parquet", "validation-\n.parquet", "C:/validation.parquet"),
)


# Locking a model imports all of transformers: this is what it asks of the hub.
IMPORTS = """
from analog_bench.zoo.hub_repository import download, listing
def take(hub_id, kind="model", revision="main"):
    found = listing(hub_id, kind, revision)
    return [str(download(hub_id, kind, found.revision, file)) for file in found.files]
"""


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def hub_id(name):
    return f"hostile/{re.sub(r'[^a-z0-9A-Z]+', '-', name)}"


def test_every_trick_is_one_line_and_leaves_nothing(hub, client, tmp_path):
    twists = {hub_id(name): twist for name, (twist, _) in HOSTILE.items()}
    for name in twists:
        hub.add(name, FILES)

    def twist(method, path, answer):
        asked = next(name for name in twists if f"/{name}/" in path)
        part, change = twists[asked]
        return change(method, path, answer) if f"/{part}/" in path else answer

    hub.twist = twist
    before = everything(tmp_path)
    answers = client(*(f"take({name!r})" for name in twists), imports=IMPORTS)
    for (name, (_, words)), said in zip(HOSTILE.items(), answers, strict=True):
        assert said.get("error") == "WeightsError", (name, said)
        assert words in said["text"], (name, said)
        assert said["text"].isprintable(), (name, said)
        assert said["seconds"] < 15, (name, said)
    # Folders of the cache at most: no file, in it or outside.
    written = [path for path in everything(tmp_path) - before if (tmp_path / path).is_file()]
    assert [path for path in written if not path.endswith("/CACHEDIR.TAG")] == []


def test_names_that_lead_out_of_the_repository(hub, client, tmp_path):
    for number, name in enumerate(UNUSUAL_NAMES):
        hub.add(f"hostile/names-{number}", {name: b"PAR1"}, repo_type="dataset")
    lines = [f"take('hostile/names-{n}', 'dataset')" for n in range(len(UNUSUAL_NAMES))]
    for name, said in zip(UNUSUAL_NAMES, client(*lines, imports=IMPORTS), strict=True):
        assert said["error"] == "WeightsError", (name, said)
        assert "is no path inside a repository" in said["text"], (name, said)
        assert said["text"].isprintable()
    assert [asked for _, asked in hub.requests if "/resolve/" in asked] == []
    assert not (tmp_path / "home").exists()


def test_what_is_stored_elsewhere_is_fetched_there_without_the_token(hub, client):
    """As the real hub does it: large files lie at another address, small ones one step away."""
    with HubStandIn() as elsewhere:
        elsewhere.add("someone/tiny", FILES)
        commit = hub.add("someone/tiny", FILES)

        def twist(method, path, answer):
            if path.endswith("model.safetensors"):
                return 302, {**answer[1], "Location": elsewhere.endpoint + path}, b""
            if path.startswith("/moved"):
                return reply(hub, path.removeprefix("/moved"))
            if path.endswith("vocab.txt"):
                return 307, {"Location": "/moved" + path}, b""
            return answer

        hub.twist = twist
        (said,) = client("take('someone/tiny')", imports=IMPORTS, extra={"HF_TOKEN": "hf_secret"})
    assert said.get("value", "").count(commit) == len(FILES), said
    assert set(hub.tokens) == {"Bearer hf_secret"}
    asked = ("GET", f"/someone/tiny/resolve/{commit}/model.safetensors")
    assert list(zip(elsewhere.requests, elsewhere.tokens, strict=True)) == [(asked, None)]


@pytest.mark.parametrize("revision", ["main", "v1.0"])
def test_a_branch_is_found_in_the_cache_again(hub, client, revision, tmp_path):
    commit = hub.add("someone/tiny", {"a/b.txt": b"words"}, name=revision)
    line = f"download('someone/tiny', 'model', {revision!r}, 'a/b.txt')"
    first, again = client(line, line, imports=IMPORTS)
    assert first.get("value") == again.get("value"), (first, again)
    assert first["value"].endswith(f"/models--someone--tiny/snapshots/{commit}/a/b.txt")
    assert (tmp_path / "home" / "hub" / "models--someone--tiny" / "refs" / revision).is_file()
    assert len(hub.requests) == 2, "asked for once"
