"""What this aihwkit offers: noise models, and configurations term by term."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aihwkit.inference import noise as noise_package
from aihwkit.inference.noise.base import BaseNoiseModel

from analog_bench.content_name import fingerprint
from analog_bench.simulators.aihwkit.config import presets
from analog_bench.simulators.engine_trial import reason_of

_DEEPEST = 6


@dataclass(frozen=True)
class Inventory:
    """What this aihwkit offers: sorted noise models, and presets by term.

    `presets` maps a preset to spelt values: `forward.out_noise` to `0.04`. A part that is an object
    has its class under its own name, and its plain attributes below it. `reasons` says what could
    not be looked at, and why.
    """

    noise_models: tuple[str, ...]
    presets: Mapping[str, Mapping[str, str]]
    reasons: Mapping[str, str]


def take_inventory() -> Inventory:
    """Look at all noise models and presets; what cannot be loaded or made has its reason."""
    found: list[str] = []
    terms: dict[str, dict[str, str]] = {}
    reasons: dict[str, str] = {}
    for module in pkgutil.iter_modules(noise_package.__path__):
        try:
            found += _noise_models(f"{noise_package.__name__}.{module.name}")
        except Exception as problem:  # aihwkit does not declare what its parts raise
            reasons[f"noise models of {module.name}"] = reason_of(problem)
    for name, cls in sorted(presets().items()):
        try:
            terms[name] = dict(sorted(_terms(cls(), "")))
        except Exception as problem:  # as above
            reasons[f"preset {name}"] = reason_of(problem)
    return Inventory(tuple(sorted(found)), terms, reasons)


def content_fingerprint(config: Any) -> str:
    """Return 8 digits for a configuration's class and its terms that differ from aihwkit's own.

    What aihwkit has as defaults may change from release to release: that is another aihwkit, and
    the same hardware.
    """
    usual = next(cls for cls in type(config).__mro__ if _is_aihwkits(cls))
    plain = dict(_terms(usual(), ""))
    own = {term for term in _terms(config, "") if plain.get(term[0]) != term[1]}
    return fingerprint(repr([usual.__name__, sorted(own)]).encode())


def _noise_models(name: str) -> list[str]:
    module = importlib.import_module(name)
    return [
        name
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, BaseNoiseModel) and cls.__module__ == module.__name__
        if cls is not BaseNoiseModel
    ]


def _terms(part: Any, at: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    members = _members(part)
    if members is None or depth > _DEEPEST:
        yield at, _spelt(part)
        return
    if at:
        yield at, type(part).__name__
    for name, value in members.items():
        yield from _terms(value, f"{at}.{name}" if at else name, depth + 1)


def _members(part: Any) -> dict[str, Any] | None:
    if _is_plain(part) or isinstance(part, (type, Enum)) or hasattr(part, "tolist"):
        return None
    if dataclasses.is_dataclass(part):
        return {f.name: getattr(part, f.name, None) for f in dataclasses.fields(part)}
    if isinstance(part, dict):
        return {str(key): value for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return {str(place): value for place, value in enumerate(part)}
    if not hasattr(part, "__dict__"):
        return None
    # Private ones of aihwkit's are its own affair.
    hidden = "_" if _is_aihwkits(type(part)) else "__"
    return {name: value for name, value in vars(part).items() if not name.startswith(hidden)}


def _is_plain(part: Any) -> bool:
    if isinstance(part, dict):
        part = [*part.keys(), *part.values()]
    if isinstance(part, (list, tuple)):
        return all(map(_is_plain, part))
    return isinstance(part, (str, int, float, bool, type(None))) and not isinstance(part, Enum)


def _is_aihwkits(cls: type) -> bool:
    return cls.__module__.split(".")[0] == "aihwkit"


def _spelt(value: Any) -> str:
    """Spell a value; an object by its class, as its repr may hold its address."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, type):
        return value.__name__
    if hasattr(value, "tolist"):  # tensors and arrays
        value = value.tolist()
    return repr(value) if _is_plain(value) else type(value).__name__
