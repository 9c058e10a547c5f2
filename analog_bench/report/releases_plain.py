"""Releases side by side as plain values, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from analog_bench.releases.comparison import Measured, Releases, Step
from analog_bench.report.comparison import comparison_plain
from analog_bench.report.releases_table import CAVEAT
from analog_bench.simulators.physics.survey import survey_as_plain


def releases_plain(releases: Releases) -> dict[str, Any]:
    """Return a comparison of releases as plain values.

    Args:
        releases: The comparison.

    Returns:
        `fails`, the `releases` with all that was found out about them, and the `steps` between
        them. Results of cases are in run files of their own.
    """
    return {
        "fails": releases.fails,
        "releases": [_release(one) for one in releases.measured],
        "steps": [_step(step) for step in releases.steps],
    }


def _release(one: Measured) -> dict[str, Any]:
    statuses = [result.status for result in one.run.results] if one.run is not None else []
    return {
        "name": one.name,
        "asked": one.asked,
        "versions": dict(one.versions),
        "environment": one.environment,
        "problem": one.problem,
        "remark": one.remark,
        "cases": {status: statuses.count(status) for status in sorted(set(statuses))},
        "survey": survey_as_plain(one.survey) if one.survey is not None else None,
        "turns": one.turns,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "old": step.old,
        "new": step.new,
        "fails": step.fails,
        "first": step.first,
        "layers": [asdict(layer) for layer in step.layers],
        "abilities": [asdict(ability) for ability in step.abilities],
        "timings": {
            "caveat": CAVEAT,
            "work": [{**asdict(lap), "verdict": lap.verdict} for lap in step.laps],
        },
        "packages": {name: list(pair) for name, pair in step.packages.items()},
        "cases": comparison_plain(step.cases) if step.cases is not None else None,
    }
