"""A model ready to measure: digital, in evaluation mode, float32, with its tokeniser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from analog_bench.codec import one_line, plain
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
from analog_bench.zoo.hub_lock_and_fetch import fetch
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.minilm_base import HASHES, find_base
from analog_bench.zoo.model_builder import observe, outline, taken_by
from analog_bench.zoo.model_config import (
    CONFIG,
    blaming_fields,
    read_config,
    silent_transformers,
    spelled,
)
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_specs import CONFIGS, ModelSpec, to_lock_again
from analog_bench.zoo.model_structure import block_of
from analog_bench.zoo.tokenizer import auto_tokenizer, read_tokenizer
from analog_bench.zoo.weight_record import read_record

_WEIGHTS = "model.safetensors"
_READABLE = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_SPARE = 2**30
# No task reads more tokens at once.
_LONGEST = 320


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
    tokenizer = read_tokenizer(tokens, spec.structure.positions)
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
    entry = lock.models[hub_id]
    # Only what the lock names is read: other files of the cached snapshot are not verified.
    files = {name: folder / name for name in entry.files}
    if not files.keys() >= {CONFIG, _WEIGHTS}:
        raise to_lock_again(entry, f"is locked in {lock_path} without {CONFIG} or {_WEIGHTS}")
    config = read_config(files[CONFIG], f"{hub_id}: {CONFIG}")
    observed, locked = plain(observe(config, f"{hub_id}: {CONFIG}")), plain(spec.structure)
    for fact in observed:
        if observed[fact] != locked[fact]:
            here, there = (one_line(str(facts[fact]), 60) for facts in (observed, locked))
            raise to_lock_again(entry, f"has {fact} {here} by its {CONFIG}, {there} in {lock_path}")
    weights = files.pop(_WEIGHTS)
    tokenizer = auto_tokenizer(files, spec.structure, hub_id)
    # Hub files often hold what the head in use does not need, such as a pooler.
    what = f"{hub_id} ({_WEIGHTS})"
    model = build(config, spec.task, read_tensors(weights), what, exact=False)
    _try_out(model, tokenizer, spec, hub_id)
    parts = {f"hub/{name}": entry.files[name].sha256 for name in (CONFIG, _WEIGHTS)}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def build(
    config: PretrainedConfig, task: str, state: Mapping[str, Tensor], what: str, *, exact: bool
) -> PreTrainedModel:
    """Build a model of given weights, float32, in evaluation mode; `what` names it in errors.

    Parameters tied to others may be missing. Superfluous ones are an error where `exact`, and
    everywhere those of a block, which are what the configuration forgets.

    Raises:
        WeightsError: The weights do not fit, or are no finite floating-point numbers.
    """
    expected = _outlined(config, task, state, what)
    state = _readable(expected, state, what)
    family: Any = type(expected)
    try:
        with silent_transformers():
            model, report = family.from_pretrained(
                None,
                config=config,
                state_dict=state,
                dtype=torch.float32,
                attn_implementation="sdpa",
                ignore_mismatched_sizes=True,  # reported below, with our own error
                output_loading_info=True,
            )
    except Exception as problem:  # transformers raises whatever it comes upon
        raise WeightsError(
            f"the weights of {what} cannot be loaded: {spelled(problem)}; name another model or "
            "revision"
        ) from problem
    wrong = [f"{name} is missing" for name in sorted(report["missing_keys"])]
    wrong += [
        f"{name} has the shape {tuple(held)}, and {tuple(asked)} by its {CONFIG}"
        for name, held, asked in sorted(report["mismatched_keys"])
    ]
    for name in sorted(report["unexpected_keys"]):
        if exact or block_of(name) is not None:
            wrong.append(f"{name} is unknown to it")
    if wrong:
        raise WeightsError(
            f"the weights of {what} do not fit its architecture: {wrong[0]} ({len(wrong)} such "
            "parameters)"
        )
    tied = {name for name, _ in expected.named_parameters()}
    for name, parameter in model.named_parameters():
        if name not in tied:
            raise WeightsError(
                f"the weights of {what} hold a {name} of its own, which {CONFIG} ties to another "
                "(tie_word_embeddings); name a model or revision where the two agree"
            )
        if not bool(torch.isfinite(parameter).all()):
            raise WeightsError(
                f"the weights of {what} hold values in {name} that are not finite numbers; name "
                "another model or revision"
            )
    result: PreTrainedModel = model.eval()
    return result


def _outlined(
    config: PretrainedConfig, task: str, state: Mapping[str, Tensor], what: str
) -> PreTrainedModel:
    """Outline a model that needs little more memory than its weights hold."""

    def attempt(config: PretrainedConfig) -> PreTrainedModel:
        expected = outline(config, task)
        needed = sum(4 * parameter.numel() for parameter in expected.parameters())
        needed += sum(buffer.nbytes for buffer in expected.buffers())
        if needed > held + _SPARE:
            raise ValueError(f"a model of {needed:,} bytes, whose weights hold {held:,}")
        return expected

    held = sum(4 * tensor.numel() for tensor in state.values())
    options = config.to_diff_dict()
    with blaming_fields(what, options, lambda o: attempt(type(config).from_dict(o))):
        return attempt(config)


def _readable(
    expected: PreTrainedModel, state: Mapping[str, Tensor], what: str
) -> dict[str, Tensor]:
    """Leave out whole numbers and the like, unless they are a buffer; refuse a parameter's.

    Transformers would take them without the scale that they need.
    """

    def is_one_of(named: Iterable[tuple[str, Tensor]], name: str) -> bool:
        # A file may hold the base alone, with names that begin behind the base's own.
        return any(f".{own}".endswith(f".{name}") for own, _ in named)

    kept = {name: tensor for name, tensor in state.items() if tensor.dtype in _READABLE}
    for name, tensor in state.items():
        if name in kept:
            continue
        if is_one_of(expected.named_parameters(remove_duplicate=False), name):
            found, *known = (str(t).removeprefix("torch.") for t in (tensor.dtype, *_READABLE))
            raise WeightsError(
                f"the weights of {what} cannot be read: {name} is stored as {found}, and only "
                f"{', '.join(known)} are read; name a model or revision that is not quantised"
            )
        if is_one_of(expected.named_buffers(), name):
            kept[name] = tensor
    return kept


def _try_out(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, spec: ModelSpec, hub_id: str
) -> None:
    """Compute as many tokens as tasks read at once: some faults show on no shape alone."""
    tokens = torch.arange(min(spec.structure.positions, _LONGEST))[None]
    inputs = {"input_ids": tokens % spec.structure.vocabulary}
    if HEADS[spec.task].padded:
        types = tokenizer("a", "b", return_token_type_ids=True)["token_type_ids"]
        inputs["token_type_ids"] = torch.full_like(tokens, max(types))
    try:
        with torch.no_grad():
            output = model(**taken_by(model, inputs))
    except Exception as problem:  # models of transformers raise whatever they come upon
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
