"""Installed versions, and which of them are known to work together. Needs no torch."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from types import MappingProxyType

from analog_bench.noise import Preset

TORCH, CPP = "torch", "cpp"
"""Names of aihwkit's two tile engines."""
TORCH_VARIANT = Preset.name
"""This project's variant of `StandardHWATrainingPreset` for the torch tile."""
PACKAGES = ("torch", "aihwkit", "transformers", "datasets")


@dataclass(frozen=True)
class Pair:
    """A combination that was built and measured; aihwkit is the wheel on PyPI."""

    aihwkit: str
    python: str
    torch: str
    torch_tile: bool
    cpp_tile: bool

    def __str__(self) -> str:
        """Return the pair as a phrase: `aihwkit 1.1.0 with torch 2.11.0 on Python 3.11`."""
        return f"aihwkit {self.aihwkit} with torch {self.torch} on Python {self.python}"


MEASURED: tuple[Pair, ...] = (
    Pair("1.1.0", "3.11", "2.9.1", torch_tile=False, cpp_tile=False),
    Pair("1.1.0", "3.11", "2.10.0", torch_tile=True, cpp_tile=True),
    Pair("1.1.0", "3.11", "2.11.0", torch_tile=True, cpp_tile=True),
    Pair("1.1.0", "3.11", "2.13.0", torch_tile=True, cpp_tile=False),
    Pair("1.1.0", "3.11", "2.15.0", torch_tile=True, cpp_tile=False),
    Pair("1.1.0", "3.12", "2.11.0", torch_tile=True, cpp_tile=True),
    Pair("1.2.0", "3.12", "2.11.0", torch_tile=True, cpp_tile=False),
    Pair("1.2.0", "3.12", "2.15.0", torch_tile=True, cpp_tile=True),
)

# Pythons for which PyPI has a wheel of aihwkit; others must build it from source.
WHEELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "0.9.2": ("3.10",),
        "1.0.0": ("3.10",),
        "1.1.0": ("3.10", "3.11", "3.12"),
        "1.2.0": ("3.12", "3.13"),
    }
)
# Releases about which anything is known here.
RELEASES = frozenset({*WHEELS, *(pair.aihwkit for pair in MEASURED)})


@functools.cache
def package_version(name: str) -> str | None:
    """Return the version of an installed package; None if it is not installed."""
    # Python would parse all of the package's metadata for this, even its readme.
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def versions(*others: str) -> dict[str, str | None]:
    """Return the versions of `python`, of `PACKAGES` and of other distributions, without imports.

    A version is None if the package is not installed; empty names are ignored.
    """
    packages = filter(None, (*PACKAGES, *others))
    return {"python": platform.python_version(), **{p: package_version(p) for p in packages}}


def working_pair(python: str) -> Pair:
    """Return the newest measured pair with both tiles working, for this Python or the nearest."""
    minor = int(python.split(".")[1])
    both = [pair for pair in MEASURED if pair.torch_tile and pair.cpp_tile]
    return min(reversed(both), key=lambda pair: abs(int(pair.python.split(".")[1]) - minor))
