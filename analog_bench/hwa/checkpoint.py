"""Checkpoints of a training: tensors and plain values, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from analog_bench.errors import UsageError

RECIPE = "recipe.json"
"""The file beside the checkpoints that says what they were trained with."""
_KEEP = 2
_FACTS = "facts"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A state that a training can go on from.

    Attributes:
        tensors: Everything that changed since the start, by name.
        facts: Plain values: the step, the scores so far, the time spent.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def claim(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Record what a folder's checkpoints are made with, or check that it is still the same.

    Args:
        folder: Of the checkpoints; made where there is none.
        made_with: The hyperparameters, and hashes of the data, as plain values.

    Raises:
        UsageError: The checkpoints come from another recipe or other data, or an unknown one.
    """
    path = folder / RECIPE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(folder.rglob("checkpoint-*")):
                raise UsageError(
                    f"{folder} holds checkpoints but no {RECIPE}: nobody knows what they were "
                    "trained with; choose another folder"
                )
            text = json.dumps(made_with, indent=2, sort_keys=True) + "\n"
            path.write_text(text, encoding="utf-8")
            return
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise UsageError(f"cannot use {path}: {problem}; choose another folder") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no recipe; choose another folder")
    changed = changes(found, made_with)
    if changed:
        raise UsageError(
            f"{folder} was started with another recipe ({changed}); go on with that one or choose "
            "another folder"
        )


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what differs, in words; empty where nothing does."""
    return "; ".join(
        f"{key} was {before.get(key)!r} and is now {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    )


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a file; a process that dies meanwhile leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    tensors = {name: tensor.detach().contiguous() for name, tensor in checkpoint.tensors.items()}
    save_file(tensors, draft, {_FACTS: json.dumps(dict(checkpoint.facts))})
    os.replace(draft, path)


def read(path: Path) -> Checkpoint:
    """Read a file that `save` wrote; nothing is unpickled.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as problem:
        first = str(problem).partition("\n")[0]
        raise UsageError(
            f"cannot read {path} ({first}); delete it to go on from the one before"
        ) from None


def save_step(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a step, and remove all but the last two."""
    save(folder / f"checkpoint-{step}.safetensors", checkpoint)
    for old in _found(folder)[:-_KEEP]:
        old.unlink()


def last(folder: Path) -> Checkpoint | None:
    """Read a folder's last checkpoint; None where there is none.

    Raises:
        UsageError: It cannot be read.
    """
    found = _found(folder)
    return read(found[-1]) if found else None


def _found(folder: Path) -> list[Path]:
    named = [
        path
        for path in folder.glob("checkpoint-*.safetensors")
        if path.stem.removeprefix("checkpoint-").isdigit()
    ]
    return sorted(named, key=lambda path: int(path.stem.removeprefix("checkpoint-")))
