"""How well surrogates rank cells, as tables and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analog_bench.gate.significance import mean_interval
from analog_bench.report.estimates import decimals_text
from analog_bench.report.table import (
    Block,
    Column,
    Heading,
    Spelling,
    number,
    paragraph,
    tabulate,
)

if TYPE_CHECKING:
    # It loads scikit-learn; here its records are only read.
    from analog_bench.planning.cell_ranking import RankingScore

_TITLES = {"one_day": "accuracy after a day", "avm": "AVM, what a month takes"}
_TAU = (
    "tau: Kendall's between prediction and measurement of the cells held out, with a 95 % interval "
    "over repeats: other halves of the classes, other cells measured, the same benchmark."
)
_REGRET = (
    "regret: by how many percent of accuracy the best of the first ten is below the best of all "
    "that were held out."
)
_CEILING = (
    "Equal cells: tau between two measurements of what computes the same. A surrogate's "
    "has a measurement's noise on one side only and can exceed it."
)


def ranking_tables(
    scores: Sequence[RankingScore], ceilings: Mapping[str, Sequence[float]]
) -> tuple[Block, ...]:
    """Return for each target a table of encodings by the number of measured cells, and notes."""
    blocks: list[Block] = []
    for target, ceiling in ceilings.items():
        blocks.append(Heading(f"{_TITLES[target]}: Kendall's tau (regret)"))
        blocks.append(_table([one for one in scores if one.target == target], ceiling))
    return *blocks, paragraph(_TAU, _REGRET, _CEILING)


def ranking_as_plain(score: RankingScore) -> dict[str, Any]:
    """Return a score as plain values, with every repeat's."""
    return {
        "encoding": score.encoding,
        "target": score.target,
        "measured": score.measured,
        "tau": repeats_as_plain(score.tau),
        "regret": repeats_as_plain(score.regret),
    }


def repeats_as_plain(values: Sequence[float]) -> dict[str, Any]:
    """Return a mean, its 95 % interval (None with fewer than 3 repeats), and all values."""
    interval = mean_interval(values)
    return {"mean": interval.centre, "interval": interval.bounds, "values": list(values)}


def _table(scores: Sequence[RankingScore], ceiling: Sequence[float]) -> Block:
    fitted = [one for one in scores if one.measured]
    cells = {(one.encoding, one.measured): one for one in fitted}
    counts = list(dict.fromkeys(one.measured for one in fitted))

    def among(count: int) -> tuple[Column, Spelling[str]]:
        return number(f"{count} cells", lambda encoding: _spell(cells[encoding, count]))

    alone = [f"{one.encoding}: {_spell(one)}" for one in scores if not one.measured]
    return tabulate(
        list(dict.fromkeys(one.encoding for one in fitted)),
        [
            (Column("what the surrogate is given", names_rows=True), lambda encoding: encoding),
            *map(among, counts),
        ],
        notes=(*alone, f"equal cells: {decimals_text(mean_interval(ceiling), 3)}"),
        frame="rule",
    )


def _spell(score: RankingScore) -> str:
    regret = mean_interval(score.regret).centre
    return f"{decimals_text(mean_interval(score.tau), 3)} ({regret:.2f})"
