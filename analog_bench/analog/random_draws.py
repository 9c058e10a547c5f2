"""Reproducible numbers: seeded draws, deterministic algorithms, summaries of tensors."""

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
    """Restore torch's global generators (the CPU's and the device's) on exit."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def reseed(seed: int, device: torch.device) -> None:
    """Seed the global generators that `isolated` restores, and no others.

    `torch.manual_seed` would also seed GPUs that are not restored afterwards.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Run with seeded global generators, and restore them on exit."""
    with isolated(device):
        reseed(seed, device)
        yield


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Let a GPU use only algorithms that reproduce the same bits, as a CPU does anyway.

    Otherwise the gradients of fused attention are summed in any order.
    """
    if device.type != "cuda":
        yield
        return
    # Read when cuBLAS is first used; torch requires it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # useless here, and a launch per tensor
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


def summaries(values: Tensor) -> tuple[float, ...]:
    """Summarise a tensor in four numbers that hardly any two tensors share.

    They are the mean, the mean magnitude, the standard deviation, and the product with a fixed
    pseudo-random probe (the fractional parts of n times the golden ratio, less 1/2, over the number
    of values), in double precision, rounded to 7 significant digits.
    """
    flat = values.detach().double().reshape(-1)
    # A closed form, because no release of torch promises the random numbers of another.
    probe = torch.arange(1, flat.numel() + 1, dtype=torch.float64, device=flat.device)
    probe = probe.mul_(_GOLDEN).frac_().sub_(0.5)
    spread = flat.std(unbiased=False)
    figures = (flat.mean(), flat.abs().mean(), spread, flat.dot(probe) / len(flat))
    return tuple(float(f"{figure:.6e}") for figure in torch.stack(figures).tolist())
