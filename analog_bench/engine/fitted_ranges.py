"""Input ranges of the variant `calibrated`: fitted to a case's hardware, without any training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

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


class FittedRanges:
    """Calibrates a model once for each kind of converters that cases come with."""

    def __init__(self, model: nn.Module, inputs: CalibrationInputs, method: RangeMethod) -> None:
        self._model = model
        self._inputs = inputs
        self._method = method
        self._known: dict[Converters, Mapping[str, tuple[float, ...]]] = {}

    def __call__(self, case: Case) -> Mapping[str, tuple[float, ...]]:
        """Return layer name to the range of each tile; the model must be clean."""
        converters = find_simulator(case.tile).converters(family_of(case.noise), case.hardware)
        if converters not in self._known:
            fitted = fit_ranges(self._model, self._inputs, self._method, converters)
            self._known[converters] = fitted
        return self._known[converters]
