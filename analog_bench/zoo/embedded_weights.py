"""The weights shipped with this project: whole models, or changes to a packaged base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from analog_bench.codec import DocumentError, one_line, read_json
from analog_bench.errors import WeightsError
from analog_bench.regular_file import check_regular
from analog_bench.zoo.lora import merge_lora, read_lora_config
from analog_bench.zoo.minilm_base import HASHES
from analog_bench.zoo.weight_delta import apply_delta
from analog_bench.zoo.weight_record import FORMS, WEIGHTS, Record, read_record, read_verified

BERT = "bert"
"""The embedded model whose encoder other models start from."""


def base_state(weights: Path, *, pooler: bool = False) -> dict[str, Tensor]:
    """Read the base's parameters under their names in `BertForQuestionAnswering`.

    The position counter is omitted. The pooler, which question answering does not use, is omitted
    unless requested.
    """
    unused = ("embeddings.position_ids", *(() if pooler else ("pooler.",)))
    return {
        f"bert.{name}": tensor
        for name, tensor in read_tensors(weights).items()
        if not name.startswith(unused)
    }


def tuned_state(
    base: Mapping[str, Tensor], folder: Path, base_hashes: Mapping[str, str] = HASHES
) -> tuple[dict[str, Tensor], Record]:
    """Apply shipped weights to their base, after checking every file against the record.

    Returns:
        The full model's parameters, float32, and the record.

    Raises:
        WeightsError: A file is missing, altered or malformed; see `record` and `lora` or `delta`.
    """
    record = read_verified(folder, base_hashes)
    if record.form == "delta":
        path = folder / FORMS["delta"][0]
        return apply_delta(base, read_tensors(path), path), record
    tensors, config = (folder / name for name in FORMS["adapter"])
    try:
        options = read_lora_config(read_json(config), str(config))
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {config}: {problem}") from None
    return merge_lora(base, read_tensors(tensors), options), record


def adapted_state(weights: Path, folder: Path) -> tuple[dict[str, Tensor], Record]:
    """Apply shipped weights to what they were made for: the base, or the embedded BERT's encoder.

    Raises:
        WeightsError: As `tuned_state`.
    """
    if not any(name.startswith(f"{BERT}/") for name in read_record(folder).base):
        return tuned_state(base_state(weights), folder)
    encoder, hashes = encoder_state(weights)
    return tuned_state(encoder, folder, hashes)


def encoder_state(weights: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the embedded BERT without its head, and the sha256s of its files.

    The pooler, which question answering does not use, is the base's.
    """
    tuned, record = tuned_state(base_state(weights), WEIGHTS / BERT)
    encoder = {name: tensor for name, tensor in tuned.items() if name.startswith("bert.")}
    hashes = {f"{BERT}/{name}": sha for name, sha in record.files.items()}
    return {**base_state(weights, pooler=True), **encoder}, {**HASHES, **hashes}


def whole_state(folder: Path) -> tuple[dict[str, Tensor], Path, Record]:
    """Read a whole model's shipped weights, after checking every file against the record.

    Returns:
        The parameters by name, float32 (without an output head tied to the embedding), the
        tokeniser's file and the record.
    """
    record = read_verified(folder, {})
    weights, tokenizer = (folder / name for name in FORMS["whole"])
    state = {name: tensor.float() for name, tensor in read_tensors(weights).items()}
    return state, tokenizer, record


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        WeightsError: It cannot be read or is not in that format.
    """
    try:
        check_regular(path)
        tensors: dict[str, Tensor] = load_file(path)
    # Safetensors raises its own errors, and torch others about what a header asks for.
    except Exception as problem:
        raise WeightsError(f"cannot read the tensors in {path}: {one_line(str(problem))}") from None
    return tensors
