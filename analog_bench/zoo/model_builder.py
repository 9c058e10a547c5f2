"""Builds a model from its configuration, and observes what it is made of."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto

from analog_bench.codec import DocumentError, convert, indented, one_line, plain
from analog_bench.errors import WeightsError
from analog_bench.zoo.layer_names import called_layers
from analog_bench.zoo.model_config import CONFIG, blaming_fields, read_config
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_specs import STRUCTURE
from analog_bench.zoo.model_structure import LayerKind, Structure

# Llama's largest has 1,100: a model of more would take minutes to build, even without memory.
_MOST_PARAMETERS = 10_000


def task_of(config: PretrainedConfig, origin: str) -> str:
    """Return a model's task, by its configuration's head; `WeightsError` for an unknown one."""
    named: object = config.architectures
    fitting = {
        task: getattr(modeling_auto, head.classes).get(config.model_type)
        for task, head in HEADS.items()
    }
    for task, name in fitting.items():
        if isinstance(named, list) and name in named:
            return task
    heads = " or ".join(name for name in fitting.values() if name) or "none of this family"
    found = one_line(repr(named), 60)
    raise WeightsError(f"{origin}: architectures must name {heads}, found {found}")


def outline(config: PretrainedConfig, task: str) -> PreTrainedModel:
    """Build a model without memory for its weights, in evaluation mode.

    Raises:
        Exception: Anything: models of transformers raise whatever they come upon.
    """
    with _limited(), torch.device("meta"):
        model: PreTrainedModel = getattr(modeling_auto, HEADS[task].builder).from_config(
            config, attn_implementation="sdpa", trust_remote_code=False
        )
    nn.Module.eval(model)
    return model


def observe(config: PretrainedConfig, origin: str) -> Structure:
    """Build a model, run it once on the shapes alone, and say what it is made of.

    Raises:
        WeightsError: It is for no known task, cannot be run on tokens alone, or does not say how
            many it takes.
    """
    task = task_of(config, origin)
    run = partial(_run, task)
    options = config.to_diff_dict()
    with blaming_fields(origin, options, lambda changed: run(type(config).from_dict(changed))):
        model, kinds = run(config)
    found = {
        "family": config.model_type,
        "task": task,
        "base": model.base_model_prefix,
        "positions": _positions(model, origin),
        "vocabulary": getattr(config, "vocab_size", None),
        "computed": [f"{kind} {path}" for path, kind in kinds.items()],
    }
    try:
        return convert(found, Structure)
    except DocumentError as problem:
        raise WeightsError(f"{origin}: {problem}") from None


def taken_by(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return those inputs that a model takes: no token types where it does not tell any apart."""
    names = signature(model.forward).parameters
    one_type = getattr(getattr(model, "config", None), "type_vocab_size", 2) < 2
    return {
        name: tensor
        for name, tensor in inputs.items()
        if name in names and not (one_type and name == "token_type_ids")
    }


def record_structure(folder: Path) -> Structure:
    """Observe the model whose `config.json` is in a folder, and write its `structure.json`."""
    structure = observe(read_config(folder / CONFIG, str(folder / CONFIG)), str(folder))
    (folder / STRUCTURE).write_bytes(indented(plain(structure)))
    return structure


def _run(task: str, config: PretrainedConfig) -> tuple[PreTrainedModel, dict[str, LayerKind]]:
    model = outline(copy.deepcopy(config), task)
    # Some models would look for padding, or without a cache at positions: nothing has values here.
    model.config.use_cache = True
    if not model.config.is_encoder_decoder:  # these begin with it
        vars(model.config)["pad_token_id"] = None  # past a check that it is a number
    with torch.device("meta"):
        kinds, output = called_layers(model)
    missing = [name for name in HEADS[task].outputs if getattr(output, name, None) is None]
    if missing:
        raise ValueError(f"the model returns no {missing[0]}")
    return model, kinds


@contextmanager
def _limited() -> Iterator[None]:
    """Stop building a model that has absurdly many parameters."""
    count = 0

    def grow(*_: object) -> None:
        nonlocal count
        count += 1
        if count > _MOST_PARAMETERS:
            raise ValueError(f"the model has more than {_MOST_PARAMETERS} weights and biases")

    handle = register_module_parameter_registration_hook(grow)
    try:
        yield
    finally:
        handle.remove()


def _positions(model: PreTrainedModel, origin: str) -> int:
    config: Any = model.config
    stated = getattr(config, "max_position_embeddings", None)
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < 1:
        raise WeightsError(
            f"{origin}: max_position_embeddings must be a number above 0, found {stated!r}"
        )
    # Where positions are embedded with a padding index, as in RoBERTa, they begin behind it.
    words = model.get_input_embeddings()
    taken = [
        module.padding_idx + 1
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        and module is not words
        and module.num_embeddings == stated
        and module.padding_idx is not None
    ]
    return stated - max(taken, default=0)
