"""Solve for the severity at which a layer's output errs by a chosen amount."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.analog.clean_inputs import CleanInputs
from analog_bench.analog.compatibility import IDEAL
from analog_bench.analog.layers import find, weight_of
from analog_bench.analog.root_finding import Root, root
from analog_bench.analog.tile_protocol import InputRange, TileSimulator
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, Noise

# Chips to average over: more if a layer has few outputs, because their error varies more.
_LEAST_CHIPS, _MOST_CHIPS, _OUTPUTS_IN_ALL = 4, 64, 512
_DIGITS = 3


def output_error(
    model: nn.Module,
    layer: str,
    noise: Noise,
    inputs: CleanInputs,
    *,
    chip: int,
    seed: int,
    simulator: TileSimulator | None = None,
    hardware: str = IDEAL,
    drift_s: float = 0.0,
    input_ranges: Mapping[str, InputRange] | None = None,
) -> float:
    """Return the relative error of one layer's output on one chip; arguments as for `install`.

    It is ||y_noisy − y|| / ||y|| over all inputs and outputs, with y the digital output including
    its bias.

    Raises:
        UsageError: See `install`; or y is 0 or not finite.
    """
    place = find(model, [layer])[0]
    with torch.inference_mode():
        clean = place.module(inputs.rows).double()
    size = _norm(clean, inputs.weights)
    if not 0 < size < math.inf:
        found = "nothing but zeros" if size == 0 else "values that are no finite numbers"
        raise UsageError(
            f"{place.name} puts out {found} on clean inputs, so no error is relative to it; "
            "leave it out"
        )
    with install(
        model,
        layers=[layer],
        noise=noise,
        chip=chip,
        seed=seed,
        simulator=simulator,
        hardware=hardware,
        input_ranges=input_ranges,
    ) as installed:
        installed.drift_to(drift_s)
        with torch.inference_mode(), installed.reading(batch=0):
            noisy = model.get_submodule(place.path)(inputs.rows)
    return _norm(noisy - clean, inputs.weights) / size


def solve_severity(
    model: nn.Module,
    layer: str,
    noise: EqualError,
    inputs: CleanInputs,
    *,
    seed: int,
    simulator: TileSimulator | None = None,
    hardware: str = IDEAL,
    drift_s: float = 0.0,
    input_ranges: Mapping[str, InputRange] | None = None,
) -> float:
    """Solve for the severity that gives one layer the error that `equal_error` asks for.

    The error, including that of the hardware, is averaged over chips that no case measures (their
    indices are negative). They are always the same: 4, or up to 64 if a layer has few outputs, or 1
    if nothing is random. The arguments are those of `install`, and clean inputs (`observe_inputs`).

    Returns:
        The severity with 3 significant digits, for `noise.at` and the `severities` of `install`. It
        depends only on the arguments, unless a simulator seeds itself: the last digit may then vary
        if the family draws at reads.

    Raises:
        UsageError: No severity gives this error; the message gives the nearest possible one.
    """
    place = find(model, [layer])[0]
    outputs = weight_of(place.module).shape[0 if place.kind == "matmul" else -1]
    chips = 1
    if noise.RANDOM or hardware != IDEAL:
        chips = min(max(_LEAST_CHIPS, -(-_OUTPUTS_IN_ALL // outputs)), _MOST_CHIPS)

    def error_at(severity: float) -> float:
        errors = (
            output_error(
                model,
                layer,
                noise.at(severity),
                inputs,
                chip=-1 - n,
                seed=seed,
                simulator=simulator,
                hardware=hardware,
                drift_s=drift_s,
                input_ranges=input_ranges,
            )
            for n in range(chips)
        )
        with warnings.catch_warnings():
            # aihwkit's devices take logarithms of conductances, which far too much noise takes
            # below 0. The error is then not a number, and the search turns back.
            warnings.filterwarnings("ignore", "invalid value encountered")
            return math.fsum(errors) / chips

    found = root(error_at, noise.error, noise.start, noise.smallest, noise.largest)
    if found.side:
        raise UsageError(_out_of_reach(place.name, noise, found))
    return min(_rounded(found.x), noise.largest)


def _norm(outputs: Tensor, weights: Tensor | None) -> float:
    squares = outputs.square().sum(-1)
    return float((squares if weights is None else squares * weights).sum().sqrt())


def _out_of_reach(layer: str, noise: EqualError, nearest: Root) -> str:
    end, ask = ("largest", "less") if nearest.side < 0 else ("smallest", "more")
    return (
        f"{noise} is out of reach for {layer}: the {end} error that the family has there is "
        f"{nearest.value:.3g}, with {noise.at(_rounded(nearest.x))}; ask for {ask}"
    )


def _rounded(severity: float) -> float:
    return float(f"{severity:.{_DIGITS}g}")
