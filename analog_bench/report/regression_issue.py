"""An issue a family that regressed: its title, its text, and whether a stored one says the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analog_bench.report.contents import Contents
from analog_bench.report.markdown import escaped
from analog_bench.report.regressions import WORDS, Regression, environment_line, regressions_of

_MARK = "analog-bench-cases"
_DIGITS = 16
_LONGEST = 60_000  # GitHub takes 65,536 characters


@dataclass(frozen=True)
class Issue:
    """What to say of one family.

    Attributes:
        title: The family, after `Regressed`, or `Broken` where nothing of it could be compared.
        titles: Every title that an open issue of this family may have: how it is found again.
        body: Markdown.
        mark: A hidden line of the body that differs where other cases failed.
        counted: What failed, in numbers.
    """

    title: str
    titles: tuple[str, ...]
    body: str
    mark: str
    counted: str


def issues_of(runs: Sequence[Contents], address: str = "") -> list[Issue]:
    """Return the issues that runs of one night call for, one a model and study.

    Args:
        runs: The runs with their verdicts, such as those of several environments.
        address: Where the night's logs and files are; empty where that is not known.
    """
    families: dict[tuple[str, str], list[tuple[Contents, Regression]]] = {}
    for contents in runs:
        for found in regressions_of(contents):
            families.setdefault(found.family, []).append((contents, found))
    return [_issue(found, address) for _, found in sorted(families.items())]


def _issue(found: Sequence[tuple[Contents, Regression]], address: str) -> Issue:
    name = found[0][1].name
    counted = "; ".join(dict.fromkeys(regression.counted for _, regression in found))
    mark = _mark(found)
    body = "\n".join([mark, *_lines(found, address)]).rstrip() + "\n"
    if len(body) > _LONGEST:
        body = body[:_LONGEST].rpartition("\n")[0] + "\n\n... cut here; the files have the rest.\n"
    words = {regression.word for _, regression in found}
    titles = tuple(f"{word}: {name}" for word in WORDS)
    title = next(f"{word}: {name}" for word in WORDS if word in words)
    return Issue(title, titles, body, mark, counted)


def _lines(found: Sequence[tuple[Contents, Regression]], address: str) -> Iterator[str]:
    question = found[0][1].study.scope.question
    yield f"{escaped(found[0][1].name)}: {escaped(question)}"
    yield ""
    if address:
        yield f"Last seen in {address}."
        yield ""
    for contents, regression in found:
        yield f"### {escaped(regression.counted)}, {escaped(contents.source)}"
        yield ""
        yield escaped(environment_line(contents))
        yield ""
        yield from regression.lines()
    yield "This text is written anew every night in which the family regresses. Where the change is"
    yield "wanted, store it with `analog-bench baselines update RUN`, and close the issue."


def _mark(found: Sequence[tuple[Contents, Regression]]) -> str:
    cases = sorted(
        {f"{result.case_id} {verdict.kind}" for _, r in found for result, verdict in r.cases}
        | {f"digital {verdict.metric}" for _, r in found for verdict in r.digital}
    )
    digits = hashlib.sha256("\n".join(cases).encode("utf-8", "replace")).hexdigest()[:_DIGITS]
    return f"<!-- {_MARK} {digits} -->"
