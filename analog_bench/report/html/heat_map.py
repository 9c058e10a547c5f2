"""Layers by conditions: what each layer loses under each noise, as a table that is a picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from analog_bench.gate.robustness import Conditions, conditions_of
from analog_bench.gate.verdict import Verdict
from analog_bench.records import Metric, Result
from analog_bench.report.contents import Contents, Judged, is_single
from analog_bench.report.html.cells import (
    Cell,
    loss_of,
    number,
    spelt_loss,
    spelt_score,
)
from analog_bench.report.labels import margin_label, metric_label, one_line
from analog_bench.report.wording import (
    capitalised,
    change_verb,
    condition_label,
    counted,
    loss_label,
    weights_label,
)

# Verdicts that a reader should not overlook; others stand with the raw values.
_SHOWN_VERDICTS = frozenset({"regressed", "broken", "improved", "inconclusive", "stale"})
# From these shares of the deepest colour on, numbers are written in the other colour: on the dark
# page, where deep is bright, the earlier one counts.
_MIDDLE, _DEEP = 0.55, 0.78


@dataclass(frozen=True)
class HeatCell:
    """One layer under one condition.

    Attributes:
        cell: The loss, with the way to its raw values; why it is not there otherwise.
        score: What was scored, for whoever points at it.
        share: How deep its colour is, 0 to 1: the square root of the loss as a share of the largest
            on the map, since a few layers lose far more than all others; None where there is none.
        loss: The loss, to sort by; None likewise.
    """

    cell: Cell
    score: str = ""
    share: float | None = None
    loss: float | None = None

    @property
    def tone(self) -> str:
        """How far its colour is from the page's: empty, `mid` or `deep`."""
        share = self.share or 0.0
        return "deep" if share > _DEEP else "mid" if share > _MIDDLE else ""


@dataclass(frozen=True)
class HeatRow:
    """One layer.

    Attributes:
        layer: Its name.
        depth: Its place in the order of computation.
        kind: `embedding`, `norm` or `matmul`.
        spread: Standard deviation of its weights, spelt.
        reach: Its largest weight in standard deviations, spelt.
        loss: Its largest loss on the map; None where nothing was measured.
        cells: One for each condition.
    """

    layer: str
    depth: int
    kind: str
    spread: str
    reach: str
    loss: float | None
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatMap:
    """The map.

    Attributes:
        message: What it says.
        note: How to read it.
        conditions: What heads the columns, each unlike the others.
        rows: By depth.
        loss: What the numbers are, with their unit.
        middle: The loss in the middle of the colour scale, spelt.
        most: The largest, at its end.
        end: The same as a number: the largest loss, and no less than the margin.
    """

    message: str
    note: str
    conditions: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    loss: str
    middle: str
    most: str
    end: float


@dataclass(frozen=True)
class _Column:
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
        found = {layer: loss_of(result, self.metric) for layer, result in self.results.items()}
        return {layer: loss for layer, loss in found.items() if loss is not None}


def heat_map(contents: Contents, model: str) -> HeatMap | None:
    """Return what each layer of a model loses under each condition.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        The map; None where no two layers were measured by themselves. Of studies that are about
        another metric than the first with layers by themselves it has nothing.
    """
    columns = _columns(contents.of_model(model))
    layers: dict[str, Result] = {}
    # What is said of a layer's weights is said of the direct ones, where it was measured with them.
    for column in sorted(columns, key=lambda column: column.first.variant != "direct"):
        layers = {**column.results, **layers}
    losses = [loss for column in columns for loss in column.losses().values()]
    if len(layers) < 2 or not losses:
        return None
    metric = columns[0].metric
    most = max(*losses, *(column.metric.margin for column in columns))
    rows = [
        _row(layer, result, columns, most, contents)
        for layer, result in sorted(layers.items(), key=lambda item: _depth(item[1]))
    ]
    return HeatMap(
        message=_message(columns),
        note=_note(columns),
        conditions=_labels(columns),
        rows=tuple(rows),
        loss=loss_label(metric),
        middle=spelt_loss(most / 4, metric),
        most=spelt_loss(most, metric),
        end=most,
    )


def _columns(studies: Sequence[Judged]) -> list[_Column]:
    """Return the conditions, each with its results by layer; texts are scored otherwise."""
    found: dict[tuple[Conditions, float], _Column] = {}
    layered = [s for s in studies if not s.writes and any(map(is_single, s.results))]
    for study in layered:
        # Margins are a study's own, and losses of one metric compare whatever they are.
        if structs.replace(study.main, margin=0.0) != structs.replace(layered[0].main, margin=0.0):
            continue
        for result in filter(is_single, study.results):
            # Weights differ with the variant, which is a condition of its own.
            same = replace(conditions_of(result), group="", weights="")
            column = found.setdefault((same, result.drift_s), _Column(study, {}))
            column.results[result.group] = result
    return list(found.values())


