"""The table of a study over drift times: what each case keeps from a second to a year."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.table import Table
from rich.text import Text

from analog_bench.gate.interval import Interval
from analog_bench.gate.robustness import (
    DAY_S,
    MONTH_S,
    SECOND_S,
    Conditions,
    Robustness,
    conditions_of,
    robustness_of,
)
from analog_bench.records import Metric, Result
from analog_bench.report.caption import of_a_star
from analog_bench.report.columns import A_STAR
from analog_bench.report.glyphs import Glyphs, glyphs
from analog_bench.report.labels import (
    metric_label,
    one_line,
    share_label,
    spelt_interval,
    spelt_time,
    what_varies,
)
from analog_bench.report.layout import LAYER, Column, fitting, laid_out, plain_column

YEAR_S = 31_536_000.0
AVM = "AVM"

# Where the width is short, A* at other times is left out first, then at these from the last.
_TIMES_THAT_MATTER = (DAY_S, YEAR_S, SECOND_S, MONTH_S)


@dataclass(frozen=True)
class _Line:
    """A row: the scores over drift times, and a result that says of what."""

    result: Result
    robustness: Robustness


def robustness_table(
    results: Sequence[Result],
    metric: Metric,
    *,
    width: int,
    title: str = "",
    ascii_only: bool = False,
) -> Table | None:
    """Draw what drift does to each case of one study on one model.

    One row for whatever was measured at several drift times, by depth; the weights of one case
    (`direct`, `hwa`) next to one another; columns for noise, tile, hardware and weights where they
    vary. Each time's A*, the score after one day and what a month changes, means over chips; those
    of less importance are left out where the width is short.

    Args:
        results: The study's results, in any order; each case once.
        metric: The metric to score in.
        width: Columns of the terminal.
        title: Heading; study and model by default.
        ascii_only: Draw with ASCII alone, for streams that are not UTF-8.

    Returns:
        The table, `width` columns wide at most (from about 40 on); None where nothing was measured
        at several drift times, or none of these scores is known.

    Raises:
        ValueError: Two results of the same case.
    """
    glyph = glyphs(ascii_only)
    lines = _lines(results, metric)
    scores = _scores(lines, metric, glyph)
    if not scores:
        return None
    layers = Column(LAYER, tuple(Text(one_line(line.result.group)) for line in lines), 0, "left")
    varying = what_varies([line.result for line in lines])
    # The time of a line is that of any one of its results.
    varying.pop("time", None)
    conditions = [
        plain_column(header, 0, (spelt(line.result) for line in lines), glyph, "left")
        for header, spelt in varying.items()
    ]
    chosen = fitting([layers, *conditions, *scores], width, glyph)
    heading = title or f"{results[0].study} over drift times: {results[0].model}"
    return laid_out(chosen, heading, _caption(chosen, metric, glyph), ascii_only=ascii_only)


def _lines(results: Sequence[Result], metric: Metric) -> list[_Line]:
    """Return the rows: by depth, the variants of one case together."""
    found: dict[Conditions, list[Result]] = {}
    for result in results:
        found.setdefault(conditions_of(result), []).append(result)
    lines = [
        _Line(members[0], robustness)
        for members in found.values()
        if len({member.drift_s for member in members}) > 1
        for robustness in robustness_of(members, metric)
    ]
    # A variant may lack the facts that another has: a group has one depth.
    depths = {result.group: result.facts.depth for result in results if result.facts}

    def place(line: _Line) -> tuple[bool, int, str, str, str, str, str]:
        of = line.result
        known = of.group in depths
        depth = depths.get(of.group, 0)
        return not known, depth, of.group, of.noise, of.tile, of.hardware, of.variant

    return sorted(lines, key=place)


def _scores(lines: Sequence[_Line], metric: Metric, glyph: Glyphs) -> list[Column]:
    """Return the columns of the scores that any row has, from left to right."""

    def column(header: str, rank: int, spelt: Callable[[Robustness], str]) -> list[Column]:
        texts = [spelt(line.robustness) for line in lines]
        return [plain_column(header, rank, texts, glyph)] if any(texts) else []

    def one_day(robustness: Robustness) -> str:
        return _spelt(robustness.one_day, metric, glyph)

    def month(robustness: Robustness) -> str:
        return _spelt(robustness.avm, metric, glyph, signed=True)

    times = {time for line in lines for time in line.robustness.a_star}
    matter = [time for time in _TIMES_THAT_MATTER if time in times]
    by_importance = [*matter, *sorted(times - set(matter), reverse=True)]
    # After one day A* and the score come first, then what a month changes, then other times.
    ranks = {time: rank if rank == 0 else rank + 2 for rank, time in enumerate(by_importance)}
    found = [
        *(
            at_time
            for time in sorted(times)
            for at_time in column(f"{A_STAR} {spelt_time(time)}", ranks[time], _a_star_at(time))
        ),
        *column(_one_day_header(metric), 1, one_day),
        *column(AVM, 2, month),
    ]
    # Whatever comes first stays, even where it is not A*.
    first = min((one.rank for one in found), default=0)
    return [replace(one, rank=one.rank - first) for one in found]


def _a_star_at(time: float) -> Callable[[Robustness], str]:
    def spelt(robustness: Robustness) -> str:
        found = robustness.a_star.get(time)
        return "" if found is None else share_label(found.centre)

    return spelt


def _spelt(
    interval: Interval | None, metric: Metric, glyph: Glyphs, *, signed: bool = False
) -> str:
    return "" if interval is None else spelt_interval(interval, metric, glyph, signed=signed)


def _one_day_header(metric: Metric) -> str:
    return f"{metric_label(metric)} {spelt_time(DAY_S)}"


def _caption(chosen: Sequence[Column], metric: Metric, glyph: Glyphs) -> Text:
    """Say what the columns that are shown hold."""
    headers = [column.header for column in chosen]
    said = []
    if any(header.startswith(A_STAR) for header in headers):
        said.append(of_a_star(metric, glyph))
    if AVM in headers:
        said.append(
            f"AVM: what a month changes, {metric_label(metric)} at {spelt_time(MONTH_S)} "
            f"{glyph.minus} at {spelt_time(SECOND_S)}, chip by chip."
        )
    if any(glyph.plus_minus in cell.plain for column in chosen[1:] for cell in column.cells):
        said.append(f"{glyph.plus_minus} is half the 95 % interval over chips.")
    return Text("\n" + "\n".join(said))
