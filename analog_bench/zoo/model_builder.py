"""Build a model from its configuration, and observe its structure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto

from analog_bench.codec import DocumentError, convert, one_line
from analog_bench.errors import WeightsError
from analog_bench.zoo.layer_names import called_layers
from analog_bench.zoo.model_config import CONFIG, blaming_fields, silent_transformers, spelled
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_structure import LayerKind, Structure, block_of

# Llama's largest has 1,100; a model with more would take minutes to build, even without memory.
_MOST_PARAMETERS = 10_000
_READABLE = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_SPARE = 2**30


def task_of(config: PretrainedConfig, origin: str) -> str:
    """Return a model's task, from the head in its configuration.

    Raises:
        WeightsError: The head is unknown.
    """
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
        Exception: Anything: models of transformers raise errors of any type.
    """
    builder = getattr(modeling_auto, HEADS[task].builder)
    # Fused attention, unless the architecture lacks it, as DeBERTa does.
    fused = builder._model_mapping[type(config)]._supports_sdpa
    with _limited(), torch.device("meta"):
        model: PreTrainedModel = builder.from_config(
            config, attn_implementation="sdpa" if fused else "eager", trust_remote_code=False
        )
    nn.Module.eval(model)
    return model


def runnable_outline(config: PretrainedConfig, task: str) -> PreTrainedModel:
    """Build a model without memory, as `outline` does, that can be run on `meta` tokens."""
    model = outline(copy.deepcopy(config), task)
    # Some models would inspect padding, or positions without a cache; nothing has values here.
    model.config.use_cache = True
    if not model.config.is_encoder_decoder:  # encoder-decoders begin with the padding token
        vars(model.config)["pad_token_id"] = None  # past a check that it is a number
    return model


def observe(config: PretrainedConfig, origin: str) -> Structure:
    """Build a model, run it once on shapes alone, and return its structure.

    Raises:
        WeightsError: The model is for no known task, cannot be run on tokens alone, or does not say
            how many it takes.
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


def build(
    config: PretrainedConfig, task: str, state: Mapping[str, Tensor], what: str, *, exact: bool
) -> PreTrainedModel:
    """Build a model with given weights, float32, in evaluation mode; `what` names it in errors.

    Parameters tied to others may be missing. Superfluous ones are an error if `exact`. Superfluous
    ones of a block are always an error: the configuration then omits part of the model.

    Raises:
        WeightsError: The weights do not fit, or are not finite floating-point numbers.
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
                attn_implementation=expected.config._attn_implementation,
                ignore_mismatched_sizes=True,  # reported below, with our own error
                output_loading_info=True,
            )
    except Exception as problem:  # transformers raises errors of any type
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


def check_fit(config: PretrainedConfig, task: str, state: Mapping[str, Tensor], what: str) -> None:
    """Check that weights fit a model, by their names, types and shapes; no values are read.

    Raises:
        WeightsError: As `build`, except for values.
    """

    def of_no_size(tensor: Tensor) -> Tensor:
        # A single zero of any shape; casting a float of another type would copy it.
        dtype = torch.float32 if tensor.dtype in _READABLE else tensor.dtype
        return torch.zeros((), dtype=dtype).expand(tensor.shape)

    unread = {name: of_no_size(tensor) for name, tensor in state.items()}
    build(config, task, unread, what, exact=False)


def taken_by(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs that a model takes; without token types if it does not distinguish them."""
    names = signature(model.forward).parameters
    one_type = getattr(getattr(model, "config", None), "type_vocab_size", 2) < 2
    return {
        name: tensor
        for name, tensor in inputs.items()
        if name in names and not (one_type and name == "token_type_ids")
    }


def _outlined(
    config: PretrainedConfig, task: str, state: Mapping[str, Tensor], what: str
) -> PreTrainedModel:
    """Outline a model that needs little more memory than its weights."""

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
    """Drop integers and the like unless they are a buffer; reject those of a parameter.

    Transformers would use them without the scale that they need.
    """

    def is_one_of(named: Iterable[tuple[str, Tensor]], name: str) -> bool:
        # A file may hold only the base, with names that begin after the base's own name.
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


def _run(task: str, config: PretrainedConfig) -> tuple[PreTrainedModel, dict[str, LayerKind]]:
    model = runnable_outline(config, task)
    with torch.device("meta"):
        kinds, output = called_layers(model)
    missing = [name for name in HEADS[task].outputs if getattr(output, name, None) is None]
    if missing:
        raise ValueError(f"the model returns no {missing[0]}")
    return model, kinds


@contextmanager
def _limited() -> Iterator[None]:
    """Stop building a model with absurdly many parameters."""
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
    # Where positions are embedded with a padding index, as in RoBERTa, they begin after it.
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
