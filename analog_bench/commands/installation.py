"""The verbs about what is installed: `doctor` and `physics`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    JsonOption,
    LockOption,
    TileName,
    new_app,
    show_examples,
)
from analog_bench.commands.output import Line, print_blocks, print_json, print_sheet
from analog_bench.errors import BenchError, TileUnavailable
from analog_bench.spelling import counted
from analog_bench.tasks.data_folder import (
    DATA_VARIABLE,
    SQUAD_FILE,
    TRAINING_FILE,
    WIKITEXT_FILES,
    data_folder,
)

FAILED = 1
"""Exit code where no tile engine works, or a quantity is off its closed form."""
_DATA_FILES = (SQUAD_FILE, TRAINING_FILE, *WIKITEXT_FILES)

app = new_app()


@app.command(epilog=show_examples("doctor", "doctor --json"))
def doctor(as_json: JsonOption = False, lock: LockOption = LOCK_FILE) -> int:
    """Say what works here: versions, devices, tile engines, weights, data.

    Each embedded model computes a few tokens, with its digital and with its HWA weights.

    The exit code is 1 where no tile engine works.
    """
    report = examine(lock)
    if as_json:
        print_json(report)
    else:
        sections = _sections(report)
        print_sheet(sections)
        bad = sum(line.good is False for lines in sections.values() for line in lines)
        print(f"\n{counted(bad, 'thing')} to mend: see `no` above" if bad else "\nall well")
    return 0 if any(tile["usable"] for tile in report["tiles"].values()) else FAILED


@app.command(epilog=show_examples("physics", "physics --all --tile torch"))
def physics(
    everything: Annotated[
        bool, typer.Option("--all", help="show every condition, not only the sum")
    ] = False,
    tile: Annotated[
        TileName | None, typer.Option(help="examine this simulator only (default: aihwkit's)")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Hold the noise models of the installed aihwkit against their closed forms.

    The exit code is 1 where one deviates, or no tile engine works.
    """
    # Not at the top: it imports torch.
    from analog_bench.report.physics_table import physics_table
    from analog_bench.simulators.physics.run_survey import examine as survey_installation
    from analog_bench.simulators.physics.survey_record import survey_as_plain

    survey = survey_installation(*([tile] if tile else []))
    if as_json:
        print_json(survey_as_plain(survey))
    else:
        print_blocks(physics_table(survey, everything=everything))
    return 0 if survey.usable and not survey.failing else FAILED


def examine(lock: Path) -> dict[str, Any]:
    """Return plain values on everything a run may depend on.

    What does not work has its reason in place of a detail.

    Raises:
        TileUnavailable: torch cannot be imported.
    """
    try:
        from analog_bench.simulators.environment_probe import probe
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
        "weights": {"base of bert": _check(_base_weights), **_embedded_models()},
        "locked": {"file": str(lock), **_check(lambda: _locked(lock))},
        "data": _data(),
    }


def _check(look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": look()}
    except BenchError as problem:
        return {"ok": False, "detail": str(problem)}


def _base_weights() -> str:
    from analog_bench.zoo.minilm_base import find_base

    return f"verified, from {find_base().origin}"


def _embedded_models() -> dict[str, dict[str, Any]]:
    from analog_bench.session.embedded_trial import trials

    try:
        return {name: _check(attempt) for name, attempt in trials().items()}
    except BenchError as problem:
        return {"embedded models": {"ok": False, "detail": str(problem)}}


def _locked(path: Path) -> str:
    from analog_bench.zoo.lock_file import read_lock

    lock = read_lock(path)
    entries = [*lock.models.values(), *lock.datasets.values()]
    words = [f"{entry.hub_id} at {entry.revision[:12]}" for entry in entries]
    words += [f"{entry.name} in {entry.path}" for entry in lock.folders.values()]
    return ", ".join(words) or "nothing is locked"


def _data() -> dict[str, Any]:
    folder = data_folder()
    if folder is None:
        return {"folder": None, "ok": False, "detail": f"{DATA_VARIABLE} is not set"}
    if not os.path.isdir(folder):
        detail = f"{DATA_VARIABLE} names {folder}, which is no folder"
        return {"folder": str(folder), "ok": False, "detail": detail}
    files = [name for name in _DATA_FILES if os.path.isfile(folder / name)]
    detail = f"{folder} holds {', '.join(files) or 'none of ' + ', '.join(_DATA_FILES)}"
    return {"folder": str(folder), "ok": bool(files), "detail": detail}


def _sections(report: dict[str, Any]) -> dict[str, list[Line]]:
    weights, locked, data = report["weights"], report["locked"], report["data"]
    return {
        "Environment": [
            *(
                Line(name, "not installed" if value is None else str(value))
                for name, value in report["environment"].items()
            ),
            Line("devices", ", ".join(report["devices"])),
            Line("threads", str(report["threads"])),
        ],
        "Tile engines": [
            Line(name, tile["reason"], tile["usable"]) for name, tile in report["tiles"].items()
        ],
        "Weights": [
            *(Line(name, one["detail"], one["ok"]) for name, one in weights.items()),
            # An empty lock file is no fault: most users need nothing from the hub.
            Line(f"locked in {locked['file']}", locked["detail"], None if locked["ok"] else False),
        ],
        "Data": [
            Line(DATA_VARIABLE, data["detail"], None if data["folder"] is None else data["ok"])
        ],
    }
