"""Where a release comes from: what to install, and a digest of what that is."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from analog_bench.errors import ReleaseFailed, UsageError
from analog_bench.regular_file import read_regular
from analog_bench.releases.python_and_torch import PYTHONS, known_spelling
from analog_bench.releases.release_spec import Release
from analog_bench.releases.subprocesses import run_captured
from analog_bench.simulators.versions import WHEELS

# What builds, tools and environments leave in a checkout.
_LEFT_BEHIND = (
    *("__pycache__", "_skbuild", "build", "dist", ".venv", ".mypy_cache", ".pytest_cache"),
    *("*.egg-info", "*.pyc", "*.so", "*.pyd", "*.o"),
)


@dataclass(frozen=True)
class Source:
    """What a release is made of.

    Attributes:
        requirement: What uv is given.
        version: Version of aihwkit; None where only a build would tell.
        pythons: The Pythons it is available for.
        digest: Tells its content from any other's.
        built: True where it must be built from source.
    """

    requirement: str
    version: str | None
    pythons: tuple[str, ...]
    digest: str
    built: bool


def source_of(release: Release, latest: str | None = None) -> Source:
    """Look at where a release comes from; `latest` is the newest version on the package index.

    Raises:
        UsageError: A file that is no wheel of aihwkit, or cannot be read.
        ReleaseFailed: A repository that does not answer.
    """
    try:
        return _source_of(release, latest)
    except OSError as problem:
        raise UsageError(f"release {release.source!r} cannot be read: {problem}") from None


def _source_of(release: Release, latest: str | None) -> Source:
    if release.kind in ("version", "latest"):
        version = latest if release.kind == "latest" else release.source
        if version is None:
            raise UsageError("the newest release of aihwkit is not known; name its version")
        known = known_spelling(version)
        return Source(f"aihwkit=={known}", known, WHEELS.get(known, PYTHONS), known, False)
    if release.kind == "git":
        return _repository(release.source)
    path = Path(os.path.realpath(release.source))
    if release.kind == "wheel":
        return _wheel(path)
    if release.kind == "archive":
        try:
            version = str(parse_sdist_filename(path.name)[1])
        except InvalidSdistFilename:
            version = None
        return Source(str(path), version, PYTHONS, _file_digest(path), True)
    file = path / "src/aihwkit/VERSION.txt"
    version = read_regular(file).decode(errors="replace").strip() if os.path.isfile(file) else None
    return Source(str(path), version, PYTHONS, _folder_digest(path), True)


def copy_sources(folder: Path, to: Path) -> Path:
    """Copy a folder of sources without what a build left behind; return the copy.

    Each environment is built from a copy: what a build left, compiled against its torch, would be
    taken over by the next.
    """
    return shutil.copytree(folder, to, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_BEHIND))


def _wheel(path: Path) -> Source:
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        raise UsageError(
            f"{path.name!r} is no name of a wheel; keep the one it was built with, such as "
            "aihwkit-1.2.0-cp312-cp312-linux_x86_64.whl"
        ) from None
    if name != "aihwkit":
        raise UsageError(f"{path.name!r} is a wheel of {name}, not of aihwkit")
    made_for = {tag.interpreter for tag in tags}
    pythons = tuple(one for one in PYTHONS if made_for & {"cp" + one.replace(".", ""), "py3"})
    if not pythons:
        raise UsageError(
            f"{path.name!r} is made for {', '.join(sorted(made_for))}; this project runs on "
            f"Python {PYTHONS[0]} to {PYTHONS[-1]}"
        )
    # The table of pairs knows the release that a local version such as 1.2.0+mine is of.
    return Source(str(path), version.public, pythons, _file_digest(path), False)


def _repository(url: str) -> Source:
    address, _, ref = url.removeprefix("git+").rpartition("@")
    if not address or "/" in ref:  # the @ of git@host, or none at all
        address, ref = url.removeprefix("git+"), "HEAD"
    done = run_captured(
        ["git", "ls-remote", address, ref], env={**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    )
    if done.returncode != 0:
        why = " ".join(done.stderr.split()) or f"code {done.returncode}"
        raise ReleaseFailed(f"git ls-remote {address} failed: {why}")
    lines = done.stdout.splitlines()
    # A name that is neither branch nor tag may be a commit, which no repository lists.
    commit = lines[0].split()[0] if lines else ref
    return Source(f"aihwkit @ git+{address}@{commit}", None, PYTHONS, commit, True)


def _file_digest(path: Path) -> str:
    return hashlib.sha256(read_regular(path)).hexdigest()


def _folder_digest(folder: Path) -> str:
    left_behind = shutil.ignore_patterns(*_LEFT_BEHIND, ".git")
    files: list[Path] = []
    for parent, folders, names in os.walk(folder):
        ignored = left_behind(parent, [*folders, *names])
        folders[:] = [name for name in folders if name not in ignored]
        files += [Path(parent, name) for name in names if name not in ignored]
    digest = hashlib.sha256()
    for path in sorted(filter(Path.is_file, files)):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{_file_digest(path)}\n".encode())
    return digest.hexdigest()
