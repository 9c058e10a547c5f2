"""Input ranges of the variant `calibrated`: fitted as the run goes, or read from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from torch import nn

from analog_bench.analog.compatibility import IDEAL, family_of, preset_name
from analog_bench.analog.input_ranges import Converters, calibrate
from analog_bench.analog.layer_manifest import manifest
from analog_bench.case import Case
from analog_bench.errors import UsageError, WeightsError, did_you_mean
from analog_bench.noise import Preset
from analog_bench.simulators.registry import find_simulator, presets
from analog_bench.tasks.calibration_data import (
    CalibrationInputs,
    Passage,
    calibration_inputs,
    embedded_passages,
)
from analog_bench.zoo.file_hashes import fingerprint
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.range_folder import RANGES, RangeMethod, RangeRecord, read_ranges


@dataclass(frozen=True, eq=False)
class CalibratedRanges:
    """Where the ranges of a model come from.

    Attributes:
        weights: Fingerprint of the digital weights and of how they are calibrated: results of other
            ranges are never compared.
        of_case: Returns layer name to the range of each tile, for a case with static ranges.
    """

    weights: str
    of_case: Callable[[Case], Mapping[str, tuple[float, ...]]]


def fit_to(
    loaded: LoadedModel, hardware: str, method: RangeMethod, passages: Sequence[Passage]
) -> RangeRecord:
    """Fit the ranges of a prepared model to hardware by its name, for a folder.

    Raises:
        UsageError: No hardware is called that, or its tiles have no static input ranges.
    """
    simulator = presets().get(hardware)
    if simulator is None:
        raise UsageError(f"no hardware preset {hardware!r}; {did_you_mean(hardware, presets())}")
    if not simulator.presets[hardware]:
        raise UsageError(f"tiles of {hardware} have no static input ranges to fit")
    simulator.require(str(next(loaded.model.parameters()).device))
    inputs = _inputs(loaded, passages)
    return RangeRecord(
        direct=loaded.weights_sha256,
        tile=simulator.name,
        hardware=hardware,
        input_ranges=_fit(
            loaded.model, inputs, method, simulator.converters(Preset(hardware), IDEAL)
        ),
        recipe={
            "method": method,
            "data": inputs.fingerprint,
            "sequences": len(inputs.batches),
            "torch": str(torch.__version__),
        },
    )


def fit_while_running(loaded: LoadedModel, method: RangeMethod) -> CalibratedRanges:
    """Return ranges that are fitted to a case's hardware, on this package's own passages."""
    inputs = _inputs(loaded, embedded_passages())
    return CalibratedRanges(
        _weights(loaded, f"{method} {inputs.fingerprint}"),
        fitted_ranges(loaded.model, inputs, method),
    )


def fitted_ranges(
    model: nn.Module, inputs: CalibrationInputs, method: RangeMethod
) -> Callable[[Case], Mapping[str, tuple[float, ...]]]:
    """Return what gives a case its layers' ranges; the model must be clean when it is called.

    The model is calibrated once for each kind of converters that cases have.
    """
    fit = cache(partial(_fit, model, inputs, method))

    def of_case(case: Case) -> Mapping[str, tuple[float, ...]]:
        converters = find_simulator(case.tile).converters(family_of(case.noise), case.hardware)
        return fit(converters)

    return of_case


def read_from(loaded: LoadedModel, folder: Path) -> CalibratedRanges:
    """Return ranges that `analog-bench calibrate` has written.

    Raises:
        WeightsError: There are none, or those of other weights or of other layers.
    """
    record = read_ranges(folder)
    check_ranges(loaded, record, folder)

    def of_case(case: Case) -> Mapping[str, tuple[float, ...]]:
        record.check_hardware(case.tile, preset_name(case.noise, case.hardware), folder)
        return record.input_ranges

    return CalibratedRanges(_weights(loaded, record.fingerprint), of_case)


def check_ranges(loaded: LoadedModel, record: RangeRecord, folder: Path) -> None:
    """Refuse ranges of another model, with a `WeightsError`."""
    name, again = loaded.spec.name, "calibrate anew with `analog-bench calibrate`"
    if record.direct != loaded.weights_sha256:
        raise WeightsError(
            f"the input ranges in {folder} were fitted to other weights of {name} "
            f"({record.direct[:12]}…) than these ({loaded.weights_sha256[:12]}…); {again}"
        )
    layers = {layer.name for layer in manifest(loaded.model) if layer.kind == "matmul"}
    for layer in sorted(layers ^ record.input_ranges.keys()):
        which = "no range for" if layer in layers else "a range for an unknown layer,"
        raise WeightsError(f"{folder / RANGES} holds {which} {layer} of {name}; {again}")


def _fit(
    model: nn.Module, inputs: CalibrationInputs, method: RangeMethod, converters: Converters
) -> dict[str, tuple[float, ...]]:
    """Return the ranges of every layer that can be on tiles, by public name, from one pass."""
    layers = [layer.name for layer in manifest(model) if layer.kind == "matmul"]
    return calibrate(model, layers, partial(inputs.run, model), method, converters)


def _inputs(loaded: LoadedModel, passages: Sequence[Passage]) -> CalibrationInputs:
    positions = loaded.spec.structure.positions
    return calibration_inputs(passages, loaded.tokenizer, loaded.spec.task, positions)


def _weights(loaded: LoadedModel, calibration: str) -> str:
    sha = hashlib.sha256(calibration.encode()).hexdigest()
    return fingerprint({"direct": loaded.weights_sha256, "calibration": sha})
