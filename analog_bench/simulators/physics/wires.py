"""Voltage drop along the columns, of either tile engine's model."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from analog_bench.noise import IrDrop
from analog_bench.simulators.physics.experiment import Finding, exact, experiment
from analog_bench.simulators.physics.specimen import product
from analog_bench.simulators.versions import CPP, TORCH

_ROWS = 64


@experiment(
    "ir_drop",
    "output of a full column",
    "n (1 - c Σ(1 - (1 - j/n)²) / n), c = a(a(0.05 a - 0.2) + 0.5), a = n² / 571429 "
    "(Rasch et al., Nat. Commun. 14, 2023)",
    tiles=(CPP,),
)
def _fast(tile: str) -> Iterator[Finding]:
    ones = torch.ones(1, 400)
    n = ones.numel()
    a = n * 0.35 * 5e-6 * n
    c = a * (a * (0.05 * a - 0.2) + 0.5)
    far = sum(1 - (1 - j / n) ** 2 for j in range(n))
    for scale in (1.0, 5.0):
        found = product(ones, ones, IrDrop(scale), tile)
        yield exact(f"scale {scale:g}", float(found), n - scale * c * far)


@experiment(
    "ir_drop",
    "charge of a full column",
    "Thevenin equivalents of a column of wires, in closed form (see analog/ir_drop.py)",
    tiles=(TORCH,),
)
def _timed(tile: str) -> Iterator[Finding]:
    # Not at the top: other simulators are examined where aihwkit is not installed.
    import analog_bench.simulators.aihwkit as kit

    x, weight = torch.linspace(0.0, 1.0, _ROWS)[None], torch.ones(2, _ROWS)
    for scale in (1.0, 20.0):
        found, expected = kit.timed_ir_drop(weight, x, scale)
        # Of aihwkit's class and of the closed form; even columns are read at the bottom.
        yield exact(f"scale {scale:g}", float(found[0, 0]), float(expected[0, 0]))


EXPERIMENTS = (_fast, _timed)
