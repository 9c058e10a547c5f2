"""A run in Markdown, for the summary of a CI job: what failed comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from analog_bench.gate.verdict import Verdict
from analog_bench.records import Result
from analog_bench.report.columns import VERDICT_STYLES
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.glyphs import glyphs
from analog_bench.report.labels import amount, metric_label, one_line, spelt_change
from analog_bench.report.markdown import escaped
from analog_bench.report.profile import profile, worst
from analog_bench.report.wording import counted, names_within

_LISTED_AT_MOST = 40
_GLYPH = glyphs(ascii_only=False)


def step_summary(contents: Contents, *, failed: bool = True) -> str:
    """Return a run as Markdown.

    Args:
        contents: What to show.
        failed: Whether to list what failed; the summary of a night has that family by family.

    Returns:
        A heading with the counts; what failed, then what improved; what lost most; the digital
        scores; where the run was made.
    """
    judged = [
        (study, result, verdict)
        for study, result in contents.pairs
        if (verdict := study.outcome_of(result)) is not None
    ]
    lines = [f"## {escaped(_headline(contents, judged))}", ""]
    if failed:
        lines += _digital(contents)
        lines += _cases("Failed", [found for found in judged if found[2].fails])
    lines += _cases("Improved", [found for found in judged if found[2].kind == "improved"])
    lines += _worst(contents)
    lines += [escaped(line) for line in _made(contents)]
    return "\n".join(lines).rstrip() + "\n\n"


def _headline(contents: Contents, judged: Sequence[tuple[Judged, Result, Verdict]]) -> str:
    number = sum(len(study.results) for study in contents.studies)
    counts = Counter(verdict.kind for _, _, verdict in judged)
    uncompared = number - len(judged)
    # In the order of concern: regressions stand first.
    said = [f"{counts[kind]} {kind}" for kind in VERDICT_STYLES if counts[kind]]
    if uncompared:
        said.append(f"{uncompared} not compared")
    return f"{', '.join(said)} of {counted(number, 'case')}"


def _digital(contents: Contents) -> Iterator[str]:
    """Yield what is wrong with a digital model: nothing of it can then be compared."""
    failed = dict.fromkeys(
        f"{one_line(study.scope.model)} digital: {verdict.kind}: {one_line(verdict.reason)}"
        for study in contents.studies
        for verdict in study.digital.values()
        if verdict.fails
    )
    for line in failed:
        yield f"**{escaped(line)}**"
        yield ""


def _cases(heading: str, found: Sequence[tuple[Judged, Result, Verdict]]) -> Iterator[str]:
    if not found:
        return
    yield f"### {heading}"
    yield ""
    yield "| study | case | verdict | change | why |"
    yield "|---|---|---|---:|---|"
    for study, result, verdict in found[:_LISTED_AT_MOST]:
        cells = (
            one_line(result.study),
            one_line(result.case_id),
            verdict.kind,
            spelt_change(verdict, study.main, _GLYPH) or _GLYPH.absent,
            one_line(verdict.reason),
        )
        yield "| " + " | ".join(map(escaped, cells)) + " |"
    yield ""
    if len(found) > _LISTED_AT_MOST:
        yield f"... and {len(found) - _LISTED_AT_MOST} more."
        yield ""


def _worst(contents: Contents) -> Iterator[str]:
    rows = []
    for study in contents.studies:
        # A score that is not finite is not stored, and its results are broken.
        digital = next(
            (r.digital[study.main.name] for r in study.results if study.main.name in r.digital),
            None,
        )
        lost = worst(profile(study.measured, study.metrics), study.main)
        name = names_within(study.measured)
        named = [
            f"{name(row.result)} {amount(row.drops[study.main.name], study.main)}"
            for row in lost[:3]
        ]
        cells = (
            one_line(study.scope.model),
            one_line(study.scope.study),
            _GLYPH.absent
            if digital is None
            else f"{metric_label(study.main)} {amount(digital, study.main)}",
            str(len(study.measured)),
            ", ".join(named) or ("nothing beyond the margin" if study.measured else _GLYPH.absent),
        )
        rows.append("| " + " | ".join(map(escaped, cells)) + " |")
    if rows:
        yield "| model | study | digital | measured | loses most |"
        yield "|---|---|---:|---:|---|"
        yield from rows
        yield ""


def _made(contents: Contents) -> Iterator[str]:
    known = contents.manifest.environment
    versions = [f"{name} {known[name]}" for name in ("aihwkit", "torch") if known.get(name)]
    parts = [*versions, f"seed {contents.manifest.seed}"]
    if contents.manifest.commit:
        parts.append(f"commit {contents.manifest.commit[:12]}")
    if contents.source:
        parts.append(contents.source)
    yield one_line(", ".join(parts))
