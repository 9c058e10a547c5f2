"""Input ranges of the variant `calibrated`: fitted as the run goes, or read from a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analog_bench.analog.compatibility import preset_name
from analog_bench.analog.layer_manifest import manifest
from analog_bench.case import Case
from analog_bench.codec import plain
from analog_bench.engine.fitted_ranges import FittedRanges
from analog_bench.errors import UsageError, WeightsError
from analog_bench.tasks.calibration_data import calibration_inputs, embedded_passages
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


def fit_while_running(loaded: LoadedModel, method: RangeMethod) -> CalibratedRanges:
    """Return ranges that are fitted to a case's hardware, on this package's own passages."""
    inputs = calibration_inputs(
        embedded_passages(),
        loaded.tokenizer,
        loaded.spec.task,
        loaded.spec.structure.positions,
    )
    return CalibratedRanges(
        _weights(loaded, f"{method} {inputs.fingerprint}"),
        FittedRanges(loaded.model, inputs, method),
    )


def read_from(loaded: LoadedModel, folder: Path) -> CalibratedRanges:
    """Return ranges that `analog-bench calibrate` has written.

    Raises:
        WeightsError: There are none, or those of other weights or of other layers.
    """
    record = read_ranges(folder)
    check_ranges(loaded, record, folder)

    def of_case(case: Case) -> Mapping[str, tuple[float, ...]]:
        asked = preset_name(case.noise, case.hardware)
        if (case.tile, asked) != (record.tile, record.hardware):
            raise UsageError(
                f"the input ranges in {folder} were fitted to {record.hardware} on tile "
                f"{record.tile}, and {case.id} has {asked} on tile {case.tile}; calibrate for that "
                "into a folder of its own, or name a method: --calibration fit"
            )
        return record.input_ranges

    text = json.dumps(plain(record)["input_ranges"], sort_keys=True)
    return CalibratedRanges(_weights(loaded, text), of_case)


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


def _weights(loaded: LoadedModel, calibration: str) -> str:
    sha = hashlib.sha256(calibration.encode()).hexdigest()
    return fingerprint({"direct": loaded.weights_sha256, "calibration": sha})
