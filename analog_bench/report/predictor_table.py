"""Ways of predicting what plans lose, beside each other on plans that none was fitted to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from analog_bench.planning.predictor_scores import PredictorComparison, PredictorScore
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.estimates import range_text, ranged_text
from analog_bench.report.table import Block, Column, Heading, number, tabulate
from analog_bench.spelling import counted, rounded


def predictor_table(compared: PredictorComparison, metric: Metric) -> tuple[Block, ...]:
    """Return a row a predictor, the simplest first."""
    best = max(compared.scores, key=lambda score: score.tau)
    table = tabulate(
        compared.scores,
        [
            (Column("predicted by", names_rows=True), lambda score: score.name),
            number("tau", lambda score: rounded(score.tau, 2) + " *" * (score is best)),
            number("95 %", lambda score: range_text(score.low, score.high), priority=1),
            number("rho", lambda score: rounded(score.rho, 2), priority=3),
            number("error", _error, priority=2),
            number("regret", lambda score: words.amount(score.regret, metric, 1)),
        ],
        notes=_notes(compared, metric),
        frame="rule",
    )
    return Heading(f"Predictors on {counted(compared.plans, 'held-out plan')}"), table


def predictors_as_plain(compared: PredictorComparison) -> dict[str, Any]:
    """Return a comparison as plain values."""
    return asdict(compared)


def _error(score: PredictorScore) -> str:
    return "" if score.error is None else words.percent(score.error)


def _notes(compared: PredictorComparison, metric: Metric) -> list[str]:
    least, most = (words.loss_amount(loss, metric, 1) for loss in (compared.least, compared.most))
    notes = [
        f"Plans are chosen by: {compared.used}.",
        f"Random plans on {counted(compared.chips, 'fresh chip')}, which lose {least} to {most} "
        f"{metric.unit}; tau and rho: rank correlations with the measured losses, intervals over "
        "plans; error: mean difference over mean loss; regret: what picking by prediction costs "
        "at equal energy.",
    ]
    if compared.ceiling is not None:
        tau = ranged_text(*compared.ceiling)
        notes.append(f"Between disjoint halves of the chips tau is {tau}.")
    return notes
