"""`analog-bench doctor`: what this environment can run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analog_bench.commands.arguments import (
    Verbs,
    add_json,
    add_lock,
)
from analog_bench.commands.arguments import (
    add_verb as _add,
)
from analog_bench.commands.sheet import Line, print_sheet
from analog_bench.errors import BenchError, TileUnavailable
from analog_bench.tasks.data_folder import DATA_VARIABLE, data_folder

_DATA_FILES = ("squad/dev-v1.1.json", "squad/train-v1.1.json")


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "doctor",
        "say what works here: versions, devices, tile engines, weights, data",
        "analog-bench doctor\nanalog-bench doctor --json",
        run,
    )
    add_json(parser)
    add_lock(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 0 where at least one tile engine works, else 1."""
    found = examine(arguments.lock)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print_sheet(_sections(found))
    return 0 if any(tile["usable"] for tile in found["tiles"].values()) else 1


def examine(lock: Path) -> dict[str, Any]:
    """Look at everything a run may depend on.

    Args:
        lock: The lock file.

    Returns:
        Plain values: `environment`, `devices`, `threads`, `tiles`, `weights`, `locked`, `data`.
        What does not work has its reason in place of a detail; only a torch that does not import
        is an error.

    Raises:
        TileUnavailable: torch cannot be imported.
    """
    try:
        from analog_bench.simulators.probe import probe
    except (ImportError, OSError) as problem:
        raise TileUnavailable(
            f"torch does not import ({problem}); reinstall with `pip install analog-bench`"
        ) from None
    from analog_bench.store.environment import collect_environment

    here = probe().as_dict()
    return {
        "environment": collect_environment({}),
        "devices": here["devices"],
        "threads": here["threads"],
        "tiles": here["tiles"],
        "weights": {"base": _tried(_base), "bert": _tried(_shipped)},
        "locked": {"file": str(lock), **_tried(lambda: _locked(lock))},
        "data": _data(),
    }


def _tried(look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": look()}
    except BenchError as problem:
        return {"ok": False, "detail": str(problem)}


def _base() -> str:
    from analog_bench.zoo.base import find_base

    return f"verified, from {find_base().origin}"


def _shipped() -> str:
    from analog_bench.zoo.base import HASHES
    from analog_bench.zoo.embedded import WEIGHTS
    from analog_bench.zoo.record import read_verified

    record = read_verified(WEIGHTS / "bert", HASHES)
    return f"verified, {record.form} of {len(record.files)} file(s)"


def _locked(path: Path) -> str:
    from analog_bench.zoo.lock import read_lock

    lock = read_lock(path)
    entries = [*lock.models.values(), *lock.datasets.values()]
    return ", ".join(f"{e.hub_id} at {e.revision[:12]}" for e in entries) or "nothing is locked"


def _data() -> dict[str, Any]:
    folder = data_folder()
    if folder is None:
        return {"folder": None, "ok": False, "detail": f"{DATA_VARIABLE} is not set"}
    if not folder.is_dir():
        detail = f"{DATA_VARIABLE} names {folder}, which is no folder"
        return {"folder": str(folder), "ok": False, "detail": detail}
    held = [name for name in _DATA_FILES if (folder / name).is_file()]
    detail = f"{folder} holds {', '.join(held) or 'none of ' + ', '.join(_DATA_FILES)}"
    return {"folder": str(folder), "ok": bool(held), "detail": detail}


def _sections(found: dict[str, Any]) -> dict[str, list[Line]]:
    environment = [
        Line(name, "not installed" if value is None else str(value))
        for name, value in found["environment"].items()
    ]
    data = found["data"]
    return {
        "Environment": [
            *environment,
            Line("devices", ", ".join(found["devices"])),
            Line("threads", str(found["threads"])),
        ],
        "Tile engines": [
            Line(name, tile["reason"], tile["usable"]) for name, tile in found["tiles"].items()
        ],
        "Weights": [
            Line("base of the embedded bert", **_fact(found["weights"]["base"])),
            Line("embedded bert", **_fact(found["weights"]["bert"])),
            # An empty lock file is no fault: most users need nothing from the hub.
            Line(
                f"locked in {found['locked']['file']}",
                found["locked"]["detail"],
                None if found["locked"]["ok"] else False,
            ),
        ],
        "Data": [
            Line(DATA_VARIABLE, data["detail"], None if data["folder"] is None else data["ok"])
        ],
    }


def _fact(node: dict[str, Any]) -> dict[str, Any]:
    return {"text": node["detail"], "good": node["ok"]}