def _labels(columns: Sequence[_Column]) -> tuple[str, ...]:
    """Name the columns: by study, too, and by data and version, where the condition is the same."""
    spellings: tuple[Callable[[Result], str], ...] = (
        condition_label,
        lambda result: f"{condition_label(result)} · {one_line(result.study)}",
        lambda result: (
            f"{condition_label(result)} · {one_line(result.study)} · protocol "
            f"{result.protocol[:8]}, version {result.case_version}, seed {result.seed}"
        ),
    )
    labels = [spellings[0](column.first) for column in columns]
    for spelt in spellings[1:]:
        often = Counter(labels)
        labels = [
            spelt(column.first) if often[label] > 1 else label
            for column, label in zip(columns, labels, strict=True)
        ]
    often = Counter(labels)
    return tuple(
        f"{label} ({n})" if often[label] > 1 else label for n, label in enumerate(labels, start=1)
    )


def _row(
    layer: str, result: Result, columns: Sequence[_Column], most: float, contents: Contents
) -> HeatRow:
    cells = tuple(
        _cell(column.results.get(layer), column.study, most, contents) for column in columns
    )
    known = [cell.loss for cell in cells if cell.loss is not None]
    facts = result.facts
    return HeatRow(
        layer=one_line(layer),
        depth=_depth(result),
        kind=facts.kind if facts else "",
        spread=f"{facts.weight_std:#.3g}" if facts else "",
        reach=f"{facts.reach:.1f}" if facts and facts.reach is not None else "",
        loss=max(known, default=None),
        cells=cells,
    )


def _cell(result: Result | None, study: Judged, most: float, contents: Contents) -> HeatCell:
    if result is None:
        return HeatCell(Cell("", number=True))
    loss = loss_of(result, study.main)
    href = contents.link(result)
    if loss is None:
        return HeatCell(Cell(result.status, href, number=True, kind=result.status))
    verdict = study.verdict_of(result)
    cell = number(spelt_loss(loss, study.main), href)
    return HeatCell(
        cell=replace(cell, kind=_shown(verdict)),
        score=f"{metric_label(study.main)} {spelt_score(result, study.main)}",
        share=math.sqrt(min(1.0, max(0.0, loss / most))),
        loss=loss,
    )


def _shown(verdict: Verdict | None) -> str:
    return verdict.kind if verdict is not None and verdict.kind in _SHOWN_VERDICTS else ""


def _message(columns: Sequence[_Column]) -> str:
    by_weights: dict[str, list[_Column]] = {}
    # Direct weights first: what hardware-aware training keeps is seen beside what is lost without.
    for column in sorted(columns, key=lambda column: column.first.variant != "direct"):
        if column.losses():
            by_weights.setdefault(weights_label(column.first), []).append(column)
    if len(by_weights) == 1:
        return capitalised(_said(columns)) + "."
    said = (f"With {weights} weights {_said(of)}." for weights, of in by_weights.items())
    return " ".join(said)


def _said(columns: Sequence[_Column]) -> str:
    """Say how many layers lose more than the margin under any condition, and which loses most."""
    metric = columns[0].metric
    losses: dict[str, float] = {}
    beyond: set[str] = set()
    for column in columns:
        for layer, loss in column.losses().items():
            losses[layer] = max(loss, losses.get(layer, loss))
            if loss > column.metric.margin:
                beyond.add(layer)
    alike = len({column.metric.margin for column in columns}) == 1
    margin = f"{margin_label(metric)} of" if alike else "their study's margin of"
    than = f"{margin} {metric_label(metric)}"
    among = counted(len(losses), "layer")
    if not beyond:
        return f"none of {among} {change_verb(metric)} more than {than}"
    layer = max(losses, key=lambda layer: losses[layer])
    most = spelt_loss(losses[layer], metric).lstrip("+−")
    return (
        f"{len(beyond)} of {among} {change_verb(metric, len(beyond))} more than {than}; "
        f"{one_line(layer)} {change_verb(metric)} most, {most}"
    )


def _note(columns: Sequence[_Column]) -> str:
    said = (
        f"{capitalised(loss_label(columns[0].metric))} against the digital model, mean over chips; "
        "only the named layer is perturbed."
    )
    variants = {column.first.variant for column in columns}
    if len(variants) > 1 and "direct" in variants:
        said += " w std and max/std are of the direct weights."
    return said


def _depth(result: Result) -> int:
    return result.facts.depth if result.facts else 0
