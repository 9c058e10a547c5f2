"""Reports as plain values for `--json`: runs, comparisons, texts, the history, releases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from analog_bench.errors import UsageError
from analog_bench.gate.run_comparison import Comparison
from analog_bench.gate.run_verdicts import Judgement, outcomes
from analog_bench.gate.significance import Interval, telling_interval
from analog_bench.gate.step_detection import Step
from analog_bench.history.score_series import RunFacts, Trend
from analog_bench.records import Result
from analog_bench.releases.comparison import Measured, Releases
from analog_bench.releases.comparison import Step as ReleaseStep
from analog_bench.report.board import Entry
from analog_bench.report.release_tables import CAVEAT
from analog_bench.report.report_contents import Contents
from analog_bench.report.run_comparison_table import verdict_counts
from analog_bench.report.score_and_loss import loss_interval, score
from analog_bench.report.trend_names import direction
from analog_bench.simulators.physics.survey_record import survey_as_plain
from analog_bench.store.run import Run


def comparison_plain(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison of two runs as plain values."""
    return {
        "fails": comparison.fails,
        "counts": dict(verdict_counts(comparison)),
        "changed": {name: list(pair) for name, pair in comparison.changed.items()},
        "gone": [case for _, case in comparison.gone],
        "families": [
            {
                **_fields(family.scope, "study", "model"),
                "variant": family.variant,
                "cases": [
                    {"case_id": result.case_id, **asdict(verdict)}
                    for result, verdict in family.judged
                ],
                "digital": [asdict(verdict) for verdict in family.digital.values()],
            }
            for family in comparison.families
        ],
    }


def report_plain(contents: Contents) -> dict[str, Any]:
    """Return what a report shows of each case as plain values, in the main metric of its study.

    A loss is positive where it is worse than digital.
    """
    what = ("study", "model", "case_id", "group", "noise", "drift_s", "tile", "hardware", "variant")
    return {
        "results": contents.source,
        "counts": dict(Counter(verdict.kind for _, _, verdict in contents.judged)),
        "cases": [
            {
                **_fields(result, *what, "status", "reason"),
                "metric": study.main.name,
                "chips": len(result.initial_chips),
                "digital": result.digital.get(study.main.name),
                "score": _estimate(score(result, study.main)),
                "loss": _estimate(loss_interval(result, study.main)),
                "verdict": None if (of := study.outcome_of(result)) is None else asdict(of),
            }
            for study, result in contents.pairs
        ],
    }


def merged_plain(
    run: Run, judgement: Judgement | None, results_file: Path, failures: Sequence[str]
) -> dict[str, Any]:
    """Return what a merged run came to as plain values; its numbers are in the results file."""
    judged = outcomes(run.groups, judgement)
    return {
        "results": str(results_file),
        "fails": bool(failures),
        "failures": list(failures),
        "counts": dict(Counter(verdict.kind for _, verdict in judged)),
        "cases": [
            {**_fields(result, "study", "case_id"), **asdict(verdict)} for result, verdict in judged
        ],
    }


def board_plain(found: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the entries of a board as plain values, the best first."""
    return [
        {
            **_fields(entry.result, "model", "group", "noise", "tile", "hardware", "variant"),
            **_fields(entry.scope, "study", "data", "examples"),
            "metric": entry.metric.name,
            "chips": len(entry.result.initial_chips),
            "digital": entry.result.digital[entry.metric.name],
            "a_star": _estimate(entry.a_star),
            "one_day": _estimate(entry.others.one_day),
            "avm": _estimate(entry.others.avm),
            "nj_per_token": entry.nj_per_token,
            "run": entry.source,
        }
        for entry in found
    ]


def texts_plain(results: Sequence[Result]) -> dict[str, Any]:
    """Return texts and scores of a study of generation on one model as plain values."""
    first = next((result for result in results if result.digital_texts), results[0])
    return {
        **_fields(first, "model", "protocol", "seed"),
        "digital": {"scores": dict(first.digital), "texts": list(first.digital_texts)},
        "cases": [
            {
                **_fields(result, "case_id", "variant", "noise", "drift_s", "status", "reason"),
                "coverage": result.facts.coverage_weights if result.facts else None,
                "chips": [
                    {"chip": chip.chip, "scores": dict(chip.scores), "texts": list(chip.texts)}
                    for chip in result.chips
                ],
            }
            for result in results
        ],
    }


def history_plain(
    runs: Sequence[RunFacts], trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]]
) -> dict[str, Any]:
    """Return runs, trends and the steps of each trend as plain values."""
    return {
        "runs": [asdict(run) for run in runs],
        "trends": [_trend(trend, own) for trend, own in zip(trends, steps, strict=True)],
    }


def answer_plain(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the answer to a query as plain values.

    NaN and infinity, for which JSON has no number, become null; dates, durations and the like
    become texts.

    Raises:
        UsageError: Two columns have the same name.
    """
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise UsageError(
            f"two columns of the answer are named {twice[0]!r}; tell them apart with `as`"
        )
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]


def releases_plain(releases: Releases) -> dict[str, Any]:
    """Return a comparison of releases as plain values, without the results of cases."""
    return {
        "fails": releases.fails,
        "releases": [_release(one) for one in releases.measured],
        "steps": [_release_step(step) for step in releases.steps],
    }


def _estimate(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else asdict(interval)


def _fields(record: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _trend(trend: Trend, steps: Sequence[Step]) -> dict[str, Any]:
    return {
        **trend.key,
        **_fields(trend.metric, "unit", "margin", "higher_is_better"),
        "points": [
            {
                **_fields(point.run, "run", "run_id"),
                "mean": point.mean.centre,
                "half_width": point.mean.half_width,
                "chips": list(point.scores.values()),
                "digital": point.digital,
            }
            for point in trend.points
        ],
        "steps": [_step(trend, step) for step in steps],
    }


def _step(trend: Trend, step: Step) -> dict[str, Any]:
    now, before = trend.points[step.at].run, trend.points[step.at - 1].run
    bounds = telling_interval(step.effect)
    return {
        **_fields(now, "run", "run_id"),
        "change": step.effect.change,
        "interval": None if bounds is None else list(bounds),
        "direction": direction(step, trend.metric),
        "paired": step.paired,
        "p": step.p,
        "changed": {name: list(pair) for name, pair in now.changes(before).items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _plain(float(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return str(value)


def _release(one: Measured) -> dict[str, Any]:
    statuses = [result.status for result in one.run.results] if one.run is not None else []
    return {
        **_fields(one, "name", "source"),
        "versions": dict(one.versions),
        **_fields(one, "environment", "problem", "remark"),
        "cases": {status: statuses.count(status) for status in sorted(set(statuses))},
        "survey": survey_as_plain(one.survey) if one.survey is not None else None,
        "turns": one.turns,
    }


def _release_step(step: ReleaseStep) -> dict[str, Any]:
    return {
        **_fields(step, "old", "new", "fails", "first"),
        "layers": [asdict(layer) for layer in step.layers],
        "abilities": [asdict(ability) for ability in step.abilities],
        "timings": {
            "caveat": CAVEAT,
            "work": [{**asdict(timing), "verdict": timing.verdict} for timing in step.timings],
        },
        "packages": {name: list(pair) for name, pair in step.packages.items()},
        "cases": comparison_plain(step.cases) if step.cases is not None else None,
    }
