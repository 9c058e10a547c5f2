"""The table of a study over drift times: what each case keeps from a second to a year."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from analog_bench.gate.robustness_scores import (
    DAY_S,
    MONTH_S,
    SECOND_S,
    Conditions,
    Robustness,
    conditions_of,
    robustness_of,
)
from analog_bench.records import Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.layer_table import a_star_note, layer_column, varying_columns
from analog_bench.report.measured_on import interval_note
from analog_bench.report.table import Block, Column, Heading, Spelling, tabulate

YEAR_S = 31_536_000.0

# Where the width is short, A* at other times is left out first, then at these from the last.
_TIMES_THAT_MATTER = (DAY_S, YEAR_S, SECOND_S, MONTH_S)


@dataclass(frozen=True)
class _Row:
    result: Result
    robustness: Robustness


def drift_table(results: Sequence[Result], metric: Metric, *, title: str = "") -> tuple[Block, ...]:
    """Return the table of what drift does to each case of one study on one model.

    One row for whatever was measured at several drift times, by depth; the variants of one case
    next to one another; columns for noise, tile, hardware and weights where they vary. Each time's
    A*, the score after one day and what a month changes, means over chips with their intervals over
    chips, and over chips and examples where single examples are known. Nothing where nothing
    was measured at several drift times, or none of these scores is known.

    Raises:
        ValueError: Two results of the same case.
    """
    rows = _rows(results, metric)
    scores = _score_columns(rows, metric)
    if not scores:
        return ()
    shown = [row.result for row in rows]

    def of_result(column: Column, spell: Spelling[Result]) -> tuple[Column, Spelling[_Row]]:
        return column, lambda row: spell(row.result)

    # The time of a row is that of any one of its results.
    conditions = [layer_column(shown), *varying_columns(shown, times=False)]
    columns = [*(of_result(*pair) for pair in conditions), *scores]
    heading = title or f"{results[0].study} over drift times: {words.model_label(results[0].model)}"
    return Heading(heading), tabulate(rows, columns, frame="rule")


def _rows(results: Sequence[Result], metric: Metric) -> list[_Row]:
    cases: dict[Conditions, list[Result]] = {}
    for result in results:
        cases.setdefault(conditions_of(result), []).append(result)
    rows = [
        _Row(members[0], robustness)
        for members in cases.values()
        if len({member.drift_s for member in members}) > 1
        for robustness in robustness_of(members, metric)
    ]
    # A variant may lack the facts that another has: a group has one depth.
    depths = {result.group: result.facts.depth for result in results if result.facts}

    def order(row: _Row) -> tuple[object, ...]:
        of = row.result
        depth = depths.get(of.group)
        conditions = (of.group, of.noise, of.tile, of.hardware, words.weights_order(of.variant))
        return depth is None, depth or 0, *conditions

    return sorted(rows, key=order)


def _score_columns(
    rows: Sequence[_Row], metric: Metric
) -> list[tuple[Column, Callable[[_Row], str]]]:
    times = {time for row in rows for time in row.robustness.a_star}
    matter = [time for time in _TIMES_THAT_MATTER if time in times]
    by_importance = [*matter, *sorted(times - set(matter), reverse=True)]
    # After one day A* and the score come first, then what a month changes, then other times.
    priorities = {time: n if n == 0 else n + 2 for n, time in enumerate(by_importance)}
    label = words.metric_label(metric)
    month = (
        f"AVM: what a month changes, {label} at {words.time_label(MONTH_S)} − at "
        f"{words.time_label(SECOND_S)}, chip by chip."
    )
    interval = tuple(filter(None, [interval_note((row.result for row in rows), [metric])]))

    def a_star_at(time: float) -> Callable[[_Row], str]:
        def spell(row: _Row) -> str:
            return estimates.a_star_text(row.robustness.a_star.get(time))

        return spell

    notes = (a_star_note(metric), *interval)
    possible: list[tuple[Column, Callable[[_Row], str]]] = [
        (
            Column(f"A* {words.time_label(time)}", True, priorities[time], notes=notes),
            a_star_at(time),
        )
        for time in sorted(times)
    ]
    possible += [
        (
            Column(f"{label} {words.time_label(DAY_S)}", True, 1, notes=interval),
            lambda row: estimates.interval_text(row.robustness.one_day, metric),
        ),
        (
            Column("AVM", True, 2, notes=(month, *interval)),
            lambda row: estimates.interval_text(row.robustness.avm, metric, signed=True),
        ),
    ]
    known = [(column, spell) for column, spell in possible if any(map(spell, rows))]
    # Whatever comes first stays, even where it is not A*.
    first = min((column.priority for column, _ in known), default=0)
    return [(replace(column, priority=column.priority - first), spell) for column, spell in known]
