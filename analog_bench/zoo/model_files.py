"""Which files of a repository or folder make a model: configuration, weights, tokeniser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from analog_bench.errors import WeightsError
from analog_bench.zoo.embedded_weights import read_tensors
from analog_bench.zoo.model_config import CONFIG
from analog_bench.zoo.tokenizer import TOKENIZERS

WEIGHTS_FILE = "model.safetensors"
"""A model's weights, as transformers writes them."""

_TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def needed_files(held: Iterable[str], origin: str) -> list[str]:
    """Pick from the names of a model's files those that it is made of.

    `origin` is what the model is called in errors: an id or a folder.

    Raises:
        WeightsError: Something is missing, or there in forms only that are never opened.
    """
    names = set(held)
    if CONFIG not in names:
        raise WeightsError(f"{origin} has no {CONFIG}: it is not a transformers model")
    if WEIGHTS_FILE not in names:
        pickled = sorted(name for name in names if name.endswith(_PICKLES))
        if f"{WEIGHTS_FILE}.index.json" in names:
            why = "splits its weights over several files, which is not supported"
        elif pickled:
            why = f"holds its weights only as a pickle ({pickled[0]}), which is never opened"
        else:
            why = "holds no weights"
        raise WeightsError(f"{origin} {why}; name a model or revision with {WEIGHTS_FILE}")
    tokenizer = next((files for files in TOKENIZERS if names.issuperset(files)), None)
    if tokenizer is None:
        raise WeightsError(f"{origin} has no tokeniser files (tokenizer.json or a vocabulary)")
    extras = [name for name in _TOKENIZER_EXTRAS if name in names]
    return [CONFIG, WEIGHTS_FILE, *tokenizer, *extras]


def read_weights(files: Mapping[str, Path], origin: str) -> tuple[dict[str, Tensor], str]:
    """Read the weights among a model's files; return them, and what to call them in errors.

    Raises:
        WeightsError: They cannot be read, or are not in that format.
    """
    return read_tensors(files[WEIGHTS_FILE]), f"{origin} ({WEIGHTS_FILE})"
