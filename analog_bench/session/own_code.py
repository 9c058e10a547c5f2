"""The user's own files behind a case and behind a run: which they are, and what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from analog_bench.analog.compatibility import family_of
from analog_bench.case import Case
from analog_bench.defining_files import SourceFile, definition_of
from analog_bench.noise import Measured, Preset
from analog_bench.regular_file import read_regular
from analog_bench.session.settings import Settings
from analog_bench.store.environment import repository_of
from analog_bench.store.run import Sources, joined_sources

_CONFTEST = "conftest.py"


def sources_of_case(case: Case, root: Path) -> tuple[SourceFile, ...]:
    """Return the files of the user's own that define a case's noise, tiles, hardware or devices.

    Their paths are from `root`. A file that those import is not among them.
    """
    noise = family_of(case.noise)
    parts: list[tuple[str, type | str]] = [("noise", type(noise))]
    if case.noise.WHERE == "tile":
        parts += [("simulator", case.tile), ("hardware", case.hardware)]
    if isinstance(noise, Preset):
        parts.append(("hardware", noise.name))
    if isinstance(noise, Measured):
        parts.append(("devices", noise.file))
    return tuple(
        SourceFile(role, _named(path, root), sha256)
        for role, what in dict.fromkeys(parts)
        for path, sha256 in sorted(definition_of(what).items())
    )


def sources_of_run(
    benches: Collection[Path], settings: Settings, before: Sources | None = None
) -> Sources:
    """Return the user's code that a run is made with; `before` is what it began with, if resumed.

    `benches` are its bench files, at least one; the repository is that of the first.
    """
    root = settings.root
    role_of = {
        **dict.fromkeys(sorted(benches), "bench"),
        **dict.fromkeys(sorted(_conftests(benches, root)), "conftest"),
        **dict.fromkeys(settings.extensions, "extension"),
    }
    files = [
        SourceFile(role, _named(path, root), hashlib.sha256(read_regular(path)).hexdigest())
        for path, role in role_of.items()
        if os.path.isfile(path)
    ]
    repository = repository_of(min(benches).parent, list(role_of))
    sources = Sources(repository, tuple(files))
    return sources if before is None else joined_sources([before, sources])


def _conftests(benches: Collection[Path], root: Path) -> Iterator[Path]:
    for folder in dict.fromkeys(bench.parent for bench in benches):
        above = [f for f in folder.parents if f.is_relative_to(root)]
        yield from (f / _CONFTEST for f in (folder, *above) if os.path.isfile(f / _CONFTEST))


def _named(path: Path, root: Path) -> str:
    real, top = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    return real.relative_to(top).as_posix() if real.is_relative_to(top) else path.name
