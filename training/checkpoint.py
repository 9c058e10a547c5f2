"""Checkpoints of a training in two phases, written whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from analog_bench.errors import UsageError
from analog_bench.regular_file import check_regular

_KEEP = 2


@dataclass(frozen=True)
class Checkpoint:
    """A training's state after so many steps of its phase.

    Attributes:
        step: Steps made.
        seconds: Processor time spent on them, in all calls together.
        state: Everything else a training needs to go on, as tensors and plain values.
    """

    step: int
    seconds: float
    state: dict[str, Any]


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of a phase into its folder, and remove all but the last two."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"checkpoint-{checkpoint.step}.pt"
    draft = path.with_suffix(".part")
    content = {"step": checkpoint.step, "seconds": checkpoint.seconds, "state": checkpoint.state}
    torch.save(content, draft)
    os.replace(draft, path)
    for old in _checkpoints(folder)[:-_KEEP]:
        old.unlink()


def last(folder: Path, until: int | None = None) -> Checkpoint | None:
    """Read the last checkpoint of a phase up to a step; None where there is none.

    Raises:
        UsageError: The file cannot be read, or all of them are later than asked for.
    """
    paths = _checkpoints(folder)
    usable = [path for path in paths if until is None or _step(path) <= until]
    if paths and not usable:
        raise UsageError(
            f"{folder} stands at step {_step(paths[-1])}, beyond the {until} asked for: the steps "
            "before are gone; ask for more or choose another folder"
        )
    if not usable:
        return None
    try:
        check_regular(usable[-1])
        # Tensors and plain values only: nothing is unpickled that could run.
        content = torch.load(usable[-1], map_location="cpu", weights_only=True)
        return Checkpoint(content["step"], content["seconds"], content["state"])
    except (OSError, RuntimeError, UnpicklingError, KeyError, TypeError) as problem:
        first = str(problem).partition("\n")[0]
        raise UsageError(
            f"cannot read {usable[-1]} ({first}); delete it to go on from the one before"
        ) from None


def _checkpoints(folder: Path) -> list[Path]:
    named = [path for path in folder.glob("checkpoint-*.pt") if path.stem[11:].isdigit()]
    return sorted(named, key=_step)


def _step(path: Path) -> int:
    return int(path.stem[11:])
