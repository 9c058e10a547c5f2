"""Read a model's `config.json`, and reject one that asks for what cannot be measured."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig
from transformers.utils import logging

from analog_bench.codec import DocumentError, one_line, read_json
from analog_bench.errors import WeightsError, did_you_mean

CONFIG = "config.json"
"""A model's configuration, as transformers writes it."""

_QUANTISED = "quantised weights are not read; name an unquantised model"
_ONE_FORM = "outputs are read in one form only"
# Field, the value that it must have if present, and the reason.
_FIXED: Mapping[str, tuple[object, str]] = MappingProxyType(
    {
        "quantization_config": (None, _QUANTISED),
        "compression_config": (None, _QUANTISED),
        "transformers_weights": (None, "only model.safetensors is read"),
        "fusion_config": (None, "layers are measured one by one"),
        "auto_map": (
            None,
            "it names code beside the weights, which is never run; where transformers has this "
            "architecture of its own, load the model with that and save_pretrained it",
        ),
        "return_dict": (True, _ONE_FORM),
        "output_hidden_states": (False, _ONE_FORM),
        "output_attentions": (False, _ONE_FORM),
        "chunk_size_feed_forward": (0, "inputs of any length are computed in one piece"),
    }
)
# Transformers builds a list or dictionary of this length before the model can be limited.
_COUNTS = re.compile(r"n_?layers?|layers|(num|n)_\w*(layers?|labels)|\w+_layers")
_MOST = 10_000


def read_config(path: Path, origin: str) -> PretrainedConfig:
    """Read a model's `config.json`, called `origin` in errors; only transformers' code is run.

    Raises:
        WeightsError: It cannot be read, transformers does not know the architecture or rejects a
            field, or a field asks for what cannot be measured.
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
    for name, value in options.items():
        needed, why = _FIXED.get(name, (value, ""))
        if value is not None and value != needed:
            must = "must be left out" if needed is None else f"must be {_shown(needed)} or left out"
            raise WeightsError(f"{origin}: {name} is {_shown(value)}, and {must}: {why}")
        if _COUNTS.fullmatch(name) and isinstance(value, int) and value > _MOST:
            raise WeightsError(f"{origin}: {name} is {value}, and at most {_MOST} are measured")
    make: Callable[[dict[str, Any]], PretrainedConfig] = CONFIG_MAPPING[family].from_dict
    with blaming_fields(origin, options, make):
        return make(dict(options))


@contextmanager
def blaming_fields(
    origin: str, options: Mapping[str, Any], attempt: Callable[[dict[str, Any]], object]
) -> Iterator[None]:
    """Turn any error of transformers about a configuration into one line that names the field.

    `attempt` repeats the failed call with other options. The field to blame is one without which it
    succeeds, or with 1 in place of another integer.

    Raises:
        WeightsError: An error was raised.
    """
    try:
        with silent_transformers():
            yield
    # Configurations and models of transformers raise errors of any type.
    except Exception as problem:
        with silent_transformers():
            field = _culprit(options, attempt)
        found = f"{field} is {_shown(options[field])}: " if field else ""
        raise WeightsError(
            f"{origin}: {found}{spelled(problem)}; correct it or name another model or revision"
        ) from problem


def spelled(problem: Exception) -> str:
    """Return an exception of transformers as one line: its text and its type."""
    return one_line(f"{problem} ({type(problem).__name__})")


def _culprit(options: Mapping[str, Any], attempt: Callable[[dict[str, Any]], object]) -> str | None:
    def succeeds(changed: Mapping[str, Any]) -> bool:
        try:
            attempt(dict(changed))
        except Exception:  # as above
            return False
        return True

    numbers = {name: value for name, value in options.items() if isinstance(value, int | float)}
    # Large numbers first: as long as they are present, an attempt may take a second.
    names = sorted(options, key=lambda name: -abs(numbers.get(name, 0)))
    without = ((name, {k: v for k, v in options.items() if k != name}) for name in names)
    with_one = ((name, {**options, name: 1}) for name in names if type(options[name]) is int)
    if succeeds(options):  # the failure has another cause, outside the options
        return None
    return next((name for name, changed in chain(without, with_one) if succeeds(changed)), None)


def _shown(value: object) -> str:
    return one_line(json.dumps(value, default=str), 60)


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Silence messages of transformers that are irrelevant or are also raised."""
    transformers_logging: Any = logging  # untyped
    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(transformers_logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
