"""The table of a study: what each layer lost, drawn so that the profile is seen at a glance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analog_bench.gate.case_verdicts import Verdict
from analog_bench.gate.robustness_scores import robustness_of
from analog_bench.records import Identity, Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.layer_caption import caption
from analog_bench.report.layer_losses import by_depth, marks, of_facts, reach, weight_std
from analog_bench.report.report_contents import is_several
from analog_bench.report.score_and_loss import ends_note, loss, loss_interval, score
from analog_bench.report.table import (
    SINCE,
    Block,
    Cell,
    Column,
    Heading,
    Spelling,
    absent,
    line,
    number,
    tabulate,
)

_Pair = tuple[Column, Spelling[Result]]


def layer_table(
    results: Sequence[Result],
    verdicts: Mapping[Identity, Verdict],
    metrics: Sequence[Metric],
    *,
    data: str = "",
    title: str = "",
) -> tuple[Block, ...]:
    """Return the table of one study on one model, under its heading.

    One row a case, by depth; columns for whatever varies among the cases (noise, drift time, tile,
    hardware, weights). What lost most is marked (`marks`), and named in words below the
    table. The drop, its bar, the marks, A* and the ranking are in the first metric; `data` names
    the examples, such as `96 embedded questions`; the title is study and model by default.

    Raises:
        ValueError: No results or no metrics.
    """
    if not results or not metrics:
        raise ValueError("a table needs results and metrics")
    rows = by_depth(results)
    notes = caption(rows, metrics, data)
    known = [verdicts.get(result.identity) for result in rows]
    compared = any(verdict and verdict.change is not None for verdict in known)
    if compared:
        notes.append(line("Verdicts are on the change since the baseline, not on the loss."))
    columns = [
        *_layer_columns(rows),
        *_score_columns(rows, metrics),
        *(_change_columns(verdicts, metrics[0]) if compared else ()),
        # The loss has columns of its own: nothing is equivalent to digital by this one.
        (Column(SINCE), lambda result: _verdict(result, verdicts)),
    ]
    table = tabulate(rows, columns, notes=notes, frame="rule")
    return Heading(title or f"{results[0].study}: {words.model_label(results[0].model)}"), table


def layer_column(results: Sequence[Result]) -> _Pair:
    """Return the column of layers, whose names are shortened where there is little room."""
    short = words.short_layers({words.one_line(result.group) for result in results})

    def cell(result: Result) -> Cell:
        name = words.one_line(result.group)
        return Cell(name, short=short[name])

    return Column("layer", names_rows=True), cell


def varying_columns(results: Sequence[Result], *, times: bool = True) -> list[_Pair]:
    """Return the columns of what, layers aside, is not the same in all results."""
    return [
        (Column(header, folds=header == "noise"), spell)
        for header, spell in words.what_varies(results).items()
        if times or header != "time"
    ]


def a_star_note(metric: Metric) -> str:
    """Return the sentence that explains A*."""
    label = words.metric_label(metric)
    return (
        f"A*: ({label} − guessing) / (digital − guessing), 1 is as good as digital, 0 as good as "
        "guessing."
    )


def _layer_columns(rows: Sequence[Result]) -> list[_Pair]:
    columns = [layer_column(rows), *varying_columns(rows)]
    if not all(map(is_several, rows)):
        columns.insert(0, number("#", of_facts(lambda facts: str(facts.depth)), priority=2))
        columns.insert(2, (Column("kind", priority=7), of_facts(lambda facts: facts.kind)))
    return columns


def _score_columns(rows: Sequence[Result], metrics: Sequence[Metric]) -> list[_Pair]:
    main = metrics[0]
    signs = marks(rows, main)
    longest = max([main.margin, *(loss(result, main) or 0.0 for result in rows)])

    def scores_in(metric: Metric, priority: int) -> _Pair:
        scores = {row.identity: score(row, metric) for row in rows}
        return number(
            words.metric_label(metric),
            lambda result: estimates.interval_text(scores[result.identity], metric),
            priority=priority,
            notes=ends_note(scores.values(), metric),
        )

    def digital(result: Result) -> str:
        value = result.digital.get(main.name)
        return "" if value is None else words.amount(value, main)

    def a_star(result: Result) -> str:
        for robustness in robustness_of([result], main):
            if placed := robustness.a_star.get(result.drift_s):
                return estimates.a_star_text(placed)
        return ""

    def drop(result: Result) -> Cell | str:
        lost = loss(result, main)
        if lost is None:
            return ""
        if sign := signs.get(result.identity):
            return Cell(f"{sign} {words.loss_amount(lost, main)}", "worst")
        return Cell(words.loss_amount(lost, main), "" if lost > main.margin else "muted")

    def drop_over_both(result: Result) -> str:
        return estimates.both_text(loss_interval(result, main), main)

    def bar(result: Result) -> Cell:
        share = (loss(result, main) or 0.0) / longest if longest > 0 else 0.0
        return Cell("", "bad" if result.identity in signs else "", bar=share)

    lost_head = words.loss_noun(main)
    columns: list[_Pair] = [
        number("digital", digital, priority=8),
        *(scores_in(metric, priority=0 if n == 0 else 3) for n, metric in enumerate(metrics)),
        number(lost_head, drop),
        (Column("", priority=1), bar),
    ]
    if any(map(drop_over_both, rows)):
        head = f"{lost_head} ±"
        note = f"{head}: over chips and examples, the same for digital."
        columns.insert(-1, number(head, drop_over_both, priority=3, notes=(note,)))
    if any(map(a_star, rows)):
        columns.insert(
            len(metrics) + 1, number("A*", a_star, priority=6, notes=(a_star_note(main),))
        )
    if not all(map(is_several, rows)):
        columns += [number("w std", weight_std, priority=5), number("max/std", reach, priority=4)]
    return columns


def _change_columns(verdicts: Mapping[Identity, Verdict], metric: Metric) -> list[_Pair]:

    def spelt_by(spell: Callable[[Verdict], str]) -> Callable[[Result], str]:
        def cell(result: Result) -> str:
            verdict = verdicts.get(result.identity)
            return "" if verdict is None or verdict.change is None else spell(verdict)

        return cell

    note = (
        f"change: against the baseline, where {words.margin_label(metric)} of "
        f"{words.metric_label(metric)} matters; detects: the smallest true loss that would "
        "have been suspected four times in five."
    )
    change = spelt_by(lambda verdict: estimates.change_text(verdict, metric))
    detects = spelt_by(lambda verdict: words.detectable_text(verdict, metric))
    chips = spelt_by(lambda verdict: "paired" if verdict.paired else "unpaired")
    return [
        number("change", change, priority=4, notes=(note,)),
        number("detects", detects, priority=5),
        number("chips", chips, priority=9),
    ]


def _verdict(result: Result, verdicts: Mapping[Identity, Verdict]) -> Cell:
    verdict = verdicts.get(result.identity)
    if verdict is not None:
        return Cell(verdict.kind, verdict.kind)
    return absent() if result.status == "measured" else Cell(result.status, "muted")
