"""One repository on the hub: its revision, its files, and every failure as one clear line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from huggingface_hub import (
    HfApi,
    constants,
    errors,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.utils.tqdm import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.lock_file import RepoType

PATIENCE_S = 10.0
"""Seconds to wait for the hub's first answer."""

# The base error of the HTTP library that this version of the hub's client stands on, and OSError.
_TRANSPORT_ERRORS = cast("tuple[type[Exception], ...]", errors.HfHubHTTPError.__bases__)


@dataclass(frozen=True)
class Listing:
    """A repository's commit (40 hexadecimal digits) and the paths in it."""

    revision: str
    files: tuple[str, ...]


def listing(hub_id: str, repo_type: RepoType, revision: str) -> Listing:
    """Resolve a revision (branch, tag, pull request `refs/pr/1` or commit) and list its files.

    Raises:
        UsageError: `hub_id` is not of the form `owner/name`.
        WeightsError: Unknown repository or revision, or the hub cannot be reached.
    """
    with _one_line(f"{hub_id} at {revision}"):
        hub = HfApi()
        ask = hub.model_info if repo_type == "model" else hub.dataset_info
        info = ask(hub_id, revision=revision, timeout=PATIENCE_S)
    commit = info.sha or ""
    if re.fullmatch(r"[0-9a-f]{40}", commit) is None:
        raise WeightsError(f"the hub names no commit for {hub_id} at {revision}: {commit!r}")
    return Listing(commit, tuple(file.rfilename for file in info.siblings or ()))


def download(
    hub_id: str, repo_type: RepoType, revision: str, file: str, cache: Path | None
) -> Path:
    """Return a file's place in the local cache, downloading it where it is not there.

    What is cached under a branch is taken as it is; the `cache` folder None is the usual one.

    Raises:
        WeightsError: Unknown repository, revision or file, or the hub cannot be reached.
    """
    known = try_to_load_from_cache(
        hub_id, file, cache_dir=cache, revision=revision, repo_type=repo_type
    )
    if isinstance(known, str):
        return Path(known)
    with _one_line(f"{file} of {hub_id} at {revision}"), _no_progress_bars():
        # hf_hub_download retries for minutes before it gives up on a file it does not have yet.
        # One question without retries tells within seconds that there is no answer.
        get_hf_file_metadata(
            hf_hub_url(hub_id, file, repo_type=repo_type, revision=revision), timeout=PATIENCE_S
        )
        return Path(
            hf_hub_download(hub_id, file, repo_type=repo_type, revision=revision, cache_dir=cache)
        )


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    hub = constants.ENDPOINT
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
    except errors.LocalEntryNotFoundError:
        raise WeightsError(f"{what}: {hub} stopped answering; try again") from None
    except errors.EntryNotFoundError:
        raise WeightsError(f"{what}: {hub} has no such file at this revision") from None
    except errors.HfHubHTTPError as problem:
        raise WeightsError(
            f"{what}: {hub} answered with status {problem.response.status_code}; try again later"
        ) from None
    except _TRANSPORT_ERRORS as problem:
        raise WeightsError(
            f"{what}: cannot get it from {hub} ({_short(problem)}); "
            "check the network or HF_ENDPOINT"
        ) from None
    except ValueError as problem:
        raise WeightsError(
            f"{what}: {hub} does not answer like a hub ({_short(problem)})"
        ) from None


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _short(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__
