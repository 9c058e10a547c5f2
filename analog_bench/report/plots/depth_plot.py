"""Loss over depth: where in the model the vulnerable layers are."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.layer_losses import (
    FEWEST,
    by_condition,
    by_depth,
    destroyed,
    of_facts,
    worst,
)
from analog_bench.report.measured_on import source_line
from analog_bench.report.plots.chart import Spec, axis, by_kind, colour, points
from analog_bench.report.plots.figure import (
    Figure,
    Selection,
    file_name,
    loss_column,
    score_column,
    select,
)
from analog_bench.report.report_contents import Contents, Judged, is_single
from analog_bench.report.score_and_loss import bounds_cut, loss, score
from analog_bench.report.table import Column, Table, number, tabulate

_HEADROOM = 1.15
# Of the axis, roughly.
_LETTER_SHARE = 0.018
_FIGURES_AT_MOST = 4


def depth_plots(contents: Contents, model: str) -> Selection:
    """Return plots of loss over depth, one for each condition with four layers or more.

    They are the first of each study, and four in all where there are more.
    """
    by_study = []
    for study in contents.of_model(model):
        single = [] if study.writes else list(filter(is_single, study.measured))
        conditions = by_condition(single, study.main)
        by_study.append([(study, results) for results in conditions if len(results) >= FEWEST])
    return select(by_study, _FIGURES_AT_MOST, lambda one: _figure(contents, *one))


def _figure(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    condition = words.condition_label(results[0])
    return Figure(
        name=file_name(study.scope.model, study.scope.study, "depth", condition),
        message=study.guesses or _message(results, study.main),
        note=(
            "Lines are 95 % intervals over chips, for these very examples; the numbers at the top "
            "are the model's blocks."
        ),
        source=source_line(contents, study, results),
        spec=_spec(contents, results, study.main),
        table=_table(contents, results, study.main),
    )


def _spec(contents: Contents, results: Sequence[Result], metric: Metric) -> Spec:
    short = words.short_layers([result.group for result in results])
    named = next(iter(worst(results, metric)), None)
    deepest = max(result.facts.depth for result in results if result.facts)
    values: list[dict[str, Any]] = []
    for result in results:
        mean = score(result, metric)
        if result.facts and mean is not None:
            digital = result.digital[metric.name]
            low, high = sorted(metric.loss(end, digital) for end in bounds_cut(mean, metric))
            values.append(
                {
                    "depth": result.facts.depth,
                    "loss": metric.loss(mean.centre, digital),
                    "low": low,
                    "high": high,
                    "kind": result.facts.kind,
                    "name": words.one_line(short[result.group]),
                    "named": result is named,
                    "href": contents.link(result),
                }
            )
    starts: dict[str, int] = {}
    for result in by_depth(results):
        block = words.block_of(result.group)
        if block is not None and result.facts is not None:
            starts.setdefault(block, result.facts.depth)
    blocks = [{"depth": depth - 0.5, "block": block} for block, depth in starts.items()]
    # Room for the name above the layer that loses most of those not destroyed.
    top = _HEADROOM * max([metric.margin, *(value["high"] for value in values)])
    scale, ticks = {"domain": [0, deepest], "nice": False}, {"grid": False, "tickMinStep": 1}
    x = axis("depth", "layer, in the order of computation", scale=scale, axis=ticks)
    y = axis("loss", words.loss_label(metric), scale={"domainMax": top})
    from_low, href = {**y, "field": "low"}, {"field": "href"}
    encoding = {**by_kind(), "href": href, "description": {"field": "name"}}
    rule = {"type": "rule", "color": colour("muted"), "opacity": 0.8}
    edge = {"type": "rule", "color": colour("line"), "strokeWidth": 1}
    number_at: Spec = {"type": "text", "color": colour("muted"), "fontSize": 10}
    number_at |= {"align": "left", "baseline": "top", "dx": 3, "y": 2}
    in_blocks = {"data": {"values": blocks}, "encoding": {"y": None}}
    return {
        "data": {"values": values},
        "encoding": {"x": x, "y": y},
        "layer": [
            {**in_blocks, "mark": edge},
            {**in_blocks, "mark": number_at, "encoding": {"y": None, "text": {"field": "block"}}},
            {"mark": rule, "encoding": {"y": from_low, "y2": {"field": "high"}}},
            {"mark": points(50, 0.9), "encoding": encoding},
            *(_name(value, values, deepest, y) for value in values if value["named"]),
        ],
    }


def _name(named: Spec, values: Sequence[Spec], deepest: int, y: Spec) -> Spec:
    """Return a value's name, above everything that it would else lie over."""
    # Beyond the middle there is more room to the left.
    side = -1 if named["depth"] > deepest / 2 else 1
    room = deepest * _LETTER_SHARE * len(named["name"])
    covered = [v["high"] for v in values if 0 <= side * (v["depth"] - named["depth"]) <= room]
    return {
        "data": {"values": [{**named, "high": max(covered)}]},
        "mark": {
            **{"type": "text", "color": colour("ink"), "fontSize": 11, "dy": -8},
            "align": "right" if side < 0 else "left",
        },
        "encoding": {"y": {**y, "field": "high"}, "text": {"field": "name"}},
    }


def _table(contents: Contents, results: Sequence[Result], metric: Metric) -> Table:
    return tabulate(
        by_depth(results),
        [
            number("depth", of_facts(lambda facts: str(facts.depth))),
            (Column("layer"), lambda r: words.one_line(r.group)),
            (Column("kind"), of_facts(lambda facts: facts.kind)),
            score_column(contents, metric, words.metric_label(metric)),
            loss_column(contents, metric),
        ],
    )


def _message(results: Sequence[Result], metric: Metric) -> str:
    """Name the worst layer and the median; of those that are destroyed, none is the worst."""
    gone, left = len(destroyed(results, metric)), worst(results, metric)
    verb = words.change_verb(metric)
    if not gone and not left:
        return f"No layer {verb} more than the margin, at any depth."
    said = []
    if gone:
        among = words.counted(len(results), "layer")
        said = [f"{gone} of {among} {'is' if gone == 1 else 'are'} no better than guessing"]
    if left:
        most = words.amount_of(words.loss_amount(loss(left[0], metric), metric), metric)
        said.append(
            f"{'of the others ' if gone else ''}{words.one_line(left[0].group)} {verb} {most}"
        )
    losses = [loss(result, metric) or 0.0 for result in results]
    middle = words.loss_amount(max(0.0, median(losses)), metric)
    of = f"; the median of all {len(results)} is" if gone else ", the median layer"
    return f"{'; '.join(said)}{of} {middle}."
