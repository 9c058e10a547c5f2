"""Whether the embedded models compute what they did when they were packed, weights by weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import torch

from analog_bench.analog.layer_manifest import prepare
from analog_bench.codec import DocumentError, convert, read_json
from analog_bench.errors import WeightsError
from analog_bench.zoo.hwa_folder import shipped_hwa
from analog_bench.zoo.hwa_weights import load_hwa
from analog_bench.zoo.lock_file import FILE_NAME
from analog_bench.zoo.model_builder import taken_by
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_loading import LoadedModel, load
from analog_bench.zoo.model_specs import find_embedded
from analog_bench.zoo.weight_record import WEIGHTS

EXPECTED = WEIGHTS / "expected_outputs.json"
"""What `output_size` has for each embedded model with each of its weights."""
_TOKENS = 16
# Kernels of other processors differ in the sixth digit.
_AGREES = 1e-3


def output_size(loaded: LoadedModel) -> float:
    """Return the mean magnitude of what a digital model computes of the first few tokens."""
    inputs = {"input_ids": torch.arange(_TOKENS)[None]}
    with torch.no_grad():
        output = loaded.model(**taken_by(loaded.model, inputs))
    outputs = [getattr(output, name).flatten() for name in HEADS[loaded.spec.task].outputs]
    return float(torch.cat(outputs).abs().mean())


def trials() -> dict[str, Callable[[], str]]:
    """Return by name what tries an embedded model, with its digital and with its HWA weights.

    Each loads the weights, whose hashes are checked then, computes a few tokens, and returns what
    was verified, or raises a `WeightsError`.
    """
    try:
        expected = convert(read_json(EXPECTED), dict[str, dict[str, float]])
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {EXPECTED}: {problem}") from None
    by_name: dict[str, Callable[[], str]] = {}
    for model, sizes in expected.items():
        direct = cache(partial(_prepared, model))
        for variant, size in sizes.items():
            name = f"{model}, HWA" if variant == "hwa" else model
            by_name[name] = partial(_try, direct, variant, size)
    return by_name


def _prepared(model: str) -> LoadedModel:
    loaded = load(find_embedded(model), lock_path=Path(FILE_NAME))
    prepare(loaded.model)
    return loaded


def _try(direct: Callable[[], LoadedModel], variant: str, expected: float) -> str:
    loaded = direct()
    if variant == "hwa":
        loaded = load_hwa(loaded, shipped_hwa(loaded.spec.name))
    size = output_size(loaded)
    if not math.isclose(size, expected, rel_tol=_AGREES):
        raise WeightsError(
            f"{loaded.spec.name} computes {size:.6g} of {_TOKENS} tokens where it computed "
            f"{expected:.6g} when it was packed, though its files are what they were; install the "
            "versions of torch and transformers in constraints.txt"
        )
    ranges = f", {len(loaded.input_ranges)} layers' input ranges" if variant == "hwa" else ""
    return f"verified{ranges}, computes {_TOKENS} tokens as it did when it was packed"
