"""How a model computes: in which precision, and on what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from analog_bench.records import Precision


@contextmanager
def computing(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute matrix products in a precision, and restore torch's settings afterwards.

    `float32` is float32 whatever the process allows; `tf32` rounds a GPU's factors to 10 bits of
    mantissa; `bfloat16` is torch's autocast, which keeps norms, softmax and sums in float32. Tiles
    compute in TF32 under `tf32`, and in float32 otherwise (`simulators.aihwkit.layer`).
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def device_name(device: torch.device) -> str:
    """Return `cpu`, or a GPU's name: GPUs of two kinds draw other numbers from one seed."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
