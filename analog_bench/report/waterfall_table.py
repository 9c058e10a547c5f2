"""The table of a waterfall: what each term of the hardware adds to what was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analog_bench.gate.hardware_steps import Step, Waterfall, waterfalls
from analog_bench.records import Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.measured_on import interval_note
from analog_bench.report.table import (
    Block,
    Cell,
    Column,
    Heading,
    Spelling,
    Table,
    linked,
    number,
    tabulate,
)

Link = Callable[[Result], str]


def waterfall_tables(results: Sequence[Result], metric: Metric) -> tuple[Block, ...]:
    """Return a table of steps for each preset and group of layers of one study on one model.

    One row a term, in the order in which they were switched on; for each kind of weights what was
    lost so far, and what of it came with the term. Nothing where no terms were switched on one
    after the other.

    Raises:
        ValueError: Two results of the same case.
    """
    return tuple(
        block
        for waterfall in waterfalls(results, metric)
        for block in (Heading(_heading(waterfall)), waterfall_table(waterfall, metric))
    )


def waterfall_table(waterfall: Waterfall, metric: Metric, link: Link = lambda result: "") -> Table:
    """Return the table of one waterfall; each loss has the address of its raw values by `link`."""
    lost = words.loss_noun(metric)
    note = (
        f"{words.loss_label(metric)} against digital, with this term and all above; "
        f"step: what this term adds, chip by chip. {interval_note(waterfall.measured, ())}".rstrip()
    )
    columns: list[tuple[Column, Spelling[int]]] = [
        (Column("term", names_rows=True), lambda n: f"+ {words.one_line(waterfall.terms[n])}")
    ]
    for variant in sorted(waterfall.steps, key=words.weights_order):
        steps = waterfall.steps[variant]
        columns += [
            number(
                f"{lost}, {words.variant_label(variant)}", _loss(steps, metric, link), notes=(note,)
            ),
            number("step", _added(steps, metric), notes=(note,)),
        ]
    if waterfall.stands_in:
        note = "Without input ranges, calibrated tiles are those of direct weights."
        columns[0] = (Column("term", names_rows=True, notes=(note,)), columns[0][1])
    return tabulate(range(len(waterfall.terms)), columns, frame="rule")


def _heading(waterfall: Waterfall) -> str:
    first = waterfall.measured[0]
    where = f"{words.group_label(first.group)}, {words.time_label(first.drift_s)}"
    hardware = words.one_line(waterfall.hardware)
    return f"{first.study}, term by term: {words.model_label(first.model)}, {hardware}, {where}"


def _loss(steps: Sequence[Step | None], metric: Metric, link: Link) -> Callable[[int], Cell]:
    def cell(n: int) -> Cell:
        step = steps[n]
        text = "" if step is None else estimates.interval_text(step.loss, metric)
        return linked(text, link(step.result) if step else "")

    return cell


def _added(steps: Sequence[Step | None], metric: Metric) -> Callable[[int], str]:
    def text(n: int) -> str:
        step = steps[n]
        return "" if step is None else estimates.interval_text(step.added, metric, signed=True)

    return text
