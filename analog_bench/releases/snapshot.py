"""This project's own code, as it is now, for environments that do not have it.

Environments hold what the project depends on, and not the project: its code changes every day,
they take gigabytes. Every release is measured by one copy of the code that runs this, whether that
is a checkout or an installed package; edits made meanwhile do not enter.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import analog_bench
from analog_bench.releases.recipe import PROJECT
from analog_bench.store.environment import package_version

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


@contextmanager
def snapshot() -> Iterator[Path]:
    """Yield a folder for PYTHONPATH that holds the package and its version, and nothing else."""
    package = Path(analog_bench.__file__).parent
    with TemporaryDirectory(prefix="analog-bench-") as name:
        folder = Path(name)
        shutil.copytree(package, folder / package.name, ignore=_LEFT_OUT)
        version = package_version(PROJECT)
        if version is not None:
            _write_metadata(folder, version)
        yield folder


def _write_metadata(folder: Path, version: str) -> None:
    place = folder / f"{PROJECT.replace('-', '_')}-{version}.dist-info"
    place.mkdir()
    text = f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: {version}\n"
    (place / "METADATA").write_text(text, encoding="utf-8")
