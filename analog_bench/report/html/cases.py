"""The raw values: every chip's scores of every case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.records import Measurement, Metric, Result
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.html.cells import (
    GLYPH,
    Cell,
    loss_of,
    spelt_loss,
    spelt_score,
)
from analog_bench.report.labels import amount, metric_label, one_line, spelt_change
from analog_bench.report.numerals import percent
from analog_bench.report.texts import visible
from analog_bench.report.wording import condition_label, group_label, loss_label


@dataclass(frozen=True)
class CaseSheet:
    """One case.

    Attributes:
        anchor: Name of its place on the page.
        layers: What is perturbed.
        condition: How.
        score: In the main metric.
        loss: Against digital.
        verdict: The verdict; without text where there is none.
        lines: What else is known, name and value.
        headers: What heads the table of chips.
        chips: Rows of numbers: the digital model's, then one a chip.
        texts: What the first chip wrote, after what the digital model wrote; empty where nothing.
    """

    anchor: str
    layers: str
    condition: str
    score: str
    loss: str
    verdict: Cell
    lines: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]
    chips: tuple[tuple[str, ...], ...]
    texts: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class StudySheet:
    """The cases of one study on one model.

    Attributes:
        study: Name of the study.
        question: What it asks.
        data: On what.
        loss: What the losses are, with their unit.
        cases: The cases, in the order of the results file.
    """

    study: str
    question: str
    data: str
    loss: str
    cases: tuple[CaseSheet, ...]


def study_sheets(contents: Contents, model: str) -> tuple[StudySheet, ...]:
    """Return the raw values of a model.

    Args:
        contents: The page's contents.
        model: The model.
    """
    return tuple(
        StudySheet(
            study=one_line(study.scope.study),
            question=study.scope.question,
            data=f"{study.scope.examples} {study.scope.data}",
            loss=loss_label(study.main),
            cases=tuple(_case(contents, study, result) for result in study.results),
        )
        for study in contents.of_model(model)
    )


def _case(contents: Contents, study: Judged, result: Result) -> CaseSheet:
    verdict = study.verdict_of(result)
    kind = verdict.kind if verdict else result.status if result.status != "measured" else ""
    metrics = [metric for metric in study.metrics if metric.name in result.scored]
    return CaseSheet(
        anchor=contents.anchors[result.identity],
        layers=group_label(result.group),
        condition=condition_label(result),
        score=spelt_score(result, study.main),
        loss=spelt_loss(loss_of(result, study.main), study.main),
        verdict=Cell(kind, kind=kind),
        lines=tuple(_lines(study, result)),
        headers=("chip", *map(metric_label, metrics), "seconds"),
        chips=tuple(_rows(result, metrics)),
        texts=tuple(_texts(result)),
    )


def _lines(study: Judged, result: Result) -> list[tuple[str, str]]:
    verdict, facts = study.verdict_of(result), result.facts
    lines = [("case", one_line(result.case_id))]
    if result.reason:
        lines.append((result.status, one_line(result.reason)))
    if verdict is not None:
        lines.append(("verdict", f"{verdict.kind}: {one_line(verdict.reason)}"))
        change = spelt_change(verdict, study.main, GLYPH)
        if change:
            chips = "confirmation" if verdict.looks > 1 else "initial"
            paired = "paired" if verdict.paired else "unpaired"
            change = f"{change} {study.main.unit}".rstrip()
            lines.append(("change", f"{change}, {chips} chips, {paired}"))
        if verdict.detectable is not None:
            detects = f"{amount(verdict.detectable, study.main)} {study.main.unit}".rstrip()
            lines.append(("detects", f"{detects}, four times in five"))
    if facts is not None:
        weights = f"{facts.weights:,}, standard deviation {facts.weight_std:#.3g}"
        lines.append(("weights", f"{weights}, largest {facts.weight_max:#.3g}"))
        if result.tile != "none":
            share = percent(facts.coverage_weights)
            lines.append(("on tiles", f"{share} of the model's matrix-multiply weights"))
    lines.append(("protocol", f"{result.protocol[:16]}, weights {result.weights[:16]}"))
    return lines


def _rows(result: Result, metrics: Sequence[Metric]) -> list[tuple[str, ...]]:
    rows = [("digital", *(_score(result.digital.get(m.name), m) for m in metrics), "")]
    return rows + [_row(chip, metrics) for chip in result.chips]


def _row(chip: Measurement, metrics: Sequence[Metric]) -> tuple[str, ...]:
    scores = (_score(chip.scores.get(metric.name), metric) for metric in metrics)
    return str(chip.chip), *scores, f"{chip.seconds:.2f}"


def _score(score: float | None, metric: Metric) -> str:
    return GLYPH.absent if score is None else amount(score, metric, extra=2)


def _texts(result: Result) -> list[tuple[str, tuple[str, ...]]]:
    if not result.digital_texts:
        return []
    written = [("digital", result.digital_texts)]
    written += [(f"chip {chip.chip}", chip.texts) for chip in result.initial_chips[:1]]
    return [(whose, tuple(visible(text.strip()) for text in texts)) for whose, texts in written]
