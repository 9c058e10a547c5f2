"""Where a run was made, and whether one made here may continue it. Needs no torch."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import analog_bench
from analog_bench.codec import Json, one_line
from analog_bench.regular_file import read_regular
from analog_bench.simulators.versions import package_version
from analog_bench.store.run import Manifest, Repository

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
# What scores depend on beyond rounding. Not among them: Python, the processor's model, threads,
# and the packages that only load data, for which every result's protocol speaks.
SHARED_ENVIRONMENT = (
    *("analog-bench", "aihwkit", "torch", "transformers", "tokenizers", "numpy"),
    "device",
)
DECISIVE_ENVIRONMENT = (*SHARED_ENVIRONMENT, "machine")
# Where results go and how fast; numbers do not depend on them. Every other option counts: the
# manifest speaks for all of a run's results, and so must hold for each of them.
COSMETIC_OPTIONS = frozenset({"json", "replay", "front", "report", "resume", "workers", "threads"})


def collect_environment(known: Mapping[str, Json]) -> dict[str, Json]:
    """Describe this machine and the versions of `PACKAGES` (None where one is not installed).

    `known` is what only the caller can know: `device`, `threads`, `tiles`, ...; it wins.
    """
    environment: dict[str, Json] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        **{name: package_version(name) for name in PACKAGES},
        **known,
    }
    return dict(sorted(environment.items()))


def new_manifest(
    seed: int, command: str, environment: Mapping[str, Json], options: Mapping[str, Json]
) -> Manifest:
    """Return the manifest of a run that begins now; for `environment` see `collect_environment`."""
    return Manifest(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seed=seed,
        command=command,
        environment=collect_environment(environment),
        commit=checkout_commit(),
        options=dict(options),
    )


def joined_environment(parts: Sequence[Mapping[str, Json]], name: str) -> dict[str, Json]:
    """Return what all parts of a run have in common, and every value of what differs.

    Each part's own values of that are listed under `name`.
    """
    known = sorted({fact for part in parts for fact in part})
    values = {fact: [part.get(fact) for part in parts] for fact in known}
    differing = {fact: own for fact, own in values.items() if any(v != own[0] for v in own)}
    joined: dict[str, Json] = {
        fact: own[0] for fact, own in values.items() if fact not in differing
    }
    for fact, own in differing.items():
        distinct = [value for n, value in enumerate(own) if value not in own[:n]]
        joined[fact] = ", ".join(map(str, distinct))
    if differing:
        joined[name] = [
            {fact: own[n] for fact, own in differing.items()} for n in range(len(parts))
        ]
    return joined


def cpu_model() -> str:
    """Return the processor's name as the system gives it, or at least its architecture."""
    try:
        lines = read_regular(Path("/proc/cpuinfo")).decode(errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), platform.processor() or platform.machine())


def checkout_commit(package: Path | None = None) -> str | None:
    """Return the 40-digit commit of the checkout that the project runs from.

    It ends in `-dirty` if tracked files were changed. It is None without git, or if the package is
    not the one in its checkout's top folder, for example because it is installed.
    """
    folder = Path(os.path.realpath(package or Path(analog_bench.__file__).parent))
    # An installed package may lie inside somebody else's checkout; its commit says nothing of us.
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(os.path.realpath(top)) != folder.parent:
        return None
    return _commit(folder)


def repository_of(folder: Path, files: Sequence[Path]) -> Repository | None:
    """Return the git repository that a folder is in; None if it is in none, or without git.

    Its commit ends in `-dirty` if tracked files were changed, or one of these files is not tracked.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        return None
    real = [Path(os.path.realpath(file)) for file in files]
    inside = [str(file) for file in real if file.is_relative_to(os.path.realpath(top))]
    untracked = inside and _git(
        Path(top), "--literal-pathspecs", "ls-files", "--others", "--", *inside
    )
    commit = _commit(folder, dirty=bool(untracked))
    return Repository(Path(top).name, (commit,) if commit else ())


def resume_conflicts(stored: Manifest, present: Manifest) -> str:
    """Say in one line why the present run cannot continue a stored one; empty if it can.

    Besides what keeps results apart (`run_conflicts`), that is another kind of processor.
    """
    return _conflicts(stored, present, (*DECISIVE_ENVIRONMENT, *_devices(stored, present)))


def run_conflicts(stored: Manifest, present: Manifest) -> str:
    """Say in one line why the results of two runs cannot share a file; empty if they can.

    It reads like `seed was 1, is 2; torch was '2.11.0', is '2.15.0'`. Facts of the environment that
    only one manifest has are not compared, and one uncommitted change cannot be told from another.
    Kinds of processors may differ: each case is measured on one, and compared with its baseline by
    its own chips' fingerprints.
    """
    return _conflicts(stored, present, SHARED_ENVIRONMENT)


def _conflicts(stored: Manifest, present: Manifest, decisive: Iterable[str]) -> str:
    conflicts: dict[str, str] = {}
    if stored.seed != present.seed:
        conflicts["seed"] = f"seed was {stored.seed}, is {present.seed}"
    commits = [m.commit.removesuffix("-dirty") for m in (stored, present) if m.commit]
    if len({*commits}) > 1:
        conflicts["commit"] = f"commit was {commits[0][:12]!a}, is {commits[1][:12]!a}"
    known = stored.environment.keys() & present.environment.keys()
    for name in decisive:
        if name in known and stored.environment[name] != present.environment[name]:
            conflicts[name] = f"{name} {_change(name, stored.environment, present.environment)}"
    for name in sorted({*stored.options, *present.options} - COSMETIC_OPTIONS):
        # The seed and the device may have been named already.
        if name not in conflicts and stored.options.get(name) != present.options.get(name):
            option = _spelt(f"--{name}")[1:-1]
            conflicts[name] = f"{option} {_change(name, stored.options, present.options)}"
    return "; ".join(conflicts.values())


def _commit(folder: Path, *, dirty: bool = False) -> str | None:
    commit = _git(folder, "rev-parse", "HEAD")
    changed = dirty or _git(folder, "status", "--porcelain", "--untracked-files=no")
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


def _devices(*manifests: Manifest) -> tuple[str, ...]:
    # Which GPUs there are matters to those only who compute on one.
    used = {str(m.environment.get("device") or m.options.get("device", "cpu")) for m in manifests}
    return ("devices",) if used - {"cpu"} else ()


def _change(name: str, stored: Mapping[str, Json], present: Mapping[str, Json]) -> str:
    was, now = (
        "not given" if known.get(name) is None else _spelt(known[name])
        for known in (stored, present)
    )
    return f"was {was}, is {now}"


def _spelt(value: Json) -> str:
    return one_line(ascii(value), 60)
