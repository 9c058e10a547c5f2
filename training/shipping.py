"""Making shipped weights out of trained ones: small, free of local paths, with their record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from analog_bench.codec import DocumentError, read_json
from analog_bench.errors import WeightsError
from analog_bench.zoo.embedded_weights import read_tensors
from analog_bench.zoo.lora import read_lora_config
from analog_bench.zoo.minilm_base import HASHES, HUB_ID
from analog_bench.zoo.weight_delta import DeltaType, delta_between
from analog_bench.zoo.weight_record import FORMS, Record, Scalar, write_record

_TYPES = {"float32": torch.float32, "float16": torch.float16}


def ship_adapter(
    checkpoint: Path,
    folder: Path,
    recipe: Mapping[str, Scalar],
    results: Mapping[str, Scalar],
    *,
    dtype: Literal["float32", "float16"] = "float32",
    base_hashes: Mapping[str, str] = HASHES,
) -> Record:
    """Copy a PEFT checkpoint's adapter into a folder of shipped weights and record it.

    Args:
        checkpoint: Folder with `adapter_model.safetensors` and `adapter_config.json`.
        folder: Where to put them; weights of the other form there are an error.
        recipe: How they were trained.
        results: What was measured with them as they are shipped.
        dtype: What to store the tensors as.
        base_hashes: The sha256 of the base's files.

    Returns:
        The record.

    Raises:
        WeightsError: The checkpoint is no plain LoRA adapter, or the folder holds other weights.
    """
    tensors_name, config_name = FORMS["adapter"]
    config_path = checkpoint / config_name
    try:
        config: Any = read_json(config_path)
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {config_path}: {problem}") from None
    read_lora_config(config, str(config_path))
    # The trainer writes the path of its own copy of the base here.
    config["base_model_name_or_path"] = HUB_ID
    config["target_modules"] = sorted(config["target_modules"])
    tensors = {
        name: tensor.to(_TYPES[dtype]).contiguous()
        for name, tensor in read_tensors(checkpoint / tensors_name).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / tensors_name, metadata={"format": "pt"})
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / config_name).write_text(text, encoding="utf-8")
    return write_record(folder, base_hashes, recipe, results)


def ship_whole(
    state: Mapping[str, Tensor],
    tokenizer: Tokenizer,
    folder: Path,
    recipe: Mapping[str, Scalar],
    results: Mapping[str, Scalar],
    *,
    dtype: Literal["float32", "float16"] = "float16",
) -> Record:
    """Write a whole model with its tokeniser, and record it.

    Args:
        state: The parameters by name; those that share another's memory are left out.
        tokenizer: The tokeniser.
        folder: Where to put the files; weights of another form there are an error.
        recipe: How the weights were trained.
        results: What was measured with them as they are shipped.
        dtype: What to store the parameters as.

    Returns:
        The record.

    Raises:
        WeightsError: A parameter that the type cannot hold, or the folder holds other weights.
    """
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in state.items():
        if tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        tensors[name] = tensor.detach().cpu().to(_TYPES[dtype]).contiguous()
        if not bool(torch.isfinite(tensors[name]).all()):
            raise WeightsError(f"{name} holds values that {dtype} cannot")
    weights_name, tokenizer_name = FORMS["whole"]
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / weights_name, metadata={"format": "pt"})
    (folder / tokenizer_name).write_text(tokenizer.to_str(), encoding="utf-8")
    return write_record(folder, {}, recipe, results)


def ship_delta(
    base: Mapping[str, Tensor],
    tuned: Mapping[str, Tensor],
    folder: Path,
    recipe: Mapping[str, Scalar],
    results: Mapping[str, Scalar],
    *,
    dtype: DeltaType = "float16",
    base_hashes: Mapping[str, str] = HASHES,
) -> Record:
    """Write the difference between tuned weights and their base, and record it.

    Args:
        base: The base's parameters by name, float32; see `embedded_weights.base_state`.
        tuned: The tuned model's parameters.
        folder: Where to put the file; weights of the other form there are an error.
        recipe: How the weights were trained.
        results: What was measured with them as they are shipped.
        dtype: What to store the differences as.
        base_hashes: The sha256 of the base's files.

    Returns:
        The record.

    Raises:
        WeightsError: The weights do not belong together, or the folder holds other weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: t.contiguous() for k, t in delta_between(base, tuned, dtype).items()}
    save_file(tensors, folder / FORMS["delta"][0], metadata={"format": "pt"})
    return write_record(folder, base_hashes, recipe, results)
