"""Sub-networks of a model on analog hardware: the best, those that none beats, and their ranks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import msgspec

from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.report.estimates import decimals_text, ranged_text
from analog_bench.report.table import Block, Column, Heading, Spelling, number, tabulate
from analog_bench.spelling import counted

if TYPE_CHECKING:
    # They load torch and scikit-learn; here their records are only read.
    from analog_bench.planning.subnetwork_ranking import RankedBy
    from analog_bench.planning.subnetwork_record import MeasuredSubNetwork

_TARGETS = {"one_day": "F1 after a day", "avm": "AVM"}
_PART = (
    "A sub-network: the feed-forward networks of each block, 0 where the block is left out, heads, "
    "intermediate width. The first is the whole."
)
_SCORES = (
    "F1 in points, mean over chips with its 95 % interval; AVM: after a month less after a second; "
    "gain: less the whole's, chip by chip."
)


def subnetwork_tables(
    fresh: Sequence[MeasuredSubNetwork],
    gains: Sequence[Interval],
    front: Sequence[MeasuredSubNetwork],
    measured: int,
    rankings: Sequence[RankedBy],
) -> tuple[Block, ...]:
    """Return tables of the best on fresh chips, of those that none beats, and of rankings.

    The whole comes first in `fresh`; `gains` after a day are of those that follow it.
    """
    gained = {one.part: gain for one, gain in zip(fresh[1:], gains, strict=True)}
    best = tabulate(
        fresh,
        [*_columns(), number("gain at 1 d", lambda one: decimals_text(gained.get(one.part), 1))],
        notes=(_PART, _SCORES),
        frame="rule",
    )
    others = tabulate(
        front,
        _columns(),
        notes=(f"Of {counted(measured, 'sub-network')}, on the chips that chose them.",),
        frame="rule",
    )
    return (
        Heading(f"The whole and the best of its parts, on {_chips(fresh)} that chose none"),
        best,
        Heading(f"None has more F1 after a day at as little energy, on {_chips(front)}"),
        others,
        *_rankings(rankings, measured),
    )


def measured_as_plain(one: MeasuredSubNetwork) -> dict[str, Any]:
    """Return a sub-network's record as plain values, with its means."""
    return {
        **msgspec.to_builtins(one),
        "one_day": one.one_day,
        "one_month": fmean(one.month_by_chip),
        "avm": fmean(one.avm_by_chip),
    }


def _chips(some: Sequence[MeasuredSubNetwork]) -> str:
    return counted(len(some[0].chips), "chip")


def _columns() -> list[tuple[Column, Spelling[MeasuredSubNetwork]]]:
    return [
        (Column("sub-network", names_rows=True), lambda one: str(one.part)),
        number("digital", lambda one: f"{one.digital:.1f}"),
        number("1 d", lambda one: _over_chips(one.one_day_by_chip)),
        number("30 d", lambda one: _over_chips(one.month_by_chip), priority=1),
        number("AVM", lambda one: _over_chips(one.avm_by_chip), priority=1),
        number("nJ a token", lambda one: f"{one.pj / 1000:.0f}"),
        number("parameters", lambda one: f"{one.parameters / 1e6:.2f} M", priority=2),
    ]


def _rankings(rankings: Sequence[RankedBy], measured: int) -> tuple[Block, ...]:
    if not rankings:
        return ()
    cells = {(one.name, one.target): one for one in rankings}

    def among(target: str) -> tuple[Column, Spelling[str]]:
        def spell(name: str) -> str:
            one = cells.get((name, target))
            return "" if one is None else ranged_text(one.tau, one.low, one.high)

        return number(_TARGETS[target], spell)

    table = tabulate(
        list(dict.fromkeys(one.name for one in rankings)),
        [(Column("ranked by", names_rows=True), lambda name: name), *map(among, _TARGETS)],
        notes=(
            "tau: Kendall's between prediction and measurement, with a 95 % interval over "
            "sub-networks; a surrogate predicts each from four fifths of the others. Halves of the "
            "chips: tau between two measurements of the same.",
        ),
        frame="rule",
    )
    return Heading(f"How {counted(measured, 'sub-network')} are ranked: Kendall's tau"), table


def _over_chips(values: Sequence[float]) -> str:
    return decimals_text(mean_interval(values), 1)
