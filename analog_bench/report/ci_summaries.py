"""A run, and a night of runs, in Markdown for the summary of a CI job: failures come first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from analog_bench.gate.step_detection import Step
from analog_bench.history.score_series import Trend
from analog_bench.report import words
from analog_bench.report.as_markdown import markdown
from analog_bench.report.layer_losses import destroyed, worst
from analog_bench.report.propagation_table import propagation_table
from analog_bench.report.regressions import cases_table, headline, regressions_of
from analog_bench.report.report_contents import Contents, Judged, JudgedCase
from analog_bench.report.run_summary import incomplete_line
from analog_bench.report.score_and_loss import loss
from analog_bench.report.source_files import repository_label
from analog_bench.report.table import (
    Block,
    Cell,
    Column,
    Heading,
    Line,
    Paragraph,
    Table,
    line,
    number,
    paragraph,
    tabulate,
)
from analog_bench.report.trend_names import changes_text, score_name, step_text, steps_named
from analog_bench.report.waterfall_table import waterfall_tables

_OLDER_AT_MOST = 10
_WORST_NAMED = 3


def step_summary(contents: Contents) -> str:
    """Return a run as Markdown: counts, what failed, what improved, what lost most, where made."""
    return f"{markdown(list(_run(contents, failures=True)))}\n"


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

    Then come other trouble, the cases that failed family by family, the run's own summary, the
    steps of trends that the run of this id is a part of, and the files that were written.
    """
    regressions = regressions_of(contents)
    blocks: list[Block] = [Heading(headline(regressions, contents), level=1)]
    if trouble:
        blocks.append(paragraph(words.one_line(trouble), role="strong"))
    for regression in regressions:
        blocks += [Heading(regression.name, level=2), *regression.blocks()]
    blocks += _run(contents, failures=False)
    blocks += _history(trends, steps, run_id, nights)
    if files:
        written = tuple(line(words.one_line(str(path))) for path in files)
        blocks.append(Paragraph(written, bullets=True))
    return markdown(blocks)


def _run(contents: Contents, *, failures: bool) -> Iterator[Block]:
    judged = contents.judged
    yield Heading(_counts(contents, judged), level=2)
    if contents.incomplete is not None:
        yield paragraph(
            incomplete_line(contents.incomplete, len(list(contents.pairs))), role="strong"
        )
    if failures:
        for text in dict.fromkeys(_digital_failures(contents)):
            yield paragraph(text, role="strong")
        yield from _cases("Failed", [case for case in judged if case[2].fails])
    yield from _cases("Improved", [case for case in judged if case[2].kind == "improved"])
    if contents.studies:
        yield _losses(contents)
    for study in contents.studies:
        yield from waterfall_tables(study.measured, study.main)
        yield from propagation_table(study.measured, study.main)
    yield paragraph(_made(contents))


def _counts(contents: Contents, judged: Sequence[JudgedCase]) -> str:
    number = sum(len(study.results) for study in contents.studies)
    counts = Counter(verdict.kind for _, _, verdict in judged)
    rest = f"{number - len(judged)} not compared" if number > len(judged) else ""
    parts = filter(None, [words.kinds_counted(counts), rest])
    return f"{', '.join(parts)} of {words.counted(number, 'case')}"


def _digital_failures(contents: Contents) -> Iterator[str]:
    for study in contents.studies:
        for verdict in study.digital.values():
            if verdict.fails:
                model = words.model_label(study.scope.model)
                yield f"{model} digital: {verdict.kind}: {words.one_line(verdict.reason)}"


def _cases(heading: str, cases: Sequence[JudgedCase]) -> Iterator[Block]:
    if cases:
        yield Heading(heading)
        yield cases_table(cases, studies=True)


def _losses(contents: Contents) -> Table:
    def digital(study: Judged) -> str:
        # A score that is not finite is not stored, and its results are broken.
        known = (r.digital for r in study.results if study.main.name in r.digital)
        return words.scores_text(next(known, {}), [study.main])

    def loses_most(study: Judged) -> str:
        if study.guesses:
            return study.guesses
        name, gone = words.names_among(study.measured), destroyed(study.measured, study.main)
        named = [f"{len(gone)} no better than guessing"] if gone else []
        named += [
            f"{name(result)} {words.loss_amount(loss(result, study.main), study.main)}"
            for result in worst(study.measured, study.main)[:_WORST_NAMED]
        ]
        return ", ".join(named) or ("nothing beyond the margin" if study.measured else words.ABSENT)

    return tabulate(
        contents.studies,
        [
            (Column("model"), lambda study: words.model_label(study.scope.model)),
            (Column("study"), lambda study: words.one_line(study.scope.study)),
            number("digital", digital),
            number("measured", lambda study: str(len(study.measured))),
            (Column("loses most", folds=True), loses_most),
        ],
    )


def _made(contents: Contents) -> str:
    known = contents.manifest.environment
    versions = [f"{name} {known[name]}" for name in ("aihwkit", "torch") if known.get(name)]
    parts = [*versions, f"seed {contents.manifest.seed}"]
    if contents.manifest.commit:
        parts.append(f"commit {words.commit_label(contents.manifest.commit)}")
    parts.append(repository_label(contents.manifest))
    return words.one_line(", ".join(filter(None, [*parts, contents.source])))


def _history(
    trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]], run_id: str, nights: int
) -> Iterator[Block]:
    listed = [
        named
        for named in steps_named(trends, steps)
        if any(point.run.run_id == run_id for point in named[1].points)
    ]
    number = words.counted(len(listed), "step") if listed else "no steps"
    yield Heading(f"History: {words.counted(nights, 'run')}, {number} in these cases", level=2)
    if not listed:
        return
    lines: list[Line] = []
    older = 0
    for name, trend, step in listed:
        this = trend.points[step.at].run.run_id == run_id
        older += not this
        if this or older <= _OLDER_AT_MOST:
            lines.append(line(_step(name, trend, step, this=this), "strong" if this else ""))
    if older > _OLDER_AT_MOST:
        more = Cell(f"and {older - _OLDER_AT_MOST} older ones: ")
        lines.append((more, Cell("analog-bench history", "code"), Cell(" shows them")))
    yield Paragraph(tuple(lines), bullets=True)


def _step(name: str, trend: Trend, step: Step, *, this: bool) -> str:
    now, before = trend.points[step.at].run, trend.points[step.at - 1].run
    when = "with this run" if this else f"since {words.date_text(now.created)}"
    return (
        f"{step_text(step, trend.metric)} {when}: {score_name(trend)} of {name}; what else changed "
        f"then: {changes_text(now, before)}"
    )
