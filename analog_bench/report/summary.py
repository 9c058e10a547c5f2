"""The closing words of a run: counts, what failed, what was skipped and why, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text

from analog_bench.gate.verdict import Kind, Verdict
from analog_bench.records import Identity, Metric, Result
from analog_bench.report.columns import VERDICT_STYLES
from analog_bench.report.glyphs import glyphs
from analog_bench.report.labels import amount, metric_label, one_line
from analog_bench.report.wording import counted
from analog_bench.store.baseline import Change

_LISTED_AT_MOST = 20


def digital_line(
    model: str,
    scores: Mapping[str, float],
    verdicts: Mapping[str, Verdict],
    metrics: Sequence[Metric],
    *,
    ascii_only: bool = False,
) -> Text:
    """Say in one line how the digital model's scores stand to the stored ones.

    Args:
        model: Name of the model.
        scores: Metric name to score, as measured.
        verdicts: Metric name to the verdict of `judge_digital`.
        metrics: Metrics to show, in this order.
        ascii_only: Draw with ASCII alone.

    Returns:
        For example `bert digital: F1 71.20 (stored 71.20, equivalent) · EM 60.50 (new)`.
    """
    line = Text(f"{one_line(model)} digital: ", style="bold")
    for n, metric in enumerate(m for m in metrics if m.name in scores):
        if n:
            line.append(f" {glyphs(ascii_only).dot} ")
        line.append(f"{metric_label(metric)} {amount(scores[metric.name], metric, extra=1)}", "")
        verdict = verdicts.get(metric.name)
        if verdict is None:
            continue
        line.append(" (")
        if verdict.change is not None:
            stored = scores[metric.name] - verdict.change
            line.append(f"stored {amount(stored, metric, extra=1)}, ")
        line.append(verdict.kind, VERDICT_STYLES[verdict.kind])
        line.append(")")
    return line


def run_summary(
    judged: Sequence[tuple[Result, Verdict]],
    *,
    uncompared: int = 0,
    results_file: Path | None = None,
    changes: Sequence[Change] | None = None,
    published: Sequence[str] = (),
) -> Text:
    """Return the closing words of a run.

    Args:
        judged: Every result with its verdict.
        uncompared: Number of results without one: nobody wanted them compared.
        results_file: Where the results were written; None where they were not.
        changes: What an update of the baselines changed; None where there was no update.
        published: What else was written, a line each.

    Returns:
        One line each: counts; every failing case; every reason for skipping; what has no baseline
        and how to store one, or what was stored; the results file.
    """
    counts = Counter(verdict.kind for _, verdict in judged)
    number = len(judged) + uncompared
    summary = Text("1 case: " if number == 1 else f"{number} cases: ", style="bold")
    known = [kind for kind in VERDICT_STYLES if counts[kind]]
    for n, kind in enumerate(known):
        summary.append(", " if n else "")
        summary.append(f"{counts[kind]} {kind}", VERDICT_STYLES[kind])
    if uncompared:
        summary.append(f"{', ' if known else ''}{uncompared} not compared with a baseline")
    elif not known:
        summary.append("nothing was measured")
    for result, verdict in judged:
        if verdict.fails:
            summary.append(f"\n{verdict.kind}", VERDICT_STYLES[verdict.kind])
            # Two studies may hold a case of the same id.
            named = f"{one_line(result.study)} {one_line(result.case_id)}"
            summary.append(f" {named}: {one_line(verdict.reason)}", "")
    for kind in ("skipped", "stale"):
        reasons = Counter(one_line(v.reason) for _, v in judged if v.kind == kind)
        for reason, number in reasons.most_common():
            summary.append(f"\n{kind} {number}: {reason or 'no reason is given'}", "")
    if changes is not None:
        said = {(result.identity, verdict.metric): verdict.kind for result, verdict in judged}
        summary.append("\n")
        summary.append_text(stored_changes(changes, said))
    elif counts["new"] or counts["stale"]:
        number = counts["new"] + counts["stale"]
        summary.append(
            f"\n{number} without a baseline to compare with: run again with --update-baselines to "
            "store them"
        )
    if results_file is not None:
        summary.append(f"\nresults: {results_file}")
    for line in published:
        summary.append(f"\n{line}")
    return summary


def stored_changes(
    changes: Sequence[Change], verdicts: Mapping[tuple[Identity, str], Kind]
) -> Text:
    """Return what an update did to the baselines, in a few lines.

    Args:
        changes: What changed.
        verdicts: Of what changed, by `Change.identity` and metric, where there are any.
    """
    if not changes:
        return Text("baselines: nothing changed")
    fresh = sum(change.before is None for change in changes)
    listed = [change for change in changes if change.moves]
    said = Text(f"baselines: {counted(fresh, 'score')} new, {len(listed)} changed")
    kept = len(changes) - fresh - len(listed)
    if kept:
        said.append(f", {kept} as before with other chips or facts")
    for change in listed[:_LISTED_AT_MOST]:
        said.append(f"\n  {one_line(str(change))}")
        kind = verdicts.get((change.identity, change.metric))
        if kind is not None:
            said.append(f" {kind}", VERDICT_STYLES[kind])
    if len(listed) > _LISTED_AT_MOST:
        said.append(f"\n  and {len(listed) - _LISTED_AT_MOST} more")
    return said
