"""Input ranges of the variant `calibrated`: fitted to a case's hardware, without any training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from torch import nn

from analog_bench.analog.compatibility import family_of
from analog_bench.analog.input_ranges import Converters, calibrate
from analog_bench.analog.layer_manifest import manifest
from analog_bench.case import Case
from analog_bench.simulators.registry import find_simulator
from analog_bench.tasks.calibration_data import CalibrationInputs
from analog_bench.zoo.range_folder import RangeMethod


def fit_ranges(
    model: nn.Module, inputs: CalibrationInputs, method: RangeMethod, converters: Converters
) -> dict[str, tuple[float, ...]]:
    """Return the ranges of every layer that can be on tiles, by public name: in one pass."""
    layers = [layer.name for layer in manifest(model) if layer.kind == "matmul"]
    return calibrate(model, layers, partial(inputs.run, model), method, converters)


def fitted_ranges(
    model: nn.Module, inputs: CalibrationInputs, method: RangeMethod
) -> Callable[[Case], Mapping[str, tuple[float, ...]]]:
    """Return what gives a case's layers their ranges; the model must be clean when it is asked.

    The model is calibrated once for each kind of converters that cases come with.
    """

    @cache
    def fit(converters: Converters) -> Mapping[str, tuple[float, ...]]:
        return fit_ranges(model, inputs, method, converters)

    def of_case(case: Case) -> Mapping[str, tuple[float, ...]]:
        simulator = find_simulator(case.tile)
        return fit(simulator.converters(family_of(case.noise), case.hardware))

    return of_case
