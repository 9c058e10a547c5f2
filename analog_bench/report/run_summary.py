"""The closing words of a run: counts, what failed, what was skipped and why, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from analog_bench.gate.case_verdicts import Kind, Verdict
from analog_bench.records import Identity, Metric, Result
from analog_bench.report import words
from analog_bench.report.report_contents import unranked
from analog_bench.report.table import Cell, Line, Paragraph, line
from analog_bench.store.baseline import Change
from analog_bench.store.run import Group, Incomplete

_LISTED_AT_MOST = 20


def digital_line(
    model: str,
    scores: Mapping[str, float],
    verdicts: Mapping[str, Verdict],
    metrics: Sequence[Metric],
) -> Paragraph:
    """Say in one line how the digital model's scores compare with the stored ones.

    For example `bert digital: F1 71.20 (stored 71.20, equivalent) · EM 60.50 (new)`; of one
    without scores, why it has none.
    """
    pieces = [Cell(f"{words.one_line(model)} digital: ", "strong")]
    if not scores:
        pieces.append(Cell("broken", "broken"))
        pieces += [Cell(f", {words.one_line(v.reason)}") for v in list(verdicts.values())[:1]]
    for n, metric in enumerate(m for m in metrics if m.name in scores):
        score, verdict = scores[metric.name], verdicts.get(metric.name)
        shown = f"{words.metric_label(metric)} {words.amount(score, metric, extra=1)}"
        pieces.append(Cell(f"{' · ' if n else ''}{shown}"))
        if verdict is None:
            continue
        if verdict.change is None:
            pieces.append(Cell(" ("))
        else:
            stored = words.amount(score - verdict.change, metric, extra=1)
            pieces.append(Cell(f" (stored {stored}, "))
        pieces += [Cell(verdict.kind, verdict.kind), Cell(")")]
    return Paragraph((tuple(pieces),))


def run_summary(
    judged: Sequence[tuple[Result, Verdict]],
    *,
    groups: Sequence[Group] = (),
    uncompared: int = 0,
    results_file: Path | None = None,
    changes: Sequence[Change] | None = None,
    baselines: Path = Path("baselines"),
    published: Sequence[str] = (),
    stopped: bool = False,
    notes: Sequence[str] = (),
) -> Paragraph:
    """Return the closing words of a run.

    One line each: counts; every failing case; every reason for skipping; what has no baseline and
    how to store one, unless the run was stopped or all of it is in `groups` of a digital model that
    may be guessing, or what an update stored in `baselines`; notes on
    results that came; the results file; what else was published.
    """
    counts = Counter(verdict.kind for _, verdict in judged)
    lines = [_counts(counts, len(judged), uncompared)]
    for result, verdict in judged:
        if verdict.fails:
            # Two studies may hold a case of the same id.
            name = f"{words.one_line(result.study)} {words.one_line(result.case_id)}"
            failure = Cell(f" {name}: {words.one_line(verdict.reason)}")
            lines.append((Cell(verdict.kind, verdict.kind), failure))
    lines += (line(f"{kind} {n}: {reason}") for kind, reason, n in unmeasured_reasons(judged))
    lacking = [result for result, verdict in judged if verdict.kind in ("new", "stale")]
    guessing = {g.scope.study_and_model for g in groups if unranked(g.results, g.main)}
    worth_storing = any(result.study_and_model not in guessing for result in lacking)
    if changes is not None:
        kinds = {(result.identity, verdict.metric): verdict.kind for result, verdict in judged}
        lines += stored_changes(changes, kinds, baselines).lines
    elif worth_storing and not stopped:
        advice = "run again with --update-baselines to store them"
        lines.append(line(f"{len(lacking)} without a baseline to compare with: {advice}"))
    lines += (line(words.one_line(note)) for note in notes)
    if results_file is not None:
        lines.append(line(f"results: {results_file}"))
    return Paragraph((*lines, *map(line, published)))


def incomplete_line(incomplete: Incomplete, results: int) -> str:
    """Say what is missing of a run with so many results, and what completes it."""
    missing = len(incomplete.cases)
    reasons = Counter(case.reason for case in incomplete.cases if case.reason)
    text = f"incomplete: {missing} of {words.counted(missing + results, 'case')} not measured"
    if reasons:
        (first, _), *more = reasons.most_common()
        failed = f"{reasons.total()} failed: {words.one_line(first)}{' ...' if more else ''}"
        text += f" ({failed})"
    if incomplete.stuck:
        text += "; mend what failed, or delete the journal of the run to leave it as it is"
    return f"{text}; to complete the run: {words.one_line(incomplete.command)}"


def unmeasured_reasons(judged: Sequence[tuple[Result, Verdict]]) -> Iterator[tuple[Kind, str, int]]:
    """Yield why cases were skipped or are stale, with their number, the most frequent first."""
    kinds: tuple[Kind, ...] = ("skipped", "stale")
    for kind in kinds:
        reasons = Counter(words.one_line(v.reason) for _, v in judged if v.kind == kind)
        for reason, number in reasons.most_common():
            yield kind, reason or "no reason is given", number


def stored_changes(
    changes: Sequence[Change], verdicts: Mapping[tuple[Identity, str], Kind], root: Path
) -> Paragraph:
    """Return what an update did to baselines in a folder; verdicts are by identity and metric."""
    if not changes:
        return Paragraph((line("baselines: nothing changed"),))
    fresh = sum(change.before is None for change in changes)
    moved = [change for change in changes if change.moves]
    first = f"baselines: {words.counted(fresh, 'score')} new, {len(moved)} changed"
    same = len(changes) - fresh - len(moved)
    if same:
        first += f", {same} as before with other chips or facts"
    cases = len({change.identity for change in changes if change.study})
    models = dict.fromkeys(words.model_label(change.model) for change in changes)
    stored = f"{words.counted(cases, 'case')} of {', '.join(models)}, in {root}"
    lines: list[Line] = [line(f"{first}: {stored}")]
    for change in moved[:_LISTED_AT_MOST]:
        kind = verdicts.get((change.identity, change.metric))
        verdict = (Cell(f" {kind}", kind),) if kind is not None else ()
        lines.append((Cell(f"  {words.one_line(str(change))}"), *verdict))
    if len(moved) > _LISTED_AT_MOST:
        lines.append(line(f"  and {len(moved) - _LISTED_AT_MOST} more"))
    return Paragraph(tuple(lines))


def _counts(counts: Counter[Kind], judged: int, uncompared: int) -> Line:
    pieces = [Cell(f"{words.counted(judged + uncompared, 'case')}: ", "strong")]
    known = [kind for kind in words.SIGNS if counts[kind]]
    for n, kind in enumerate(known):
        pieces += [Cell(", " if n else ""), Cell(f"{counts[kind]} {kind}", kind)]
    if uncompared:
        pieces.append(Cell(f"{', ' if known else ''}{uncompared} not compared with a baseline"))
    elif not known:
        pieces.append(Cell("nothing was measured"))
    return tuple(pieces)
