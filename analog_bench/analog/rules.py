"""Which combinations of noise, drift time, tile and hardware make sense. Needs no torch.

The plugin asks this at collection, so that a wrong option is one line and not a failing run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from analog_bench.case import spelt_seconds
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import EqualError, Ideal, Noise, Preset, ReramCmo, ReramWan2022, Tile

IDEAL = "ideal"
TORCH_VARIANT = "StandardHWATrainingTorch"

# Kept by hand so that collection needs no aihwkit; a test compares it with what aihwkit offers.
PRESETS: Mapping[str, Tile] = MappingProxyType(
    {
        "FloatingPointPreset": "torch",
        "StandardHWATrainingPreset": "cpp",
        TORCH_VARIANT: "torch",
    }
)
_WITH_INPUT_RANGES = frozenset({"StandardHWATrainingPreset", TORCH_VARIANT})
_CMO_SHORTEST_S = 1e-6
TILE_NAMES = {"torch": "torch tile", "cpp": "C++ tile"}


def check_case(noise: Noise, drift_s: float, tile: Tile, hardware: str) -> None:
    """Refuse what cannot be measured.

    Args:
        noise: The noise.
        drift_s: Seconds since programming.
        tile: The tile engine; only tile noises use it.
        hardware: `ideal`, or the name of a preset that the tiles start from.

    Raises:
        UsageError: See `check_setup` and `check_drift`.
    """
    check_setup(noise, tile, hardware)
    check_drift(noise, drift_s)


def check_setup(noise: Noise, tile: Tile, hardware: str) -> None:
    """Refuse a noise that cannot be had on this tile or hardware.

    Raises:
        UsageError: Hardware named for a noise that needs no tile; a family the tile engine lacks;
            an unknown preset; a preset of the other tile engine; two presets at once.
    """
    if isinstance(noise, EqualError):
        noise = noise.at(noise.start)
    if noise.WHERE != "tile":
        if hardware != IDEAL:
            raise UsageError(
                f"{noise.NAME} acts on no tile, so hardware {hardware!r} would change nothing; "
                f"leave it at {IDEAL!r}"
            )
        return
    if tile not in noise.TILES:
        engines = " or ".join(noise.TILES)
        raise UsageError(
            f"{noise.NAME} cannot be had on the {TILE_NAMES.get(tile, tile)}; use --tile {engines}"
        )
    if isinstance(noise, (Ideal, Preset)) and hardware != IDEAL:
        raise UsageError(
            f"{noise.NAME} describes the whole hardware, so it cannot start from {hardware!r}; "
            f"leave hardware at {IDEAL!r}"
        )
    preset = preset_name(noise, hardware)
    if preset is not None:
        _check_preset(preset, tile)


def check_drift(noise: Noise, drift_s: float) -> None:
    """Refuse a drift time that is no time, or that the noise has no model for.

    Args:
        noise: The noise.
        drift_s: Seconds since programming.

    Raises:
        UsageError: A negative or non-finite time; a time outside `ReramWan2022.TIMES`, the only
            ones that model was fitted at; a time too short for the logarithms of `ReramCmo`.
    """
    if isinstance(noise, EqualError):
        noise = noise.at(noise.start)
    if not math.isfinite(drift_s) or drift_s < 0:
        raise UsageError(f"a drift time is at least 0 s, found {drift_s:g}")
    if isinstance(noise, ReramWan2022) and drift_s not in ReramWan2022.TIMES:
        times = ", ".join(spelt_seconds(t) for t in ReramWan2022.TIMES)
        raise UsageError(
            f"{noise.NAME} was fitted at {times} only, found {spelt_seconds(drift_s)}; "
            "choose one of these"
        )
    if isinstance(noise, ReramCmo) and 0 < drift_s < _CMO_SHORTEST_S:
        raise UsageError(
            f"{noise.NAME} has no values below {spelt_seconds(_CMO_SHORTEST_S)}, "
            f"found {spelt_seconds(drift_s)}; use 0s or a longer time"
        )


def preset_name(noise: Noise, hardware: str) -> str | None:
    """Return the preset that the tiles start from, or None where everything else is ideal."""
    if isinstance(noise, Preset):
        return noise.name
    return None if hardware == IDEAL else hardware


def needs_input_ranges(noise: Noise, hardware: str) -> bool:
    """Return whether the tiles have static input ranges, which must be observed beforehand."""
    return noise.WHERE == "tile" and preset_name(noise, hardware) in _WITH_INPUT_RANGES


def _check_preset(preset: str, tile: Tile) -> None:
    wanted = PRESETS.get(preset)
    if wanted is None:
        raise UsageError(f"no hardware preset {preset!r}; {did_you_mean(preset, PRESETS)}")
    if wanted != tile:
        others = ", ".join(name for name, engine in PRESETS.items() if engine == tile)
        raise UsageError(
            f"preset {preset} needs the {TILE_NAMES[wanted]}; use --tile {wanted}, "
            f"or on the {TILE_NAMES.get(tile, tile)}: {others}"
        )
