"""A model ready to measure: digital, in evaluation mode, float32, with its tokeniser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.devices import check_device
from analog_bench.zoo.embedded_weights import (
    WEIGHTS,
    base_state,
    read_tensors,
    tuned_state,
    whole_state,
)
from analog_bench.zoo.file_hashes import fingerprint
from analog_bench.zoo.hub import fetch
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.minilm_base import HASHES, find_base
from analog_bench.zoo.model_builder import CONFIG, outline, read_config
from analog_bench.zoo.model_specs import CONFIGS, ModelSpec
from analog_bench.zoo.model_structure import Task
from analog_bench.zoo.tokenizer import read_tokenizer
from analog_bench.zoo.weight_record import read_record


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A digital model in evaluation mode, float32, with the fused (`sdpa`) attention.

    Attributes:
        tokenizer: Neither truncates nor pads unless told to.
        weights_sha256: A sha256 over the hashes of the files the weights came from: equal ones mean
            equal weights.
        input_ranges: Layer name to the static input range of each of its tiles, in aihwkit's order,
            as hardware-aware training learned them; empty for a model without such training.
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
    cache: Path | None = None,
) -> LoadedModel:
    """Load a model; every file it is made of is verified first.

    Only hub models need the lock file. An embedded model can be given weights from the folder
    `shipped` in place of the package's own. No `cache` means the hub's usual folder.

    Raises:
        UsageError: The device does not exist, or has no room.
        WeightsError: A file is missing, cannot be downloaded, or is not what it should be.
    """
    check_device(device, torch.cuda.device_count())
    if spec.source == "hub":
        loaded = _from_hub(spec, lock_path, cache)
    else:
        loaded = _embedded(spec, shipped or WEIGHTS / spec.name, cache)
    try:
        torch.nn.Module.to(loaded.model, torch.device(device))
    except RuntimeError as problem:
        first = str(problem).splitlines()[0]
        raise UsageError(f"cannot put the model on device {device!r}: {first}") from None
    return loaded


def embedded_config(name: str) -> PretrainedConfig:
    """Return the configuration of an embedded model."""
    path = CONFIGS / name / CONFIG
    return read_config(path, str(path))


def _embedded(spec: ModelSpec, folder: Path, cache: Path | None) -> LoadedModel:
    parts: dict[str, str] = {}
    if read_record(folder).form == "whole":
        state, tokens, record = whole_state(folder)
    else:
        base = find_base(cache=cache)
        tokens = base.tokenizer
        state, record = tuned_state(base_state(base.weights), folder)
        parts["base/model.safetensors"] = HASHES["model.safetensors"]
    tokenizer = read_tokenizer({"tokenizer.json": tokens}, spec.structure.positions)
    if len(tokenizer) != spec.structure.vocabulary:
        raise WeightsError(
            f"{tokens} has {len(tokenizer)} tokens, {spec.name} has {spec.structure.vocabulary}"
        )
    config = embedded_config(spec.name)
    model = build(config, spec.task, state, f"embedded {spec.name}", exact=True)
    parts |= {f"shipped/{name}": sha for name, sha in record.files.items()}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def _from_hub(spec: ModelSpec, lock_path: Path, cache: Path | None) -> LoadedModel:
    lock = read_lock(lock_path)
    hub_id = spec.hub_id or spec.name
    folder = fetch(hub_id, lock, cache=cache)
    locked = lock.models[hub_id].files
    # Only what the lock names is read: other files of the cached snapshot are not verified.
    files = {name: folder / name for name in locked}
    state = read_tensors(files["model.safetensors"])
    tokenizer = read_tokenizer(files, spec.structure.positions)
    if spec.task == "qa" and tokenizer.pad_token_id is None:
        raise WeightsError(f"the tokeniser of {hub_id} has no padding token, which batches need")
    # Hub files often hold what the head in use does not need, such as a pooler.
    config = read_config(files[CONFIG], f"{hub_id}: {CONFIG}")
    model = build(config, spec.task, state, hub_id, exact=False)
    parts = {f"hub/{name}": locked[name].sha256 for name in (CONFIG, "model.safetensors")}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def build(
    config: PretrainedConfig, task: Task, state: Mapping[str, Tensor], what: str, *, exact: bool
) -> PreTrainedModel:
    """Build a model of given weights, float32, in evaluation mode; `what` names it in errors.

    Parameters tied to others may be missing; superfluous ones are an error where `exact`.

    Raises:
        WeightsError: The weights do not fit.
    """
    with silent_transformers():
        family: Any = type(outline(config, task))
        model, report = family.from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            dtype=torch.float32,
            attn_implementation="sdpa",
            ignore_mismatched_sizes=True,  # reported below, with our own error
            output_loading_info=True,
        )
    wrong = sorted(report["missing_keys"]) + sorted(str(k) for k in report["mismatched_keys"])
    if exact:
        wrong += sorted(report["unexpected_keys"])
    if wrong:
        raise WeightsError(
            f"the weights of {what} do not fit its architecture: {wrong[0]} is missing, unknown or "
            f"of another shape ({len(wrong)} such parameters)"
        )
    result: PreTrainedModel = model.eval()
    return result


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Keep transformers from reporting what is no news, such as a head that is yet to train."""
    transformers_logging: Any = logging  # untyped
    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
