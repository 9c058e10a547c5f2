"""What regressed in a run, family by family: for the first lines of a summary, and for issues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analog_bench.gate.verdict import Verdict
from analog_bench.records import Result
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.glyphs import glyphs
from analog_bench.report.labels import one_line, spelt_change, spelt_detectable
from analog_bench.report.markdown import escaped
from analog_bench.report.wording import counted

_GLYPH = glyphs(ascii_only=False)
_LISTED_AT_MOST = 40

WORDS = ("Regressed", "Broken")
"""What is said of a family; of several runs that disagree, the first one that any of them says."""


@dataclass(frozen=True)
class Regression:
    """What failed of one family: a model in a study.

    Attributes:
        study: The study on the model.
        cases: The cases that regressed or are broken, with their verdicts.
        digital: The verdicts on the digital model that fail.
    """

    study: Judged
    cases: tuple[tuple[Result, Verdict], ...]
    digital: tuple[Verdict, ...]

    @property
    def family(self) -> tuple[str, str]:
        """Model and study."""
        return self.study.scope.model, self.study.scope.study

    @property
    def name(self) -> str:
        """The family for a reader: `bert × layer_noise`."""
        return " × ".join(map(one_line, self.family))

    @property
    def word(self) -> str:
        """`Regressed`; `Broken` where nothing could be compared at all."""
        verdicts = [*self.digital, *(verdict for _, verdict in self.cases)]
        regressed, broken = WORDS
        return regressed if any(v.kind == "regressed" for v in verdicts) else broken

    @property
    def counted(self) -> str:
        """What failed, in numbers: `2 of 53 cases, 1 of them broken, the digital model`."""
        parts = []
        if self.cases:
            parts.append(f"{len(self.cases)} of {counted(len(self.study.results), 'case')}")
            broken = sum(verdict.kind == "broken" for _, verdict in self.cases)
            if 0 < broken < len(self.cases):
                parts.append(f"{broken} of them broken")
        return ", ".join([*parts, *(["the digital model"] if self.digital else [])])

    def lines(self) -> Iterator[str]:
        """Yield a table of the cases in Markdown, line by line."""
        for verdict in self.digital:
            yield f"**digital model: {escaped(one_line(verdict.reason))}**"
            yield ""
        if not self.cases:
            return
        yield "| case | verdict | change | detects | why |"
        yield "|---|---|---:|---:|---|"
        for result, verdict in self.cases[:_LISTED_AT_MOST]:
            cells = (
                one_line(result.case_id),
                verdict.kind,
                spelt_change(verdict, self.study.main, _GLYPH) or _GLYPH.absent,
                spelt_detectable(verdict, self.study.main) or _GLYPH.absent,
                one_line(verdict.reason),
            )
            yield "| " + " | ".join(map(escaped, cells)) + " |"
        yield ""
        if len(self.cases) > _LISTED_AT_MOST:
            yield f"... and {len(self.cases) - _LISTED_AT_MOST} more."
            yield ""


def regressions_of(contents: Contents) -> list[Regression]:
    """Return the families in which something regressed or is broken, the most cases first.

    Args:
        contents: A run with its verdicts.
    """
    found = []
    for study in contents.studies:
        cases = tuple(
            (result, verdict)
            for result in study.results
            if (verdict := study.outcome_of(result)) is not None and verdict.fails
        )
        digital = tuple(verdict for verdict in study.digital.values() if verdict.fails)
        if cases or digital:
            found.append(Regression(study, cases, digital))
    return sorted(found, key=lambda one: (-len(one.cases), one.family))


def environment_line(contents: Contents) -> str:
    """Say where a run was made, in one line: versions, device, commit, start."""
    manifest = contents.manifest
    known = manifest.environment
    named = [f"{name} {known[name]}" for name in ("aihwkit", "torch", "python") if known.get(name)]
    place = [str(known[name]) for name in ("device", "cpu") if known.get(name)]
    commit = [f"commit {manifest.commit[:9]}"] if manifest.commit else []
    return one_line(", ".join([*named, *place, *commit, manifest.created]))


def headline(found: Sequence[Regression], contents: Contents) -> str:
    """Return the first line of a summary: what regressed, or how many cases were compared.

    Args:
        found: What regressed.
        contents: The run.
    """
    if found:
        parts = []
        for word in WORDS:
            families = [f"{one.name} ({one.counted})" for one in found if one.word == word]
            if families:
                parts.append(f"{word}: {'; '.join(families)}")
        return ". ".join(parts)
    judged = [verdict for study in contents.studies for verdict in study.verdicts.values()]
    total = sum(len(study.results) for study in contents.studies)
    compared = sum(verdict.change is not None for verdict in judged)
    if not compared:
        return f"Nothing was compared with a baseline: {counted(total, 'case')}"
    return f"Nothing regressed: {compared} of {counted(total, 'case')} compared with a baseline"
