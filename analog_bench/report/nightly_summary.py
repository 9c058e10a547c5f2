"""The summary of a night: what regressed, the run, and what the history says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from analog_bench.gate.step import Step
from analog_bench.history.trend import Trend
from analog_bench.report.contents import Contents
from analog_bench.report.glyphs import glyphs
from analog_bench.report.history_words import (
    direction,
    score_name,
    spelt_changes,
    spelt_date,
    spelt_step,
    trend_names,
)
from analog_bench.report.labels import one_line
from analog_bench.report.markdown import escaped
from analog_bench.report.regressions import headline, regressions_of
from analog_bench.report.step_summary import step_summary

_GLYPH = glyphs(ascii_only=False)
_OLDER_AT_MOST = 10


def nightly_summary(
    contents: Contents,
    trends: Sequence[Trend],
    steps: Sequence[tuple[Step, ...]],
    *,
    run: str,
    nights: int,
    files: Sequence[Path],
    trouble: str = "",
) -> str:
    """Return a night in Markdown; what regressed is its first line.

    Args:
        contents: The run with its verdicts.
        trends: How its cases went over the nights, this one included.
        steps: Of each trend.
        run: Name of this run in the history.
        nights: Runs in the history.
        files: What was written.
        trouble: What else went wrong; empty where nothing did.

    Returns:
        A heading, the cases that failed family by family, steps of the history, and the run's own
        summary.
    """
    found = regressions_of(contents)
    lines = [f"# {escaped(headline(found, contents))}", ""]
    if trouble:
        lines += [f"**{escaped(one_line(trouble))}**", ""]
    for regression in found:
        lines += [f"## {escaped(regression.name)}", "", *regression.lines()]
    lines += _history(trends, steps, run, nights)
    lines += [step_summary(contents).rstrip(), ""]
    lines += [f"- {escaped(str(path))}" for path in files]
    return "\n".join(lines).rstrip() + "\n"


def _history(
    trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], run: str, nights: int
) -> Iterator[str]:
    found = [
        (name, trend, step)
        for name, trend, own in zip(trend_names(trends), trends, steps, strict=True)
        for step in own
    ]
    found.sort(key=lambda one: one[1].points[one[2].at].run.created, reverse=True)
    fresh = [one for one in found if one[1].points[one[2].at].run.run == run]
    older = [one for one in found if one[1].points[one[2].at].run.run != run]
    yield f"## History: {nights} {'run' if nights == 1 else 'runs'}, {len(found)} steps"
    yield ""
    if not found:
        return
    yield from (_line(*one, this=True) for one in fresh)
    yield from (_line(*one, this=False) for one in older[:_OLDER_AT_MOST])
    if len(older) > _OLDER_AT_MOST:
        yield f"- and {len(older) - _OLDER_AT_MOST} older ones: `analog-bench history` shows them"
    yield ""


def _line(name: str, trend: Trend, step: Step, *, this: bool) -> str:
    now, before = trend.points[step.at].run, trend.points[step.at - 1].run
    word = direction(step, trend.metric)
    when = "with this run" if this else f"since {spelt_date(now.created)}"
    said = (
        f"{spelt_step(step, trend.metric, _GLYPH)} {word} {when}: {score_name(trend)} of {name}; "
        f"what else changed then: {spelt_changes(now, before)}"
    )
    return f"- {'**' if this else ''}{escaped(said)}{'**' if this else ''}"
