"""Where a run was made, as far as that can be known without importing torch."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import analog_bench
from analog_bench.store.document import Json

PACKAGES = (
    "aihwkit",
    "analog-bench",
    "datasets",
    "numpy",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)


def collect_environment(known: Mapping[str, Json]) -> dict[str, Json]:
    """Describe this machine and its packages.

    Args:
        known: What only the caller can know: `device`, `threads`, `tiles`, ...; wins over what is
            found here.

    Returns:
        `python`, `platform`, `machine`, `cpu` and the version of each of `PACKAGES` (None where it
        is not installed), with `known`, sorted by name.
    """
    found: dict[str, Json] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        **{name: package_version(name) for name in PACKAGES},
        **known,
    }
    return dict(sorted(found.items()))


def package_version(name: str) -> str | None:
    """Return the version of an installed package, None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    """Return the processor's name as the system gives it, or at least its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), platform.processor() or platform.machine())


def checkout_commit(package: Path | None = None) -> str | None:
    """Return the commit of the checkout the project runs from.

    Args:
        package: The project's package folder; this very package's by default.

    Returns:
        The 40-digit commit, with `-dirty` where tracked files were changed; None where the package
        is not the one in its checkout's top folder (say, installed), or git is not there.
    """
    folder = (package or Path(analog_bench.__file__).parent).resolve()
    # An installed package may lie inside somebody else's checkout; its commit says nothing of us.
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.parent:
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if commit and changed else commit


def _git(folder: Path, *words: str) -> str | None:
    # In a git hook these would point git to the hook's repository, whatever the folder.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
            env={**env, "GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
