"""Releases as they are written: `1.2.0:torch=2.15.0`, a wheel, an archive, a folder, git."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.simulators.versions import RELEASES

Kind = Literal["version", "latest", "wheel", "archive", "folder", "git"]

LATEST = "latest"
_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_WITH_OPTIONS = re.compile(r"(?P<source>.+?):(?P<options>[a-z]+=.*)")
_PYTHON = re.compile(r"3\.\d+")


@dataclass(frozen=True)
class Release:
    """A release as the user names it.

    Attributes:
        source: Version, file, folder, or `git+URL@REF`.
        kind: Which of these.
        torch: Version of torch; None for the one that is measured to work, or the newest.
        python: Version of Python such as `3.12`, or an interpreter's path; None to choose.
        name: Its name in tables.
    """

    source: str
    kind: Kind
    torch: str | None
    python: str | None
    name: str


def parse_release(text: str, torch: str | None = None, python: str | None = None) -> Release:
    """Read a release as it stands on the command line.

    That is `SOURCE` or `SOURCE:OPTION=VALUE,...`. The source is a version, `latest`, a wheel, a
    source archive, a folder with the sources, or `git+URL@REF`; options are `torch` and `python`,
    by default those given here, and `name`, by default the version or the last part of the path.

    Raises:
        UsageError: It is none of these, or a version or interpreter that cannot be one.
    """
    matched = _WITH_OPTIONS.fullmatch(text)
    source, written = matched.group("source", "options") if matched else (text, "")
    options: dict[str, str] = {}
    for part in filter(None, written.split(",")):
        key, equals, value = part.partition("=")
        if key not in ("torch", "python", "name") or not equals or not value:
            raise UsageError(
                f"release {text!r}: {part!r} is no option; write torch=VERSION, python=VERSION or "
                "name=WORD, with commas between them"
            )
        if key in options:
            raise UsageError(f"release {text!r} gives {key} twice")
        options[key] = value
    kind = _kind(source)
    torch = options.get("torch") or torch
    if torch is not None and not _is_version(torch):
        raise UsageError(f"torch {torch!r} is no version; write one such as torch=2.15.0")
    python = _interpreter(options.get("python") or python)
    return Release(source, kind, torch, python, options.get("name") or _name(source, kind))


def parse_releases(
    texts: Sequence[str], torch: str | None = None, python: str | None = None
) -> tuple[Release, ...]:
    """Read several releases, oldest first; see `parse_release`.

    Raises:
        UsageError: One cannot be read, or two would be called the same.
    """
    releases = [parse_release(text, torch, python) for text in texts]
    times = Counter(release.name for release in releases)
    named = [
        # The same version with two torches is a question worth asking.
        replace(release, name=f"{release.name} torch {release.torch}")
        if times[release.name] > 1 and release.torch
        else release
        for release in releases
    ]
    names = [release.name for release in named]
    for twice in (name for name in names if names.count(name) > 1):
        raise UsageError(
            f"two releases would be called {twice!r}; give one another name, such as "
            f"{texts[names.index(twice)]}:name=other"
        )
    return tuple(named)


def _interpreter(python: str | None) -> str | None:
    if python is None or _PYTHON.fullmatch(python):
        return python
    if not os.path.isfile(python):
        raise UsageError(
            f"python {python!r} is neither a version such as 3.12 nor an interpreter's path"
        )
    # Not resolved: an environment's interpreter is a link, and knows its packages by that.
    return str(Path(python).absolute())


def _kind(source: str) -> Kind:
    if source == LATEST:
        return "latest"
    if source.startswith("git+"):
        return "git"
    path = Path(source)
    if source.endswith((".whl", *_ARCHIVES)):
        if not os.path.isfile(path):
            raise UsageError(f"release {source!r}: there is no such file")
        return "wheel" if source.endswith(".whl") else "archive"
    if os.path.isdir(path):
        if not any(os.path.isfile(path / name) for name in ("pyproject.toml", "setup.py")):
            raise UsageError(
                f"release {source!r}: the folder holds neither pyproject.toml nor setup.py; name "
                "the top folder of aihwkit's sources"
            )
        return "folder"
    if _is_version(source):
        return "version"
    raise UsageError(
        f"release {source!r} is neither a version nor {LATEST!r}, a wheel, an archive, a folder or "
        f"git+URL; {did_you_mean(source, (*RELEASES, LATEST))}"
    )


def _name(source: str, kind: Kind) -> str:
    if kind in ("version", "latest"):
        return source
    if kind == "git":
        repository, _, ref = source.removeprefix("git+").partition("@")
        repository = repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
        return f"{repository}@{ref}" if ref else repository
    name = os.path.basename(os.path.realpath(source))
    if kind == "wheel":
        return "-".join(name.split("-")[:2])
    return next((name.removesuffix(end) for end in _ARCHIVES if name.endswith(end)), name)


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
