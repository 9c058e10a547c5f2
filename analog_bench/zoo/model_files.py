"""Find the files of a repository or folder that make a model: configuration, weights, tokeniser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from torch import Tensor

from analog_bench.codec import DocumentError, convert, one_line, read_json
from analog_bench.errors import WeightsError
from analog_bench.zoo.embedded_weights import read_tensors
from analog_bench.zoo.file_hashes import file_sha256, verify
from analog_bench.zoo.lock_file import FolderEntry, check_inside
from analog_bench.zoo.model_config import CONFIG
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.tokenizer import TOKENIZERS

WEIGHTS_FILE = "model.safetensors"
"""A model's weights, as transformers writes them."""
INDEX = f"{WEIGHTS_FILE}.index.json"
"""The index of weights in several files: which tensor is in which."""

_SAFE = ".safetensors"
_TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_WAY_OUT = (
    "load it where it is trusted, and `save_pretrained` into a new folder: that writes safetensors"
)


class _Index(Struct, frozen=True):
    weight_map: Annotated[dict[str, str], Meta(min_length=1)]


def needed_files(held: Iterable[str], origin: str, get: Callable[[str], Path]) -> list[str]:
    """Pick the files that make a model from the names of all its files.

    Args:
        held: Names of the files.
        origin: The name of the model in errors: an id or a folder.
        get: Returns the path of a file that has to be read.

    Raises:
        WeightsError: A file is missing, or exists only in formats that are never opened.
    """
    names = set(held)
    if CONFIG not in names:
        raise WeightsError(f"{origin} has no {CONFIG}: it is not a transformers model")
    if WEIGHTS_FILE in names:
        weights = [WEIGHTS_FILE]
    elif INDEX in names:
        weights = _shards(get(INDEX), names, origin)
    else:
        unread = sorted(name for name in names if name.endswith((*_PICKLES, ".gguf", _SAFE)))
        why = f"has no {WEIGHTS_FILE}, only {unread[0]}" if unread else "holds no weights"
        if unread and unread[0].endswith(_PICKLES):
            why = f"holds its weights only as a pickle ({unread[0]}), which is never opened"
        raise WeightsError(f"{origin} {why}; {_WAY_OUT}")
    tokenizer = next((files for files in TOKENIZERS if names.issuperset(files)), None)
    if tokenizer is None:
        raise WeightsError(f"{origin} has no tokeniser files (tokenizer.json or a vocabulary)")
    extras = [name for name in _TOKENIZER_EXTRAS if name in names]
    return [CONFIG, *weights, *tokenizer, *extras]


def names_in(folder: Path) -> list[str]:
    """Return `needed_files` of a folder. Raises as that, and if the folder cannot be read."""
    try:
        held = os.listdir(folder)
    except OSError as problem:
        raise WeightsError(f"cannot read {folder}: {problem.strerror}") from None
    return needed_files(held, str(folder), lambda name: folder / name)


def weight_files(files: Iterable[str]) -> list[str]:
    """Pick the weight files from the names of a model's files."""
    return sorted(name for name in files if name.endswith(_SAFE))


def read_weights(files: Mapping[str, Path], origin: str) -> tuple[dict[str, Tensor], str]:
    """Read the weights among a model's files; return them, and their name in errors.

    Raises:
        WeightsError: They cannot be read, are not in that format, or hold a tensor twice.
    """
    names = weight_files(files)
    state: dict[str, Tensor] = {}
    for name in names:
        tensors = read_tensors(files[name])
        twice = sorted(tensors.keys() & state.keys())
        if twice:
            raise WeightsError(f"{origin}: {name} holds {twice[0]}, which another file holds, too")
        state |= tensors
    return state, f"{origin} ({names[0] if len(names) == 1 else f'{len(names)} files'})"


def folder_files(spec: ModelSpec) -> dict[str, str]:
    """Return the names of the files of a model in a folder, with their sha256s.

    Raises:
        WeightsError: A file is missing, unreadable, or differs from the lock file.
    """
    folder = spec.folder or Path()
    if spec.locked is None:
        return {name: file_sha256(folder / name) for name in names_in(folder)}
    for name in spec.locked.files:
        verify_locked(folder, name, spec.locked)
    return {name: locked.sha256 for name, locked in spec.locked.files.items()}


def verify_locked(folder: Path, name: str, entry: FolderEntry) -> None:
    """Check a folder's file against the lock file.

    Raises:
        WeightsError: It is not the locked file.
    """
    advice = f"it is not what was added: `{entry.add_again}` takes the change"
    verify(folder / name, entry.files[name].sha256, advice)


def _shards(path: Path, held: set[str], origin: str) -> list[str]:
    try:
        shards = sorted(set(convert(read_json(path, any_key=True), _Index).weight_map.values()))
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"{origin}: cannot read {INDEX}: {problem}") from None
    for name in shards:
        try:
            check_inside(name)
        except ValueError as problem:
            raise WeightsError(f"{origin}: {INDEX} names a file outside: {problem}") from None
        shown = one_line(name, 80)
        if not name.endswith(_SAFE):
            raise WeightsError(f"{origin}: {INDEX} names {shown}, and only safetensors are read")
        if name not in held:
            raise WeightsError(
                f"{origin} lacks {shown}, which its {INDEX} names; copy all its files"
            )
    return shards
