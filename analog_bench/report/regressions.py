"""What regressed in a run, family by family: for the first lines of a summary, and as issues."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analog_bench.gate.case_verdicts import Verdict
from analog_bench.records import Result
from analog_bench.report import estimates, words
from analog_bench.report.as_markdown import markdown
from analog_bench.report.report_contents import Contents, Judged, JudgedCase
from analog_bench.report.table import (
    SINCE,
    Block,
    Cell,
    Column,
    Heading,
    Paragraph,
    Table,
    number,
    paragraph,
    tabulate,
)

LISTED_AT_MOST = 40
WORDS = ("Regressed", "Broken")
"""What is said of a family; of several runs that disagree, the first one that any of them says."""

_MARK = "analog-bench-cases"
_MARK_DIGITS = 16
_LONGEST = 60_000  # GitHub takes 65,536 characters


@dataclass(frozen=True)
class Regression:
    """What failed of one family, a model in a study: cases, and verdicts on the digital model."""

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
        return " × ".join(map(words.one_line, self.family))

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
            parts.append(f"{len(self.cases)} of {words.counted(len(self.study.results), 'case')}")
            broken = sum(verdict.kind == "broken" for _, verdict in self.cases)
            if 0 < broken < len(self.cases):
                parts.append(f"{broken} of them broken")
        return ", ".join([*parts, *(["the digital model"] if self.digital else [])])

    def blocks(self) -> Iterator[Block]:
        """Yield what is wrong with the digital model, and the cases."""
        for verdict in self.digital:
            yield paragraph(f"digital model: {words.one_line(verdict.reason)}", role="strong")
        if self.cases:
            yield cases_table([(self.study, *pair) for pair in self.cases])


@dataclass(frozen=True)
class Issue:
    """An issue about one family, its body in Markdown.

    An open issue of the family is found again by its title, which is one of `titles`; the mark, a
    hidden line of the body, differs where other cases failed.
    """

    title: str
    titles: tuple[str, ...]
    body: str
    mark: str
    counted: str


def cases_table(cases: Sequence[JudgedCase], *, studies: bool = False) -> Table:
    """Return cases with their verdicts, the first 40 of them; with their studies if asked to."""
    study = Column("study"), lambda case: words.one_line(case[1].study)
    more = len(cases) - LISTED_AT_MOST
    return tabulate(
        cases[:LISTED_AT_MOST],
        [
            *([study] if studies else []),
            (Column("case", folds=True), lambda case: words.one_line(case[1].case_id)),
            (Column(SINCE), lambda case: Cell(case[2].kind, case[2].kind)),
            number("change", lambda case: estimates.change_text(case[2], case[0].main)),
            number("detects", lambda case: words.detectable_text(case[2], case[0].main)),
            (Column("why", folds=True), lambda case: words.one_line(case[2].reason)),
        ],
        notes=[f"... and {more} more."] if more > 0 else [],
    )


def regressions_of(contents: Contents) -> list[Regression]:
    """Return the families in which something regressed or is broken, the most cases first."""
    regressions = []
    for study in contents.studies:
        cases = tuple(
            (result, verdict)
            for result in study.results
            if (verdict := study.outcome_of(result)) is not None and verdict.fails
        )
        digital = tuple(verdict for verdict in study.digital.values() if verdict.fails)
        if cases or digital:
            regressions.append(Regression(study, cases, digital))
    return sorted(regressions, key=lambda one: (-len(one.cases), one.family))


def headline(regressions: Sequence[Regression], contents: Contents) -> str:
    """Return the first line of a summary: what regressed, or how many cases were compared."""
    if regressions:
        parts = []
        for word in WORDS:
            families = [f"{one.name} ({one.counted})" for one in regressions if one.word == word]
            if families:
                parts.append(f"{word}: {'; '.join(families)}")
        return ". ".join(parts)
    judged = [verdict for study in contents.studies for verdict in study.verdicts.values()]
    cases = words.counted(sum(len(study.results) for study in contents.studies), "case")
    compared = sum(verdict.change is not None for verdict in judged)
    if not compared:
        return f"Nothing was compared with a baseline: {cases}"
    return f"Nothing regressed: {compared} of {cases} compared with a baseline"


def issues_of(runs: Sequence[Contents], address: str = "") -> list[Issue]:
    """Return the issues that one night's runs call for, one a model and study.

    The address is that of the night's logs and files, where it is known.
    """
    families: dict[tuple[str, str], list[tuple[Contents, Regression]]] = {}
    for contents in runs:
        for regression in regressions_of(contents):
            families.setdefault(regression.family, []).append((contents, regression))
    return [_issue(of_family, address) for _, of_family in sorted(families.items())]


def _issue(of_family: Sequence[tuple[Contents, Regression]], address: str) -> Issue:
    name = of_family[0][1].name
    mark = _mark(of_family)
    body = f"{mark}\n{markdown(list(_blocks(of_family, address)))}"
    if len(body) > _LONGEST:
        body = body[:_LONGEST].rpartition("\n")[0] + "\n\n... cut here; the files have the rest.\n"
    words = {regression.word for _, regression in of_family}
    return Issue(
        title=next(f"{word}: {name}" for word in WORDS if word in words),
        titles=tuple(f"{word}: {name}" for word in WORDS),
        body=body,
        mark=mark,
        counted="; ".join(dict.fromkeys(regression.counted for _, regression in of_family)),
    )


def _blocks(of_family: Sequence[tuple[Contents, Regression]], address: str) -> Iterator[Block]:
    first = of_family[0][1]
    yield paragraph(f"{first.name}: {first.study.scope.question}")
    if address:
        yield Paragraph(((Cell("Last seen in "), Cell(address, href=address), Cell(".")),))
    for contents, regression in of_family:
        yield Heading(f"{regression.counted}, {contents.source}")
        yield paragraph(_environment(contents))
        yield from regression.blocks()
    advice = (
        Cell(
            "This text is written anew every night in which the family regresses. Where the change "
            "is wanted, store it with "
        ),
        Cell("analog-bench baselines update RUN", "code"),
        Cell(", and close the issue."),
    )
    yield Paragraph((advice,))


def _environment(contents: Contents) -> str:
    manifest = contents.manifest
    known = manifest.environment
    named = [f"{name} {known[name]}" for name in ("aihwkit", "torch", "python") if known.get(name)]
    place = [str(known[name]) for name in ("device", "cpu") if known.get(name)]
    commit = [f"commit {words.commit_label(manifest.commit)}"] if manifest.commit else []
    return words.one_line(", ".join([*named, *place, *commit, manifest.created]))


def _mark(of_family: Sequence[tuple[Contents, Regression]]) -> str:
    cases = sorted(
        {f"{result.case_id} {verdict.kind}" for _, r in of_family for result, verdict in r.cases}
        | {f"digital {verdict.metric}" for _, r in of_family for verdict in r.digital}
    )
    digest = hashlib.sha256("\n".join(cases).encode("utf-8", "replace")).hexdigest()
    return f"<!-- {_MARK} {digest[:_MARK_DIGITS]} -->"
