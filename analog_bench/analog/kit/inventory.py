"""What this aihwkit offers: noise models, and presets term by term."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from enum import Enum
from typing import Any

from aihwkit.inference import noise as noise_package
from aihwkit.inference.noise.base import BaseNoiseModel

from analog_bench.analog.kit.config import presets

_DEEPEST = 6


def noise_models() -> list[str]:
    """Return the names of aihwkit's noise models for inference, sorted."""
    modules = [
        importlib.import_module(f"{noise_package.__name__}.{found.name}")
        for found in pkgutil.iter_modules(noise_package.__path__)
    ]
    return sorted(
        name
        for module in modules
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, BaseNoiseModel) and cls.__module__ == module.__name__
        if cls is not BaseNoiseModel
    )


def preset_terms() -> dict[str, dict[str, str]]:
    """Return what each inference preset is made of.

    Returns:
        Preset to term to spelt value: `forward.out_noise` to `0.04`. A part that is an object has
        its class under its own name, and its plain attributes below it.
    """
    return {name: dict(sorted(_terms(cls(), ""))) for name, cls in sorted(presets().items())}


def _terms(part: Any, at: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    members = _members(part)
    if members is None or depth > _DEEPEST:
        # An object's repr may hold its address, which says nothing.
        plain = isinstance(part, (str, int, float, bool, list, tuple, dict, type(None)))
        yield at, _spelt(part) if plain or isinstance(part, Enum) else type(part).__name__
        return
    if at:
        yield at, type(part).__name__
    for name, value in members.items():
        yield from _terms(value, f"{at}.{name}" if at else name, depth + 1)


def _members(part: Any) -> dict[str, Any] | None:
    """Return the parts of a part; None where it is a value."""
    if isinstance(part, (type, Enum)):
        return None
    if dataclasses.is_dataclass(part):
        return {f.name: getattr(part, f.name, None) for f in dataclasses.fields(part)}
    if type(part).__module__.split(".")[0] == "aihwkit":
        return {name: value for name, value in vars(part).items() if not name.startswith("_")}
    return None


def _spelt(value: Any) -> str:
    return value.name if isinstance(value, Enum) else repr(value)
