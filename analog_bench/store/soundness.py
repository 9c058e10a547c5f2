"""Whether an interrupted run may be continued: do the numbers still mean the same?"""

from __future__ import annotations

from collections.abc import Mapping

from analog_bench.store.document import Json
from analog_bench.store.run import Manifest

# What scores depend on beyond rounding. Not among them: Python, the processor's model, threads,
# and the packages that only load data, for which every result's protocol speaks.
DECISIVE_ENVIRONMENT = (
    *("analog-bench", "aihwkit", "torch", "transformers", "tokenizers", "numpy"),
    *("machine", "device"),
)
# Where results go and how fast; numbers do not depend on them. Every other option counts: the
# manifest speaks for all of a run's results, and so must hold for each of them.
COSMETIC_OPTIONS = frozenset({"json", "replay", "front", "report", "resume"})


def what_differs(stored: Manifest, present: Manifest) -> str:
    """Say what keeps a run from being continued.

    What only one of the two manifests knows of the environment is not compared. An uncommitted
    change of the project cannot be told from another one.

    Args:
        stored: Manifest of the run that was interrupted.
        present: Manifest of the run that would continue it.

    Returns:
        One line, such as `seed was 1, is 2; torch was '2.11.0', is '2.15.0'`; empty where the
        results of both may stand in one file.
    """
    found: dict[str, str] = {}
    if stored.seed != present.seed:
        found["seed"] = f"seed was {stored.seed}, is {present.seed}"
    commits = [m.commit.removesuffix("-dirty") for m in (stored, present) if m.commit]
    if len({*commits}) > 1:
        found["commit"] = f"commit was {commits[0][:12]!a}, is {commits[1][:12]!a}"
    known = stored.environment.keys() & present.environment.keys()
    for name in (*DECISIVE_ENVIRONMENT, *_devices(stored, present)):
        if name in known and stored.environment[name] != present.environment[name]:
            found[name] = f"{name} {_change(name, stored.environment, present.environment)}"
    for name in sorted({*stored.options, *present.options} - COSMETIC_OPTIONS):
        # The seed and the device may have been named already.
        if name not in found and stored.options.get(name) != present.options.get(name):
            option = _shown(f"--{name}")[1:-1]
            found[name] = f"{option} {_change(name, stored.options, present.options)}"
    return "; ".join(found.values())


def _devices(*manifests: Manifest) -> tuple[str, ...]:
    # Which GPUs there are matters to those only who compute on one.
    used = {str(m.environment.get("device") or m.options.get("device", "cpu")) for m in manifests}
    return ("devices",) if used - {"cpu"} else ()


def _change(name: str, stored: Mapping[str, Json], present: Mapping[str, Json]) -> str:
    was, now = (
        "not given" if known.get(name) is None else _shown(known[name])
        for known in (stored, present)
    )
    return f"was {was}, is {now}"


def _shown(value: Json) -> str:
    spelt = ascii(value)
    return spelt if len(spelt) <= 60 else f"{spelt[:56]} ..."
