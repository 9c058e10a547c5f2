"""Builds a model from its configuration, and observes what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
)

from analog_bench.codec import DocumentError, indented, one_line, plain, read_json
from analog_bench.errors import WeightsError, did_you_mean
from analog_bench.zoo.layer_names import called_layers
from analog_bench.zoo.model_specs import STRUCTURE
from analog_bench.zoo.model_structure import Structure, Task

CONFIG = "config.json"
"""A model's configuration, as transformers writes it."""

_AUTO: Mapping[Task, Any] = MappingProxyType(
    {"qa": AutoModelForQuestionAnswering, "lm": AutoModelForCausalLM}
)
_HEADS: Mapping[Task, Mapping[str, str]] = MappingProxyType(
    {"qa": MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES, "lm": MODEL_FOR_CAUSAL_LM_MAPPING_NAMES}
)
_OUTPUTS: Mapping[Task, tuple[str, ...]] = MappingProxyType(
    {"qa": ("start_logits", "end_logits"), "lm": ("logits",)}
)
# What models raise that cannot be built, or that a forward pass with nothing but tokens is not
# enough for.
_UNUSABLE = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, ImportError),
    StrictDataclassError,
)


def read_config(path: Path, origin: str) -> PretrainedConfig:
    """Read a model's `config.json`, called `origin` in errors; only transformers' code is run.

    Raises:
        WeightsError: It cannot be read, or transformers knows no such architecture.
    """
    try:
        options = read_json(path)
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {origin}: {problem}") from None
    if not isinstance(options, dict):
        raise WeightsError(f"{origin} is not an object")
    family = options.get("model_type")
    if not isinstance(family, str) or family not in CONFIG_MAPPING:
        hint = did_you_mean(str(family), ["bert", "gpt2", "mobilebert"])
        raise WeightsError(f"{origin}: transformers has no model_type {family!r}; {hint}")
    try:
        config: PretrainedConfig = CONFIG_MAPPING[family].from_dict(options)
    except _UNUSABLE as problem:
        raise WeightsError(f"{origin}: {one_line(str(problem))}") from None
    return config


def task_of(config: PretrainedConfig, origin: str) -> Task:
    """Return a model's task, by its configuration's head; `WeightsError` for an unknown one."""
    named = config.architectures or []
    fitting = {task: heads.get(config.model_type) for task, heads in _HEADS.items()}
    for task, head in fitting.items():
        if head in named:
            return task
    heads = " or ".join(head for head in fitting.values() if head) or "none of this family"
    raise WeightsError(f"{origin}: architectures must name {heads}, found {', '.join(named)!r}")


def outline(config: PretrainedConfig, task: Task) -> PreTrainedModel:
    """Build a model without memory for its weights, in evaluation mode."""
    with torch.device("meta"):
        model: PreTrainedModel = _AUTO[task].from_config(
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
    try:
        model = outline(config, task)
        with torch.device("meta"):
            kinds, output = called_layers(model)
    except _UNUSABLE as problem:
        raise WeightsError(f"{origin}: the model cannot be run: {one_line(str(problem))}") from None
    missing = [name for name in _OUTPUTS[task] if getattr(output, name, None) is None]
    if missing:
        raise WeightsError(f"{origin}: the model returns no {missing[0]}")
    return Structure(
        family=config.model_type,
        task=task,
        base=model.base_model_prefix,
        positions=_positions(model, origin),
        vocabulary=config.vocab_size,
        computed=tuple(f"{kind} {path}" for path, kind in kinds.items()),
    )


def record_structure(folder: Path) -> Structure:
    """Observe the model whose `config.json` is in a folder, and write its `structure.json`."""
    structure = observe(read_config(folder / CONFIG, str(folder / CONFIG)), str(folder))
    (folder / STRUCTURE).write_bytes(indented(plain(structure)))
    return structure


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
