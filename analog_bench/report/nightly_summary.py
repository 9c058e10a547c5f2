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
from analog_bench.report.wording import counted

_GLYPH = glyphs(ascii_only=False)
_OLDER_AT_MOST = 10


def nightly_summary(
    contents: Contents,
    trends: Sequence[Trend],
    steps: Sequence[tuple[Step, ...]],
    *,
    run_id: str,
    nights: int,
    files: Sequence[Path],
    trouble: str = "",
) -> str:
    """Return a night in Markdown; what regressed is its first line.

    Args:
        contents: The run with its verdicts.
        trends: How cases went over the nights; only those that this run is a part of are shown.
        steps: Of each trend.
        run_id: What tells this run from others in the history.
        nights: Runs in the history.
        files: What was written.
        trouble: What else went wrong; empty where nothing did.

    Returns:
        A heading, the cases that failed family by family, the run's own summary, steps of the
        history, the files.
    """
    found = regressions_of(contents)
    lines = [f"# {escaped(headline(found, contents))}", ""]
    if trouble:
        lines += [f"**{escaped(one_line(trouble))}**", ""]
    for regression in found:
        lines += [f"## {escaped(regression.name)}", "", *regression.lines()]
    lines += [step_summary(contents, failed=False).rstrip(), ""]
    lines += _history(trends, steps, run_id, nights)
    lines += [f"- {escaped(one_line(str(path)))}" for path in files]
    return "\n".join(lines).rstrip() + "\n"


def _history(
    trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], run_id: str, nights: int
) -> Iterator[str]:
    found = [
        (name, trend, step)
        for name, trend, own in zip(trend_names(trends), trends, steps, strict=True)
        if any(point.run.run_id == run_id for point in trend.points)
        for step in own
    ]
    yield f"## History: {_counted(nights, 'run')}, {_counted(len(found), 'step')} in these cases"
    yield ""
    if not found:
        return
    found.sort(key=lambda one: one[1].points[one[2].at].run.created, reverse=True)
    older = 0
    for name, trend, step in found:
        this = trend.points[step.at].run.run_id == run_id
        older += not this
        if this or older <= _OLDER_AT_MOST:
            yield _line(name, trend, step, this=this)
    if older > _OLDER_AT_MOST:
        yield f"- and {older - _OLDER_AT_MOST} older ones: `analog-bench history` shows them"
    yield ""


def _line(name: str, trend: Trend, step: Step, *, this: bool) -> str:
    now, before = trend.points[step.at].run, trend.points[step.at - 1].run
    said = escaped(
        f"{spelt_step(step, trend.metric, _GLYPH)} {direction(step, trend.metric)} "
        f"{'with this run' if this else f'since {spelt_date(now.created)}'}: "
        f"{score_name(trend)} of {name}; what else changed then: {spelt_changes(now, before)}"
    )
    return f"- **{said}**" if this else f"- {said}"


def _counted(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}s"
