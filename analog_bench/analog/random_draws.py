"""Numbers that come again: seeded draws, reproducible algorithms, tensors summed up in figures."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_GOLDEN = (math.sqrt(5) - 1) / 2


@contextmanager
def isolated(device: torch.device) -> Iterator[None]:
    """Give torch's global generators (CPU, and the device's) back as they were on leaving."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def reseed(seed: int, device: torch.device) -> None:
    """Seed the global generators that `isolated` gives back, and no others.

    `torch.manual_seed` would also seed GPUs that are not restored afterwards.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Run with seeded global generators, and give them back as they were."""
    with isolated(device):
        reseed(seed, device)
        yield


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Let a GPU compute with algorithms that give the same bits again, as a processor does anyway.

    Without it the gradients of fused attention are added up in any order.
    """
    if device.type != "cuda":
        yield
        return
    # Read when cuBLAS is used for the first time; torch asks for it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # no use, and a launch for each tensor
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


def summaries(values: Tensor) -> tuple[float, ...]:
    """Sum a tensor up in four figures that hardly any two tensors share.

    Mean, mean magnitude, standard deviation, and the product with a fixed pseudo-random probe (the
    fractional parts of n times the golden ratio, less 1/2, over the number of values), in double
    precision, rounded to 7 significant digits.
    """
    flat = values.detach().double().reshape(-1)
    # A closed form, because no release of torch promises the numbers of another.
    probe = torch.arange(1, flat.numel() + 1, dtype=torch.float64, device=flat.device)
    probe = probe.mul_(_GOLDEN).frac_().sub_(0.5)
    spread = flat.std(unbiased=False)
    figures = (flat.mean(), flat.abs().mean(), spread, flat.dot(probe) / len(flat))
    return tuple(float(f"{figure:.6e}") for figure in torch.stack(figures).tolist())
