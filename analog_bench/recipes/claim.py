"""Whose checkpoints a folder holds: a training goes on only from its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analog_bench.errors import UsageError

RECIPE = "recipe.json"
"""The file beside the checkpoints that says what they were trained with."""


def claim(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Write down what a folder's checkpoints are made with, or insist that it is still the same.

    Args:
        folder: Of the checkpoints; made where there is none.
        made_with: The hyperparameters, and hashes of the data, as plain values.

    Raises:
        UsageError: The checkpoints come from another recipe or other data, or from an unknown one.
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
    changed = [
        f"{key} was {found.get(key)!r} and is now {made_with.get(key)!r}"
        for key in sorted({*found, *made_with})
        if found.get(key) != made_with.get(key)
    ]
    if changed:
        raise UsageError(
            f"{folder} was started with another recipe ({'; '.join(changed)}); "
            "go on with that one or choose another folder"
        )
