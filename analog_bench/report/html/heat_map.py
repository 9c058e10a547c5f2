"""Layers by conditions: what each layer loses under each noise, as a table that is a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analog_bench.gate.robustness import Conditions, conditions_of
from analog_bench.gate.verdict import Verdict
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
)
from analog_bench.result import Metric, Result

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
        conditions: What heads the columns.
        rows: By depth.
        loss: What the numbers are, with their unit.
        middle: The loss in the middle of the colour scale, spelt.
        most: The largest, at its end.
    """

    message: str
    note: str
    conditions: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    loss: str
    middle: str
    most: str


@dataclass(frozen=True)
class _Column:
    study: Judged
    results: dict[str, Result]

    @property
    def first(self) -> Result:
        return next(iter(self.results.values()))

    def label(self) -> str:
        return condition_label(self.first)


def heat_map(contents: Contents, model: str) -> HeatMap | None:
    """Return what each layer of a model loses under each condition.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        The map; None where no two layers were measured by themselves.
    """
    columns = _columns(contents.of_model(model))
    layers = {layer: result for column in columns for layer, result in column.results.items()}
    if len(layers) < 2:
        return None
    metric = columns[0].study.main
    losses = [
        loss
        for column in columns
        for result in column.results.values()
        if (loss := loss_of(result, metric)) is not None
    ]
    if not losses:
        return None
    most = max(metric.margin, *losses)
    rows = [
        _row(layer, result, columns, most, contents)
        for layer, result in sorted(layers.items(), key=lambda item: _depth(item[1]))
    ]
    message = _message(rows, metric)
    note = (
        f"{capitalised(loss_label(metric))} against the digital model, mean over chips; only the "
        "named layer is perturbed."
    )
    conditions = tuple(column.label() for column in columns)
    return HeatMap(
        message=message,
        note=note,
        conditions=conditions,
        rows=tuple(rows),
        loss=loss_label(metric),
        middle=spelt_loss(most / 4, metric),
        most=spelt_loss(most, metric),
    )


def _columns(studies: Sequence[Judged]) -> list[_Column]:
    """Return the conditions, each with its results by layer; texts are scored otherwise."""
    found: dict[tuple[Conditions, float], _Column] = {}
    layered = [study for study in studies if not study.writes]
    for study in layered:
        for result in study.results:
            if not is_single(result) or study.main != layered[0].main:
                continue
            # Weights differ with the variant, which is a condition of its own.
            same = replace(conditions_of(result), group="", weights="")
            column = found.setdefault((same, result.drift_s), _Column(study, {}))
            column.results[result.group] = result
    return list(found.values())


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
        reach=f"{facts.weight_max / facts.weight_std:.1f}" if facts and facts.weight_std else "",
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
    verdict = study.verdicts.get(result.case_id)
    cell = number(spelt_loss(loss, study.main), href)
    return HeatCell(
        cell=replace(cell, kind=_shown(verdict)),
        score=f"{metric_label(study.main)} {spelt_score(result, study.main)}",
        share=math.sqrt(min(1.0, max(0.0, loss / most))),
        loss=loss,
    )


def _shown(verdict: Verdict | None) -> str:
    return verdict.kind if verdict is not None and verdict.kind in _SHOWN_VERDICTS else ""


def _message(rows: Sequence[HeatRow], metric: Metric) -> str:
    known = [(row.loss, row.layer) for row in rows if row.loss is not None]
    loss, layer = max(known, key=lambda one: one[0])
    beyond = sum(loss > metric.margin for loss, _ in known)
    margin = f"{margin_label(metric)} of {metric_label(metric)}"
    if not beyond:
        return f"None of {counted(len(known), 'layer')} {change_verb(metric)} more than {margin}."
    most = spelt_loss(loss, metric).lstrip("+−")
    return (
        f"{beyond} of {counted(len(known), 'layer')} {change_verb(metric, beyond)} more than "
        f"{margin}; {layer} {change_verb(metric)} most, {most}."
    )


def _depth(result: Result) -> int:
    return result.facts.depth if result.facts else 0
