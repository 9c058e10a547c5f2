"""The raw values: every chip's scores of every case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analog_bench.records import Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.measured_on import examples_label
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.score_and_loss import loss, score
from analog_bench.report.table import SINCE, Cell, Column, Role, Table, absent


@dataclass(frozen=True)
class CaseValues:
    """One case: its scores in the main metric, facts by name, and the scores of each chip.

    Texts are those of the digital model, then of the first chip, each after whose they are.
    """

    anchor: str
    layers: str
    condition: str
    score: str
    loss: str
    verdict: Cell
    lines: tuple[tuple[str, str], ...]
    chips: Table
    texts: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class StudyValues:
    """The cases of one study on one model, in the order of the results file."""

    study: str
    question: str
    data: str
    loss: str
    cases: tuple[CaseValues, ...]


def raw_values(contents: Contents, model: str) -> tuple[StudyValues, ...]:
    """Return the raw values of a model."""
    return tuple(
        StudyValues(
            study=words.one_line(study.scope.study),
            question=study.scope.question,
            data=examples_label(study.scope),
            loss=words.loss_label(study.main),
            cases=tuple(_case(contents, study, result) for result in study.results),
        )
        for study in contents.of_model(model)
    )


def _case(contents: Contents, study: Judged, result: Result) -> CaseValues:
    verdict = study.verdict_of(result)
    unmeasured: Role = result.status if result.status != "measured" else ""
    kind = verdict.kind if verdict else unmeasured
    return CaseValues(
        anchor=contents.anchors[result.identity],
        layers=words.group_label(result.group),
        condition=words.condition_label(result),
        score=estimates.interval_text(score(result, study.main), study.main),
        loss=words.loss_amount(loss(result, study.main), study.main),
        verdict=Cell(kind, kind),
        lines=tuple(_lines(study, result)),
        chips=_chips(result, [metric for metric in study.metrics if metric.name in result.scored]),
        texts=tuple(_texts(result)),
    )


def _lines(study: Judged, result: Result) -> Iterator[tuple[str, str]]:
    verdict, facts, metric = study.verdict_of(result), result.facts, study.main
    yield "case", words.one_line(result.case_id)
    if result.reason:
        yield result.status, words.one_line(result.reason)
    if verdict is not None:
        yield SINCE, f"{verdict.kind}: {words.one_line(verdict.reason)}"
        change = estimates.change_text(verdict, metric)
        if change:
            yield "change", f"{f'{change} {metric.unit}'.rstrip()}, {words.chips_compared(verdict)}"
        if verdict.detectable is not None:
            detects = f"{words.amount(verdict.detectable, metric)} {metric.unit}".rstrip()
            yield "detects", f"{detects}, four times in five"
    if facts is not None:
        std, largest = words.significant(facts.weight_std), words.significant(facts.weight_max)
        yield "weights", f"{facts.weights:,}, standard deviation {std}, largest {largest}"
        if result.tile != "none":
            share = words.percent(facts.coverage_weights)
            yield "on tiles", f"{share} of the model's matrix-multiply weights"
    yield "protocol", f"{result.protocol[:16]}, weights {result.weights[:16]}"


def _chips(result: Result, metrics: Sequence[Metric]) -> Table:
    def scores(of: dict[str, float]) -> list[Cell]:
        return [
            Cell(words.amount(of[metric.name], metric, extra=2)) if metric.name in of else absent()
            for metric in metrics
        ]

    headers = ("chip", *map(words.metric_label, metrics), "seconds")
    digital = (Cell("digital"), *scores(result.digital), Cell(""))
    chips = ((Cell(str(c.chip)), *scores(c.scores), Cell(f"{c.seconds:.2f}")) for c in result.chips)
    return Table(tuple(Column(header, right=True) for header in headers), (digital, *chips))


def _texts(result: Result) -> Iterator[tuple[str, tuple[str, ...]]]:
    if result.digital_texts:
        written = [("digital", result.digital_texts)]
        written += [(f"chip {chip.chip}", chip.texts) for chip in result.initial_chips[:1]]
        for whose, texts in written:
            yield whose, tuple(words.visible(text.strip()) for text in texts)
