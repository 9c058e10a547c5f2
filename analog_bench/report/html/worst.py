"""The cases that lost most, for the first screen of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.records import Result
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.html.cells import Cell, loss_of, number, spelt_loss, spelt_score
from analog_bench.report.labels import amount, one_line
from analog_bench.report.wording import names_within, unit_label

_AT_MOST = 4


@dataclass(frozen=True)
class WorstCase:
    """A case among those that lost most: its loss is what lies between the two scores.

    Attributes:
        name: Its name, with its study where there are several.
        score: What it scored.
        loss: What it lost.
        digital: What the digital model scored in its study: each has data of its own.
        share: The loss as a share of the largest, 0 to 1.
    """

    name: Cell
    score: Cell
    loss: Cell
    digital: Cell
    share: float


@dataclass(frozen=True)
class Worst:
    """The cases of a model that lost most, in one metric.

    Attributes:
        model: The model.
        metric: The metric with its unit.
        rows: Cases, the one that lost most first.
    """

    model: str
    metric: str
    rows: tuple[WorstCase, ...]


def worst_cases(contents: Contents) -> tuple[Worst, ...]:
    """Return what lost most: for each model and metric, what lost more than its study's margin.

    Args:
        contents: The page's contents.
    """
    found = []
    for model in contents.models:
        studies = contents.of_model(model)
        by_metric: dict[tuple[str, str, bool], list[tuple[Judged, Result, float]]] = {}
        for study in studies:
            metric = study.main
            for result in study.measured:
                loss = loss_of(result, metric)
                # What loses no more than its study's margin is not among the worst, however few
                # there are; nor does it take the place of what loses more than another's.
                if loss is not None and loss > metric.margin:
                    key = metric.name, metric.unit, metric.higher_is_better
                    by_metric.setdefault(key, []).append((study, result, loss))
        for rows in by_metric.values():
            ranked = sorted(rows, key=lambda row: -row[2])[:_AT_MOST]
            found.append(_worst_of(contents, model, ranked, several=len(studies) > 1))
    return tuple(found)


def _worst_of(
    contents: Contents,
    model: str,
    ranked: Sequence[tuple[Judged, Result, float]],
    *,
    several: bool,
) -> Worst:
    def case(study: Judged, result: Result, loss: float) -> WorstCase:
        metric, href = study.main, contents.link(result)
        name = names_within(study.measured)(result)
        return WorstCase(
            name=Cell(f"{one_line(study.scope.study)} · {name}" if several else name, href),
            score=number(spelt_score(result, metric), href),
            loss=number(spelt_loss(loss, metric), href),
            digital=number(amount(result.digital[metric.name], metric), href),
            share=max(0.0, loss / ranked[0][2]),
        )

    return Worst(
        model=one_line(model),
        metric=unit_label(ranked[0][0].main),
        rows=tuple(case(*row) for row in ranked),
    )
