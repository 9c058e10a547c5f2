"""One repository on the hub: its revision, its files, and every failure as one clear line.

A hub is whatever HF_ENDPOINT names, so its answers are read like untrusted files. Only a commit and
checked names become paths; the hub's own client would use both, and the ETag, unchecked.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from huggingface_hub import (
    constants,
    errors,
    get_hf_file_metadata,
    get_session,
    hf_hub_url,
    hf_raise_for_status,
    try_to_load_from_cache,
)
from huggingface_hub.file_download import HfFileMetadata, repo_folder_name
from huggingface_hub.utils import build_hf_headers, validate_repo_id  # type: ignore[attr-defined]
from msgspec import Struct

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import convert, one_line, parse
from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.lock_file import Commit, RepoType, check_inside

PATIENCE_S = 10.0
"""Seconds to wait for the hub to send more."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
# The SHA-1 of a file in git, the SHA-256 of a large one.
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LARGEST_LISTING = 2**26
_CODINGS = ("identity", "gzip")
# The base error of the HTTP library under this version of the hub's client, and the other errors
# which that library raises.
_HTTP_ERROR: type[Exception] = errors.HfHubHTTPError.__bases__[0]
_NO_ADDRESS: type[Exception] = sys.modules[_HTTP_ERROR.__module__].InvalidURL


@dataclass(frozen=True)
class Listing:
    """A repository's commit (40 hexadecimal digits) and the paths in it."""

    revision: str
    files: tuple[str, ...]


class _File(Struct, frozen=True):
    rfilename: str


class _Repository(Struct, frozen=True):
    sha: Commit
    siblings: tuple[_File, ...] = ()


def listing(hub_id: str, repo_type: RepoType, revision: str) -> Listing:
    """Resolve a revision (branch, tag, pull request `refs/pr/1` or commit) and list its files.

    The names are the hub's; `download` rejects those that lead out of the repository.

    Raises:
        UsageError: `hub_id` is not of the form `owner/name`.
        WeightsError: The repository or revision is unknown, or the hub cannot be reached.
    """
    # With its type, because `zoo add` looks for a model if `--dataset` is forgotten.
    with _one_line(f"{repo_type} {hub_id} at {revision}"):
        validate_repo_id(hub_id)
        address = f"{constants.ENDPOINT}/api/{repo_type}s/{hub_id}/revision"
        content = b"".join(_body(f"{address}/{quote(revision, safe='')}", _LARGEST_LISTING))
        # A model card may use any field name.
        found = convert(parse(content, any_key=True), _Repository)
    return Listing(found.sha, tuple(file.rfilename for file in found.siblings))


def download(hub_id: str, repo_type: RepoType, revision: str, file: str) -> Path:
    """Return a file's path in the local cache, downloading it if it is not there.

    A file cached under a branch is used as it is.

    Raises:
        WeightsError: The repository, revision or file is unknown, or the hub cannot be reached.
    """
    with _one_line(f"{file} of {hub_id} at {revision}"):
        check_inside(file)
        known = try_to_load_from_cache(hub_id, file, revision=revision, repo_type=repo_type)
        if isinstance(known, str):
            return Path(known)
        url = hf_hub_url(hub_id, file, repo_type=repo_type, revision=revision)
        commit, size = _checked(get_hf_file_metadata(url, timeout=PATIENCE_S), revision)
        name = repo_folder_name(repo_id=hub_id, repo_type=repo_type)
        folder = Path(constants.HF_HUB_CACHE) / name
        folder.mkdir(parents=True, exist_ok=True)
        if size > (free := shutil.disk_usage(folder).free):
            raise OSError(f"it has {size} bytes, and there are {free} left in {folder}")
        target = folder / "snapshots" / commit / file
        write_atomic(target, _whole(_body(url, size), size))
        if revision != commit:
            write_atomic(folder / "refs" / revision, commit.encode())
        return target


def _checked(stated: HfFileMetadata, revision: str) -> tuple[str, int]:
    """Return the commit and the size of a file, as stated by the hub, after checking them."""
    commit, etag = stated.commit_hash or "", stated.etag or ""
    wanted = revision if _COMMIT.fullmatch(revision) else commit
    if commit != wanted or not _COMMIT.fullmatch(commit):
        raise ValueError(f"names {commit!r} for its commit")
    if not _HASH.fullmatch(etag):
        raise ValueError(f"names {etag!r} for its hash")
    if stated.size is None or stated.size < 0:
        raise ValueError("does not name its size")
    return commit, stated.size


def _whole(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    left = size
    for part in parts:
        left -= len(part)
        yield part
    if left:
        raise ValueError(f"sends {size - left} of {size} bytes")


def _body(url: str, most: int) -> Iterator[bytes]:
    """Yield the content at a URL, as long as it is no longer than `most` bytes."""
    headers = build_hf_headers(headers={"Accept-Encoding": "identity"})
    options: dict[str, Any] = {"headers": headers, "timeout": PATIENCE_S, "follow_redirects": True}
    with get_session().stream("GET", url, **options) as answer:
        # For an error the client would read the whole body, however long it is.
        hf_raise_for_status(
            type(answer)(answer.status_code, headers=answer.headers, request=answer.request)
        )
        if answer.status_code != 200:
            raise ValueError(f"answers with status {answer.status_code}")
        # Nested codings can expand a short answer to an enormous one.
        if (coding := answer.headers.get("Content-Encoding", "identity")) not in _CODINGS:
            raise ValueError(f"encodes its answer as {coding!r}")
        for part in answer.iter_bytes():
            most -= len(part)
            if most < 0:
                raise ValueError("sends more than it says")
            yield part


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    what, hub = one_line(what), constants.ENDPOINT
    try:
        yield
    except errors.HFValidationError:
        raise UsageError(f"{what}: a hub id has the form owner/name") from None
    except errors.OfflineModeIsEnabled:
        raise WeightsError(
            f"{what} is not in the local cache, and HF_HUB_OFFLINE forbids asking the hub; "
            "unset it once to download"
        ) from None
    except errors.GatedRepoError:
        raise WeightsError(
            f"{what} is gated: accept its terms on {hub} and log in with `hf auth login`"
        ) from None
    except errors.RepositoryNotFoundError:
        raise WeightsError(f"{what}: {hub} has no such repository (or it is private)") from None
    except errors.RevisionNotFoundError:
        raise WeightsError(f"{what}: {hub} has no such revision") from None
    except errors.EntryNotFoundError:
        raise WeightsError(f"{what}: {hub} has no such file at this revision") from None
    except errors.HfHubHTTPError as problem:
        raise WeightsError(
            f"{what}: {hub} answered with status {problem.response.status_code}; try again later"
        ) from None
    except (_HTTP_ERROR, _NO_ADDRESS, OSError) as problem:
        raise WeightsError(
            f"{what}: cannot get it from {hub} ({_short(problem)}); check the network, HF_ENDPOINT "
            "and the room in HF_HOME"
        ) from None
    except ValueError as problem:
        raise WeightsError(
            f"{what}: {hub} does not answer like a hub ({_short(problem)})"
        ) from None


def _short(problem: BaseException) -> str:
    return one_line(str(problem)) or type(problem).__name__
