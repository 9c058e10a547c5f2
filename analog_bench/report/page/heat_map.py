"""Layers by conditions: what each layer loses under each noise, as a table that is a picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from analog_bench.gate.robustness_scores import Conditions, conditions_of
from analog_bench.records import Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.layer_caption import margin_text
from analog_bench.report.layer_losses import beyond_margin, destroyed, of_facts, reach, weight_std
from analog_bench.report.measured_on import source_line, too_few_chips
from analog_bench.report.plots.chart import axis, colour, layer
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.report_contents import Contents, Judged, is_single
from analog_bench.report.score_and_loss import loss, score
from analog_bench.report.table import Cell, Column, Role, Spelling, Table, number, tabulate

# Verdicts that a reader should not overlook; others stand with the raw values.
_SHOWN_VERDICTS = frozenset({"regressed", "broken", "improved", "inconclusive", "stale"})
_ROW_PIXELS = 15
_FURNITURE_PIXELS = 120
_LEVEL_AT_MOST = 3
# Of the heat: beyond it, numbers on a cell are white.
_DEEP = 0.7


@dataclass(frozen=True)
class HeatMap:
    """The map: a row a layer by depth, and what its numbers are, with their unit.

    Heat is the square root of the loss as a share of the largest, since a few layers lose far more
    than all others. `middle` and `most` spell the middle and the end of the colour scale; `end` is
    the largest loss, and no less than the margin. `source` is what it
    rests on, `name` that of its files.
    """

    name: str
    message: str
    note: str
    table: Table
    loss: str
    middle: str
    most: str
    end: float
    source: str

    @property
    def conditions(self) -> tuple[str, ...]:
        """The headings of the conditions, each unlike the others."""
        return tuple(column.header for column in self.table.columns if column.heat)


@dataclass(frozen=True)
class _Condition:
    study: Judged
    results: dict[str, Result]

    @property
    def metric(self) -> Metric:
        return self.study.main

    @property
    def first(self) -> Result:
        return next(iter(self.results.values()))

    def losses(self) -> dict[str, float]:
        """Return the layers that have one with their loss."""
        losses = {layer: loss(result, self.metric) for layer, result in self.results.items()}
        return {layer: lost for layer, lost in losses.items() if lost is not None}


def heat_map(contents: Contents, model: str) -> HeatMap | None:
    """Return what each layer of a model loses under each condition.

    None where no two layers were measured by themselves. Studies that are about another metric than
    the first with layers by themselves are not on it.
    """
    conditions = _conditions(contents.of_model(model))
    layers: dict[str, Result] = {}
    # Facts about weights are of the direct ones, where the layer was measured with them.
    for condition in sorted(conditions, key=lambda one: one.first.variant != "direct"):
        layers = {**condition.results, **layers}
    losses = [lost for condition in conditions for lost in condition.losses().values()]
    if len(layers) < 2 or not losses:
        return None
    metric = conditions[0].metric
    most = max(*losses, *(condition.metric.margin for condition in conditions))
    return HeatMap(
        name=file_name(model, "heat-map"),
        message=_message(conditions),
        note=_note(conditions),
        table=_table(contents, conditions, layers, most),
        loss=words.loss_label(metric),
        middle=words.loss_amount(most / 4, metric),
        most=words.loss_amount(most, metric),
        end=most,
        source=source_line(
            contents,
            conditions[0].study,
            [result for condition in conditions for result in condition.results.values()],
        ),
    )


def heat_picture(heat: HeatMap) -> Figure:
    """Return the picture of a heat map, for files: on the page it is a table."""
    columns = heat.table.columns
    values = [
        {
            "layer": row[1].text,
            "condition": column.header,
            "loss": cell.value,
            "text": cell.text,
            "deep": (cell.heat or 0.0) > _DEEP,
        }
        for row in heat.table.rows
        for column, cell in zip(columns, row, strict=True)
        if column.heat and cell.value is not None
    ]
    sides = {"labelLimit": 260}
    turned = {"labelAngle": 0 if len(heat.conditions) <= _LEVEL_AT_MOST else -40, **sides}
    x = axis("condition", kind="nominal", sort=list(heat.conditions), axis=turned)
    names = [row[1].text for row in heat.table.rows]
    y = axis("layer", kind="nominal", sort=names, axis={"labelFontSize": 11, **sides})
    # The page's scale, which a margin above every loss keeps pale.
    domain = {"domainMin": 0, "domainMax": heat.end, "clamp": True}
    scale = {"type": "sqrt", "scheme": "orangered", **domain}
    legend = {"gradientLength": 200, "titleOrient": "top"}
    color = axis("loss", heat.loss, scale=scale, legend=legend)
    ink = {"condition": {"test": "datum.deep", "value": "#ffffff"}, "value": "#1b1f24"}
    cells = layer(values, {"type": "rect", "stroke": colour("paper")}, x=x, y=y, color=color)
    numbers = layer(
        values, {"type": "text", "fontSize": 10}, x=x, y=y, color=ink, text={"field": "text"}
    )
    return Figure(
        name=heat.name,
        message=heat.message,
        note=f"{heat.note} Colours follow the square root of the loss.",
        source=heat.source,
        spec={"layer": [cells, numbers]},
        table=heat.table,
        height=_ROW_PIXELS * len(names) + _FURNITURE_PIXELS,
    )


def _conditions(studies: Sequence[Judged]) -> list[_Condition]:
    """Return the conditions, each with its results by layer; texts are scored otherwise."""
    conditions: dict[tuple[Conditions, float], _Condition] = {}
    layered = [s for s in studies if not s.writes and any(map(is_single, s.results))]
    for study in layered:
        # Margins are a study's own, and losses of one metric compare whatever they are.
        if _without_margin(study.main) != _without_margin(layered[0].main):
            continue
        for result in filter(is_single, study.results):
            # Weights differ with the variant, which is a condition of its own.
            same = replace(conditions_of(result), group="", weights="")
            condition = conditions.setdefault((same, result.drift_s), _Condition(study, {}))
            condition.results[result.group] = result
    return list(conditions.values())


def _without_margin(metric: Metric) -> tuple[str, str, bool, int]:
    return metric.name, metric.unit, metric.higher_is_better, metric.version


def _labels(conditions: Sequence[_Condition]) -> list[str]:
    """Name conditions: by study, too, and by data and version, where they are the same."""

    def by_study(result: Result) -> str:
        return f"{words.condition_label(result)} · {words.one_line(result.study)}"

    def by_protocol(result: Result) -> str:
        return (
            f"{by_study(result)} · protocol {result.protocol[:8]}, version "
            f"{result.case_version}, seed {result.seed}"
        )

    labels = [words.condition_label(condition.first) for condition in conditions]
    for spell in (by_study, by_protocol):
        often = Counter(labels)
        labels = [
            spell(condition.first) if often[label] > 1 else label
            for condition, label in zip(conditions, labels, strict=True)
        ]
    often = Counter(labels)
    return [f"{label} ({n})" if often[label] > 1 else label for n, label in enumerate(labels, 1)]


def _table(
    contents: Contents, conditions: Sequence[_Condition], layers: dict[str, Result], most: float
) -> Table:
    metric = conditions[0].metric

    def under(condition: _Condition) -> Spelling[str]:
        return lambda layer: _cell(condition.results.get(layer), condition.study, most, contents)

    def muted(spell: Callable[[Result], str]) -> Spelling[str]:
        return lambda layer: Cell(spell(layers[layer]), "muted")

    def depth(layer: str) -> Cell:
        return Cell(str(_depth(layers[layer])), "muted", value=_depth(layers[layer]))

    std, largest = "standard deviation of the weights", "largest weight in standard deviations"
    columns: list[tuple[Column, Spelling[str]]] = [
        number("#", depth, tooltip="place in the order of computation"),
        (Column("layer", names_rows=True), words.one_line),
        *(
            number(label, under(one), heat=True, tooltip=words.loss_label(metric))
            for label, one in zip(_labels(conditions), conditions, strict=True)
        ),
        (Column("kind", priority=1), muted(of_facts(lambda facts: facts.kind))),
        number("w std", muted(weight_std), priority=1, tooltip=std),
        number("max/std", muted(reach), priority=1, tooltip=largest),
    ]
    return tabulate(sorted(layers, key=lambda layer: _depth(layers[layer])), columns)


def _cell(result: Result | None, study: Judged, most: float, contents: Contents) -> Cell:
    if result is None:
        return Cell("")
    lost, href = loss(result, study.main), contents.link(result)
    if lost is None:
        role: Role = result.status if result.status != "measured" else ""
        return Cell(result.status, role, href=href)
    verdict, scored = study.verdict_of(result), score(result, study.main)
    return Cell(
        words.loss_amount(lost, study.main),
        verdict.kind if verdict is not None and verdict.kind in _SHOWN_VERDICTS else "",
        f"{words.metric_label(study.main)} {estimates.interval_text(scored, study.main)}",
        href=href,
        heat=math.sqrt(lost / most) if lost > 0.0 else 0.0,
        value=lost,
    )


def _message(conditions: Sequence[_Condition]) -> str:
    ranked = [condition for condition in conditions if not condition.study.guesses]
    if not ranked:
        return conditions[0].study.guesses
    by_weights: dict[str, list[_Condition]] = {}
    # Direct weights first: what hardware-aware training keeps is seen beside what is lost without.
    for condition in sorted(ranked, key=lambda one: words.weights_order(one.first.variant)):
        if condition.losses():
            by_weights.setdefault(words.with_weights(condition.first.variant), []).append(condition)
    if len(by_weights) == 1:
        return words.capitalised(_beyond_margin(ranked)) + "."
    return " ".join(
        f"With {weights} {_beyond_margin(of_weights)}."
        for weights, of_weights in by_weights.items()
    )


def _beyond_margin(conditions: Sequence[_Condition]) -> str:
    """Say how many layers lose more than the margin under any condition, and which loses most.

    Where some are destroyed, that is said instead: which of them loses most says nothing.
    """
    metric = conditions[0].metric
    losses: dict[str, float] = {}
    surely, perhaps, gone = set[str](), set[str](), set[str]()
    for condition in conditions:
        for layer_name, lost in condition.losses().items():
            losses[layer_name] = max(lost, losses.get(layer_name, lost))
        results, own = list(condition.results.values()), condition.metric
        found = (*beyond_margin(results, own), destroyed(results, own))
        for names, of in zip((surely, perhaps, gone), found, strict=True):
            names.update(result.group for result in of)
    alike = len({condition.metric.margin for condition in conditions}) == 1
    margin = words.margin_label(metric) if alike else "their study's margin"
    than = f"{margin} of {words.metric_label(metric)}"
    among = words.counted(len(losses), "layer")
    few = too_few_chips(of for one in conditions for of in one.results.values())
    said = margin_text(len(surely), len(perhaps - surely), among, than, metric, few)
    if gone:
        return f"{said}; {len(gone)} {'is' if len(gone) == 1 else 'are'} no better than guessing"
    if not surely and not perhaps:
        return said
    worst = max(losses, key=lambda name: losses[name])
    most = f"{words.change_verb(metric)} most, {words.loss_amount(losses[worst], metric)}"
    return f"{said}; {words.one_line(worst)} {most}"


def _note(conditions: Sequence[_Condition]) -> str:
    note = (
        f"{words.capitalised(words.loss_label(conditions[0].metric))} against the digital model, "
        "mean over chips; only the named layer is perturbed."
    )
    variants = {condition.first.variant for condition in conditions}
    if len(variants) > 1 and "direct" in variants:
        note += " w std and max/std are of the direct weights."
    return note


def _depth(result: Result) -> int:
    return result.facts.depth if result.facts else 0
