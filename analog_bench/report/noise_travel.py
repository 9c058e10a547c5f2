"""What results say of how noise travels: figures by block over chips, and losses beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from analog_bench.gate.power_law import PowerLaw, fit_power_law
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.propagation_record import BlockNoise
from analog_bench.records import Metric, Result
from analog_bench.report.score_and_loss import loss

Along: TypeAlias = Literal[
    "error", "made_here", "handed_on", "across", "share", "gain", "jacobian_gain", "random_gain",
    "coherence",
]  # fmt: skip
"""The figures of `BlockNoise`, along the blocks."""
_ONE_BLOCK = re.compile(r"block\.(\d+)")


@dataclass(frozen=True)
class Parts:
    """The median token's error after a block, and its parts along it, means over chips."""

    error: Interval
    made_here: float
    handed_on: float


def followed(results: Iterable[Result]) -> list[Result]:
    """Return the results whose noise was followed through equally many blocks on every chip."""
    return [result for result in results if _counts(result) not in ({0}, set())]


def block_count(result: Result) -> int:
    """Return the number of blocks that noise was followed through."""
    return min(_counts(result))


def source_block(result: Result) -> int | None:
    """Return the one block that has the noise; None where several have it."""
    match = _ONE_BLOCK.fullmatch(result.group)
    return None if match is None else int(match[1])


def at_block(result: Result, block: int, figure: Along) -> Interval | None:
    """Return the mean over chips of a figure's median over tokens; None where no chip has one."""
    spreads = (getattr(one, figure) for one in _at(result, block))
    medians = [spread.median for spread in spreads if spread is not None]
    return mean_interval(medians) if medians else None


def along(result: Result, figure: Along) -> list[float]:
    """Return the figure's mean at each block that has one."""
    found = (at_block(result, block, figure) for block in range(block_count(result)))
    return [one.centre for one in found if one is not None]


def parts_at(result: Result, block: int) -> Parts:
    """Return the error after a block in its parts."""
    own = _at(result, block)
    errors = [one.error.median for one in own]
    shares = [one.share.median if one.share is not None else 0.0 for one in own]
    made = [error * share for error, share in zip(errors, shares, strict=True)]
    mean = mean_interval(errors)
    here = mean_interval(made).centre
    return Parts(mean, here, mean.centre - here)


def final_error(result: Result) -> Interval:
    """Return the relative error of the stream after the last block."""
    return parts_at(result, block_count(result) - 1).error


def law_of(results: Sequence[Result], metric: Metric) -> PowerLaw | None:
    """Fit the loss as a power of the final stream's error; see `fit_power_law`."""
    lost = [(final_error(result).centre, loss(result, metric)) for result in results]
    known = [(error, value) for error, value in lost if value is not None]
    return fit_power_law([error for error, _ in known], [value for _, value in known])


def _counts(result: Result) -> set[int]:
    known = {len(c.propagation.blocks) if c.propagation else 0 for c in result.initial_chips}
    return known if len(known) == 1 else set()


def _at(result: Result, block: int) -> list[BlockNoise]:
    return [c.propagation.blocks[block] for c in result.initial_chips if c.propagation is not None]
