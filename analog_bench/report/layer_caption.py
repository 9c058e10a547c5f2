"""The sentences below a study's table: what was done, and what stands out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from analog_bench.gate.layer_ranking import RankCorrelation
from analog_bench.gate.significance import FEWEST_CHIPS
from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.layer_losses import (
    DESTROYED,
    HALF_LOST,
    WORST_AT_MOST,
    ConditionRanking,
    beyond_margin,
    destroyed,
    marks,
    rankings,
    spread_correlation,
    worst,
)
from analog_bench.report.measured_on import interval_note, too_few_chips
from analog_bench.report.report_contents import is_several, unranked
from analog_bench.report.score_and_loss import loss
from analog_bench.report.table import Cell, Line, line
from analog_bench.spelling import shortened

_NAMED_AT_MOST = 3


def caption(rows: Sequence[Result], metrics: Sequence[Metric], data: str) -> list[Line]:
    """Return the sentences below a table, one a paragraph.

    What was done; how much of the model was on tiles, where a row has several layers; the worst
    layers; how sure their order is; how the drop goes with the spread of the weights.
    """
    main = metrics[0]
    # A group of layers is no layer that could lose more than another.
    single = [row for row in rows if not is_several(row)]
    texts = [_method(rows, metrics, data), _coverage(rows)]
    findings = [_order(order, rows, main) for order in rankings(single, main)]
    findings.append(_correlation(single, main))
    return [
        *(line(text) for text in texts if text),
        *_destroyed(rows, main),
        line(why) if (why := unranked(rows, main)) else _worst_layers(rows, main),
        *(line(text) for text in findings if text),
    ]


def _method(rows: Sequence[Result], metrics: Sequence[Metric], data: str) -> str:
    measured = [row for row in rows if row.chips]
    parts = [_listed(sorted({words.noise_label(row.noise) for row in rows}), "noise")]
    times = [words.time_label(seconds) for seconds in sorted({row.drift_s for row in rows})]
    if times != ["0 s"]:
        several = f"{len(times)} times from {times[0]} to {times[-1]}"
        parts.append(f"{several if len(times) > 3 else ', '.join(times)} after programming")
    tiles = sorted({row.tile for row in rows} - {"none"})
    if tiles:
        parts.append(f"{' and '.join(tiles)} tile")
    chips = words.range_counted({len(row.initial_chips) for row in measured}, "chip")
    lengths = {len(s) for r in measured for chip in r.chips for s in chip.per_example.values()}
    parts += [
        part
        for part in (chips, words.one_line(data) or words.range_counted(lengths, "example"))
        if part
    ]
    digital = words.scores_text(next((row.digital for row in rows if row.digital), {}), metrics)
    models = _listed(sorted({words.model_label(row.model) for row in rows}), "model")
    sentence = f"Each row perturbs only what it names: {', '.join(parts)}. Model {models}"
    sentence += f", digital {digital}." if digital else "."
    return f"{sentence} {interval_note(measured, metrics)}".rstrip()


def _coverage(rows: Sequence[Result]) -> str:
    shares: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        facts = row.facts
        if facts and is_several(row) and row.tile != "none" and row.chips:
            share = (facts.coverage_weights, facts.coverage_macs)
            shares.setdefault(words.one_line(row.group), []).append(share)
    if not shares:
        return ""
    groups = (
        f"{group} {words.percent(min(of_group)[0])} and {words.percent(min(of_group)[1])}"
        for group, of_group in shares.items()
    )
    return (
        "On tiles, of the weights of all matrix multiplications and of their multiply-accumulates: "
        f"{'; '.join(groups)}."
    )


def destroyed_names(
    lost: Sequence[Result], metric: Metric, name: Callable[[Result], str]
) -> tuple[str, str]:
    """Say what is destroyed, at least one result: the mark with what it means, and names."""
    chance = words.amount(lost[0].chance[metric.name], metric)
    head = f"{DESTROYED} Destroyed, no better than guessing ({words.metric_label(metric)} {chance})"
    return head, shortened(map(name, lost), _NAMED_AT_MOST)


def margin_text(
    surely: int, perhaps: int, among: str, margin: str, metric: Metric, too_few: int = 0
) -> str:
    """Say how many lose more than a margin by their 95 % intervals, and how many more may.

    Where so many chips are too few for intervals, say so, and how many lose more on these.
    """
    if too_few:
        alone = too_few == 1
        chips = f"{words.counted(too_few, 'chip')} {'is' if alone else 'are'} too few for intervals"
        verb = words.change_verb(metric, perhaps or 1)
        these = f"on {'it' if alone else 'them'} {perhaps or 'none'} of {among}"
        return f"{chips}: {these} {verb} more than {margin}"
    if surely:
        verb = words.change_verb(metric, surely)
        intervals = "its 95 % interval" if surely == 1 else "their 95 % intervals"
        said = f"{surely} of {among} {verb} more than {margin} by {intervals}"
        return f"{said}, {perhaps} more may" if perhaps else said
    if perhaps:
        verb = words.change_verb(metric, 2)
        return f"none of {among} is known to {verb} more than {margin}, {perhaps} may"
    return f"none of {among} {words.change_verb(metric)} more than {margin}"


def _destroyed(rows: Sequence[Result], metric: Metric) -> list[Line]:
    lost = destroyed(rows, metric)
    if not lost:
        return []
    head, names = destroyed_names(lost, metric, lambda row: _name(row, rows))
    order = "." if len(lost) == 1 else "; which of them loses most says nothing."
    return [(Cell(f"{head}: ", "worst"), Cell(names, "strong"), Cell(order))]


def _worst_layers(rows: Sequence[Result], metric: Metric) -> Line:
    signs, lost = marks(rows, metric), worst(rows, metric)
    marked = [row for row in lost if row.identity in signs]
    names = [
        f"{_name(row, rows)} {words.loss_amount(loss(row, metric), metric)}"
        for row in marked or lost[:WORST_AT_MOST]
    ]
    surely, perhaps = map(len, beyond_margin(rows, metric))
    known = sum(loss(row, metric) is not None for row in rows)
    few = too_few_chips(rows)
    margin = f"the margin of {words.margin_label(metric)}"
    beyond = margin_text(surely, perhaps, words.counted(known, "row"), margin, metric, few)
    if not lost:
        return line(f"{words.capitalised(beyond)}.")
    others = " of the others" if DESTROYED in signs.values() else ""
    largest = f"Largest {words.loss_noun(metric)}s of {words.metric_label(metric)}{others}: "
    return (
        Cell(f"{f'{HALF_LOST} ' if marked else ''}{largest}", "worst"),
        Cell(shortened(names, WORST_AT_MOST), "strong"),
        Cell(f"; {beyond}."),
    )


def _name(row: Result, rows: Sequence[Result]) -> str:
    details = _details(row, rows)
    return f"{words.one_line(row.group)} ({details})" if details else words.one_line(row.group)


def _details(row: Result, rows: Sequence[Result]) -> str:
    return ", ".join(spell(row) for spell in words.what_varies(rows).values())


def _order(order: ConditionRanking, rows: Sequence[Result], metric: Metric) -> str:
    """Say which layer loses most and how sure that is: of the destroyed nothing can be said."""
    ranking, details = order.ranking, _details(order.members[0], rows)
    gone = {row.group for row in destroyed(order.members, metric)}
    first = next((layer for layer in ranking.layers if layer.layer not in gone), None)
    if first is None:
        return ""
    interval = ""
    if first.interval is not None and ranking.chips >= FEWEST_CHIPS:
        interval = " (95 % interval of its rank over chips {:g} to {:g}".format(*first.interval)
        if first.with_examples is not None:
            interval += ", over chips and examples {:g} to {:g}".format(*first.with_examples)
        interval += ")"
    where = f" ({details})" if details else ""
    after = f"after {len(gone)} destroyed, " if gone else ""
    return (
        f"Ranking of {len(ranking.layers)} layers over {ranking.chips} chips{where}: {after}"
        f"{words.one_line(first.layer)} {words.change_verb(metric)} most{interval}; Kendall's W "
        f"{words.concordance_text(ranking.concordance or 0.0)} (1: every chip gives the same "
        "order)."
    )


def _correlation(rows: Sequence[Result], metric: Metric) -> str:
    spread = spread_correlation(rows, metric)
    if spread is None:
        return ""
    parts = [
        f"{_with_interval(value)} with {what}"
        for value, what in (
            (spread.with_std, "their standard deviation (w std)"),
            (spread.with_reach, "their largest over it (max/std)"),
        )
        if value is not None
    ]
    if not parts:
        return ""
    # Other weights spread otherwise: say which where that is not plain.
    several = len({row.variant for row in rows}) > 1 or spread.variant != "direct"
    weights = f" with {words.with_weights(spread.variant)}"
    return (
        f"Spearman correlation of the drop with the spread of the weights: {', '.join(parts)} "
        f"({spread.layers} layers{weights if several else ''}; in brackets the 95 % interval)."
    )


def _with_interval(correlation: RankCorrelation) -> str:
    rho = words.correlation_text(correlation.rho)
    if correlation.interval is None:
        return rho
    low, high = correlation.interval
    return f"{rho} ({words.correlation_text(low)} to {words.correlation_text(high)})"


def _listed(names: Iterable[str], noun: str) -> str:
    known = [words.one_line(name) for name in names]
    return ", ".join(known) if len(known) <= _NAMED_AT_MOST else words.counted(len(known), noun)
