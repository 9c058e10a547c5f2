"""Weights from hardware-aware training (HWA): stored as small deltas to their digital model.

They belong to the digital model after `layer_manifest.prepare`, in which every matrix that can go
on tiles is a separate `nn.Linear`. Weights trained with a digital adapter include the adapter,
which is put back beside its layer (`zoo.adapter`).
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import indented, plain
from analog_bench.errors import WeightsError
from analog_bench.zoo.adapter import Adapter, adapted_layers, add_adapter
from analog_bench.zoo.embedded_weights import read_tensors
from analog_bench.zoo.file_hashes import file_sha256, fingerprint, verify
from analog_bench.zoo.hwa_folder import DELTA, HwaRecord, is_hwa, read_hwa_record
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.weight_delta import DeltaType, apply_delta, delta_between
from analog_bench.zoo.weight_record import RECORD, Scalar


def float_state(model: nn.Module) -> dict[str, Tensor]:
    """Return a model's floating-point parameters and buffers by name, on the CPU."""
    return {
        name: tensor.detach().cpu()
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point()
    }


def load_hwa(direct: LoadedModel, folder: Path) -> LoadedModel:
    """Apply HWA weights to a copy of the prepared digital model that they were trained from.

    The copy is in evaluation mode, on the same device, and has the learned input ranges. Its
    fingerprint covers the digital weights, the change and the ranges.

    Raises:
        WeightsError: The folder holds no HWA weights, those of other digital weights, or damaged
            ones.
    """
    record = read_hwa_record(folder)
    if record.direct != direct.weights_sha256:
        raise WeightsError(
            f"the HWA weights in {folder} were trained from other weights of {direct.spec.name} "
            f"({record.direct[:12]}…) than these ({direct.weights_sha256[:12]}…); train them anew "
            "with `analog-bench hwa train`"
        )
    verify(folder / DELTA, record.files[DELTA], "restore the file or train anew")
    base = float_state(direct.model)
    tuned = apply_delta(base, read_tensors(folder / DELTA), folder / DELTA)
    adapted = adapted_layers(set(tuned) - set(base))
    model = copy.deepcopy(direct.model)
    device = next(model.parameters()).device
    modules = dict(model.named_modules())
    for path, names in adapted.items():
        _give_adapter(modules.get(path), path, *(tuned[name] for name in names))
    strange = sorted(set(tuned) - set(float_state(model)))
    if strange:
        raise WeightsError(f"the HWA weights in {folder} hold {strange[0]}, unknown to the model")
    nn.Module.to(model, device)
    model.load_state_dict(tuned, strict=False)
    nn.Module.eval(model)
    return replace(
        direct,
        model=model,
        weights_sha256=_fingerprint(record),
        input_ranges=dict(record.input_ranges),
    )


def ship_hwa(
    direct: LoadedModel,
    tuned: Mapping[str, Tensor],
    folder: Path,
    *,
    input_ranges: Mapping[str, tuple[float, ...]],
    recipe: Mapping[str, Scalar],
    results: Mapping[str, Scalar],
    dtype: DeltaType = "int8",
) -> HwaRecord:
    """Write HWA weights and their record (see `HwaRecord`), replacing those in the folder.

    `direct` is the prepared digital model that training started from. `tuned` holds the trained
    model's parameters (see `float_state`). Digital adapters among them are stored unchanged.

    Raises:
        WeightsError: The weights do not belong together or are not finite, or the folder holds
            weights of another kind.
    """
    if os.path.exists(folder / RECORD) and not is_hwa(folder):
        raise WeightsError(f"{folder} holds weights that are not HWA weights; choose another one")
    delta = delta_between(float_state(direct.model), tuned, dtype)
    tensors = {name: tensor.contiguous() for name, tensor in delta.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / DELTA, save(tensors, {"format": "pt"}))
    record = HwaRecord(
        files={DELTA: file_sha256(folder / DELTA)},
        direct=direct.weights_sha256,
        input_ranges={name: tuple(ranges) for name, ranges in input_ranges.items()},
        recipe=dict(recipe),
        results=dict(results),
    )
    write_hwa_record(folder, record)
    return record


def write_hwa_record(folder: Path, record: HwaRecord) -> None:
    """Replace the record in a folder; the weights do not change."""
    write_atomic(folder / RECORD, indented(plain(record)))


def _give_adapter(layer: nn.Module | None, path: str, down: Tensor, up: Tensor) -> None:
    if not isinstance(layer, nn.Linear) or (
        down.ndim != 2
        or up.ndim != 2
        or down.shape[1] != layer.in_features
        or up.shape != (layer.out_features, down.shape[0])
    ):
        raise WeightsError(f"the HWA weights hold an adapter that does not fit the model: {path}")
    add_adapter(layer, Adapter(layer.in_features, layer.out_features, len(down)))


def _fingerprint(record: HwaRecord) -> str:
    ranges = json.dumps({k: list(v) for k, v in record.input_ranges.items()}, sort_keys=True)
    return fingerprint(
        {
            "direct": record.direct,
            "hwa/input_ranges": hashlib.sha256(ranges.encode()).hexdigest(),
            **{f"hwa/{name}": sha for name, sha in record.files.items()},
        }
    )
