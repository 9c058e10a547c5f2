"""Experiments on what is around the cells: noise, converters, amplifiers, wires."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from analog_bench.noise import InpNoise, IrDrop, OutNoise, PcmRead, Quantise, SShape
from analog_bench.simulators.physics.experiment import Finding, exact, experiment, spread
from analog_bench.simulators.physics.specimen import numbers, product
from analog_bench.simulators.versions import CPP, TORCH

_VECTORS, _WIDTH = 400, 100
_ROWS = 64
_MANY_VECTORS = 20_000  # one draw a vector counts there


def _full_scale(vectors: int, width: int) -> Tensor:
    """Return inputs whose largest is 1, so that a tile's input units are theirs."""
    x = numbers(vectors, width)
    x[:, 0] = 1.0
    return x


@experiment("out_noise", {"output noise": "its std, in units of the largest weight and input"})
def _output_noise(tile: str) -> Iterator[Finding]:
    x, weight = _full_scale(_VECTORS, _WIDTH), torch.eye(_WIDTH)
    for std in (0.04, 0.3):
        noisy = product(weight, x, OutNoise(std), tile)
        yield spread(f"std = {std:g}", noisy - x, std)


@experiment("inp_noise", {"input noise": "its std, in units of the largest input"})
def _input_noise(tile: str) -> Iterator[Finding]:
    # With the unit matrix each output reads one input, so that no two share a draw.
    x, weight = _full_scale(_VECTORS, _WIDTH), torch.eye(_WIDTH)
    yield spread("std = 0.05", product(weight, x, InpNoise(0.05), tile) - x, 0.05)


@experiment("inp_noise", {"input noise through weights": "its std times the norm of the weights"})
def _summed_input_noise(tile: str) -> Iterator[Finding]:
    x, weight = _full_scale(_MANY_VECTORS, _WIDTH), torch.zeros(2, _WIDTH)
    weight[0, :25], weight[1, 25:] = 1.0, 1.0
    noise = product(weight, x, InpNoise(0.05), tile) - x @ weight.T
    for row, cells in enumerate((25, _WIDTH - 25)):
        yield spread(f"{cells} weights of 1", noise[:, row], 0.05 * cells**0.5)


@experiment("quantise", {"step of the input converter": "2 / (2^bits - 2) of the largest input"})
def _input_step(tile: str) -> Iterator[Finding]:
    for bits in (4, 8):
        yield exact(f"{bits} bits", _step(Quantise(bits, 0), tile, 1.0), 2 / (2**bits - 2))


@experiment("quantise", {"step of the output converter": "2 bound / (2^bits - 2)"})
def _output_step(tile: str) -> Iterator[Finding]:
    for bits in (5, 8):
        step = _step(Quantise(0, bits, out_bound=2.0), tile, 1.0)
        yield exact(f"{bits} bits, bound 2", step, 4 / (2**bits - 2))


@experiment("quantise", {"bound of the output converter": "no output is larger than the bound"})
def _output_bound(tile: str) -> Iterator[Finding]:
    x, weight = torch.ones(1, 8), torch.ones(1, 8)
    for bound in (2.0, 5.0):
        largest = product(weight, x, Quantise(0, 8, out_bound=bound), tile).max()
        yield exact(f"bound {bound:g}", float(largest), bound)


@experiment("pcm_read", {"noise of a product": "std √(Σ |w| x²), all w and x 1"})
def _pcm_read(tile: str) -> Iterator[Finding]:
    x, weight = torch.ones(_VECTORS, 16), torch.ones(_WIDTH, 16)
    for std in (0.0175, 0.1):
        noisy = product(weight, x, PcmRead(std), tile) / 16**0.5
        yield spread(f"std = {std:g}", noisy, std)


@experiment("s_shape", {"output": "y / (1 + strength |y| / 10)"})
def _s_shape(tile: str) -> Iterator[Finding]:
    for strength in (0.5, 3.0):
        found = product(torch.ones(1, 8), torch.ones(1, 8), SShape(strength), tile)
        yield exact(f"y = 8, strength {strength:g}", float(found), 8 / (1 + strength * 0.8))


@experiment(
    "ir_drop",
    {
        "output of a full column": "n (1 - c Σ(1 - (1 - j/n)²) / n), c = a(a(0.05 a - 0.2) + 0.5), "
        "a = n² / 571429 (Rasch et al., Nat. Commun. 14, 2023)"
    },
    tiles=(CPP,),
)
def _fast_ir_drop(tile: str) -> Iterator[Finding]:
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
    {
        "charge of a full column": "Thevenin equivalents of a column of wires, in closed form "
        "(see simulators/ir_drop.py)"
    },
    tiles=(TORCH,),
)
def _timed_ir_drop(tile: str) -> Iterator[Finding]:
    return _full_column(shipped=False)


@experiment(
    "ir_drop_shipped",
    {
        "charge of a full column": "as for ir_drop, with half a time slice more for every pulse "
        "and 0.5 mV of offset, in whole counts of the converter"
    },
    tiles=(TORCH,),
)
def _shipped_ir_drop(tile: str) -> Iterator[Finding]:
    return _full_column(shipped=True)


def _full_column(*, shipped: bool) -> Iterator[Finding]:
    # Not at the top: other simulators are examined where aihwkit is not installed.
    import analog_bench.simulators.aihwkit as kit

    x, weight = torch.linspace(0.0, 1.0, _ROWS)[None], torch.ones(2, _ROWS)
    for scale in (1.0, 20.0):
        found, expected = kit.timed_ir_drop(weight, x, scale, shipped=shipped)
        # Of aihwkit's class and of the closed form; even columns are read at the bottom.
        yield exact(f"scale {scale:g}", float(found[0, 0]), float(expected[0, 0]))


def _step(noise: Quantise, tile: str, largest: float) -> float:
    """Return the distance of the values that a ramp comes out as."""
    ramp = torch.linspace(-largest, largest, 8191)[:, None]
    # A second input stays at full scale; its weight is 0, so that it changes no output.
    x = torch.cat([ramp, torch.ones_like(ramp)], 1)
    out = product(torch.tensor([[1.0, 0.0]]), x, noise, tile).reshape(-1).double()
    met = torch.unique((out * 1e6).round() / 1e6)
    return float((met[-1] - met[0]) / (len(met) - 1))


EXPERIMENTS = (
    *(_output_noise, _input_noise, _summed_input_noise),
    *(_input_step, _output_step, _output_bound),
    *(_pcm_read, _s_shape, _fast_ir_drop, _timed_ir_drop),
    _shipped_ir_drop,
)
