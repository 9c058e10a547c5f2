"""`analog-bench new`: a project of one's own, with shipped studies if wanted."""

from __future__ import annotations

import fnmatch
import os
import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

import analog_bench
from analog_bench.commands.options import new_app, show_examples
from analog_bench.errors import StoreError, UsageError, did_you_mean
from analog_bench.regular_file import read_regular

_CACHES = shutil.ignore_patterns("__pycache__", "*_cache", "runs")

app = new_app()


@app.command(epilog=show_examples("new demo", "new demo --study layer_noise --study drift"))
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="made, where it is not there")],
    study: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="a study that comes along, copied with its stored baselines; '*' takes all, and "
            "it may be repeated",
        ),
    ] = None,
) -> int:
    """Make a small project: a study, a noise and a workflow of your own, ready to run."""
    home = _shipped()
    studies = _pick_studies(home / "bench", study or [])
    try:
        if os.path.exists(folder) and (not os.path.isdir(folder) or any(folder.iterdir())):
            wrong = "is not empty" if os.path.isdir(folder) else "is not a folder"
            raise UsageError(f"{folder} {wrong}; name a folder that is not there yet")
        shutil.copytree(home / "starter", folder, ignore=_CACHES, dirs_exist_ok=True)
        for path in studies.values():
            shutil.copyfile(path, folder / "bench" / path.name)
        stored = home / "baselines"
        # Digital scores belong to no study.
        patterns = ("digital/*.json", *(f"*/*/{name}.json" for name in studies))
        for path in (path for pattern in patterns if studies for path in stored.glob(pattern)):
            target = folder / path.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    except OSError as problem:
        raise StoreError(f"cannot write {folder}: {problem}") from problem
    # To be copied into a shell, to which `cd -x` would be an option.
    place = f"./{folder}" if str(folder).startswith("-") else str(folder)
    print(f"{folder} is ready; next:\n  cd {shlex.quote(place)}\n  pytest bench")
    return 0


def _pick_studies(bench: Path, patterns: list[str]) -> dict[str, Path]:
    """Return the files of the studies that patterns fit, by name."""
    known = {
        path.stem.removeprefix("bench_"): path
        for path in sorted(bench.glob("bench_*.py"))
        # The others examine this project itself.
        if "\nSTUDY = Study(" in read_regular(path).decode()
    }
    for pattern in patterns:
        if not fnmatch.filter(known, pattern):
            raise UsageError(f"no study {pattern!r} comes along; {did_you_mean(pattern, known)}")
    return {
        name: path
        for name, path in known.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }


def _shipped() -> Path:
    """Return the folder of `bench`, `baselines` and `starter`: setup.py puts them into a wheel."""
    package = Path(analog_bench.__file__).parent
    inside = package / "shipped"
    return inside if os.path.isdir(inside) else package.parent
