"""Checkpoints of a training: tensors and plain values, written atomically."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from analog_bench.codec import DocumentError
from analog_bench.errors import UsageError
from analog_bench.regular_file import check_regular

_FACTS, _DIGEST = "facts", "sha256"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A state to resume a training from: what changed since the start, and plain values."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a file; a process that dies meanwhile leaves the old one intact."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    tensors = {name: tensor.detach().contiguous() for name, tensor in checkpoint.tensors.items()}
    facts = json.dumps(dict(checkpoint.facts))
    save_file(tensors, draft, {_FACTS: facts, _DIGEST: _digest(tensors, facts)})
    os.replace(draft, path)


def read(path: Path) -> Checkpoint:
    """Read a file that `save` wrote; nothing is unpickled.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = about.get(_FACTS, "")
        # Damage would otherwise go unnoticed, or make the training fail much later.
        if about.get(_DIGEST) != _digest(tensors, facts):
            raise DocumentError("it is damaged, or of an earlier release: its sha256 does not fit")
        return Checkpoint(tensors, json.loads(facts))
    except (OSError, SafetensorError, RuntimeError, ValueError) as problem:
        first = str(problem).partition("\n")[0]
        raise UsageError(
            f"cannot read {path} ({first}); delete it to go on from the one before"
        ) from None


def _digest(tensors: Mapping[str, Tensor], facts: str) -> str:
    """Return a sha256 over the whole content of a checkpoint."""
    digest = hashlib.sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_step(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a step, and remove all but the last two."""
    save(folder / f"checkpoint-{step}.safetensors", checkpoint)
    for old in _checkpoints(folder)[:-2]:
        old.unlink()


def last(folder: Path) -> Checkpoint | None:
    """Read a folder's last checkpoint; None if there is none."""
    paths = _checkpoints(folder)
    return read(paths[-1]) if paths else None


def _checkpoints(folder: Path) -> list[Path]:
    files = folder.glob("checkpoint-*.safetensors")
    steps = {path: path.stem.removeprefix("checkpoint-") for path in files}
    return sorted((p for p in steps if steps[p].isdigit()), key=lambda p: int(steps[p]))
