"""The owner of a folder's checkpoints: a training resumes only from its own. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import DocumentError, indented, read_json
from analog_bench.errors import UsageError

RECIPE = "recipe.json"
"""The file beside the checkpoints that records how they were trained."""


def claim(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Record what a folder's checkpoints are made with, or check that it is unchanged.

    Raises:
        UsageError: The checkpoints come from another or an unknown recipe, or from other data.
    """
    path = folder / RECIPE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.path.exists(path):
            if any(folder.rglob("checkpoint-*")):
                raise UsageError(
                    f"{folder} holds checkpoints but no {RECIPE}: nobody knows what they were "
                    "trained with; choose another folder"
                )
            write_atomic(path, indented(made_with))
            return
        before = read_json(path)
    except (OSError, DocumentError) as problem:
        raise UsageError(f"cannot use {path}: {problem}; choose another folder") from None
    if not isinstance(before, dict):
        raise UsageError(f"{path} is no recipe; choose another folder")
    if changed := changes(before, made_with):
        raise UsageError(
            f"{folder} was started with another recipe ({changed}); go on with that one or choose "
            "another folder"
        )


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the differences in words; empty if there are none."""
    return "; ".join(
        f"{key} was {before.get(key)!r} and is now {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    )
