"""Which noises, drift times and hardware are compatible on any simulator. Needs no torch.

The plugin checks this at collection, so that a wrong option gives one line and not a failing run.
"""

from __future__ import annotations

from analog_bench.analog.tile_protocol import TileSimulator
from analog_bench.case import spelt_seconds
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, Measured, Noise, Preset, ReramCmo
from analog_bench.value_checks import amount

IDEAL = "ideal"
_CMO_SHORTEST_S = 1e-6


def family_of(noise: Noise) -> Noise:
    """Return the noise that acts: the family of an `EqualError`, else the noise itself."""
    return noise.at(noise.start) if isinstance(noise, EqualError) else noise


def check_drift(noise: Noise, drift_s: float) -> None:
    """Check that the noise has a model for a drift time.

    Raises:
        UsageError: The time is invalid for every noise (`value_checks.amount`), is not among
            `Noise.TIMES` of a family fitted only at these, is too short for the logarithms of
            `ReramCmo`, or is outside the table of `Measured`; or that table has not been read.
    """
    noise = family_of(noise)
    amount("a drift time", drift_s, "a number of seconds")
    if noise.TIMES and drift_s not in noise.TIMES:
        times = ", ".join(map(spelt_seconds, noise.TIMES))
        raise UsageError(
            f"{noise.NAME} was fitted at {times} only, found {spelt_seconds(drift_s)}; "
            "choose one of these"
        )
    if isinstance(noise, ReramCmo) and 0 < drift_s < _CMO_SHORTEST_S:
        raise UsageError(
            f"{noise.NAME} has no values below {spelt_seconds(_CMO_SHORTEST_S)}, "
            f"found {spelt_seconds(drift_s)}; use 0s or a longer time"
        )
    if isinstance(noise, Measured):
        noise.table.left_after(drift_s)


def preset_name(noise: Noise, hardware: str) -> str | None:
    """Return the preset that the tiles start from; None if everything else is ideal."""
    if isinstance(noise, Preset):
        return noise.name
    return None if hardware == IDEAL else hardware


def needs_input_ranges(noise: Noise, hardware: str, simulator: TileSimulator) -> bool:
    """Return whether the tiles have static input ranges, which must be observed beforehand."""
    preset = preset_name(noise, hardware)
    if isinstance(noise, Preset) and not noise.has("input_range"):
        return False
    return preset is not None and simulator.presets.get(preset, False)
