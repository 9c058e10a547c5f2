"""What results rest on, in words: how many examples, and whether chips are enough to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from analog_bench.gate.example_scores import example_scores
from analog_bench.gate.pigeonhole_bootstrap import FEWEST_EXAMPLES
from analog_bench.gate.significance import FEWEST_CHIPS
from analog_bench.records import Metric, Result, Scope
from analog_bench.report import words
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.words import counted, metric_label, one_line

_PLURALS = re.compile(r"^texts\b|\b(?:questions|blocks)$")


OVER_BOTH = "± over chips (± over chips and examples)"
"""What stands in a column's heading where no sentence says it."""


def interval_note(results: Iterable[Result], metrics: Sequence[Metric]) -> str:
    """Say what ± is, of scores in these metrics, and which of them have it over chips alone.

    Or that there is none, for too few chips; empty for one chip each.
    """
    known = list(results)
    several = [result for result in known if len(result.initial_chips) >= FEWEST_CHIPS]
    if not several:
        two = any(len(result.initial_chips) == 2 for result in known)
        return "2 chips: too few for an interval." if two else ""
    shown = [metric for metric in metrics if any(metric.name in r.scored for r in several)]
    with_examples = [m for m in shown if any(_has_examples(result, m) for result in several)]
    asked = _asked(several)
    if not with_examples:
        return f"± is half the 95 % interval over chips, for these very examples.{asked}"
    note = "± is half the 95 % interval over chips (in brackets over chips and examples)."
    lacking = [metric_label(metric) for metric in shown if metric not in with_examples]
    if lacking:
        verb = "is no mean" if len(lacking) == 1 else "are no means"
        note += f" {' and '.join(lacking)} {verb} over examples: over chips alone."
    return f"{note}{asked}"


def too_few_chips(results: Iterable[Result]) -> int:
    """Return how many chips results have at most, where none has enough for an interval; else 0."""
    most = max((len(result.initial_chips) for result in results), default=0)
    return most if most < FEWEST_CHIPS else 0


def _asked(results: Sequence[Result]) -> str:
    """Say that chips were added until a precision was reached, and what ± is then."""
    targets = {str(result.target) for result in results if result.target is not None}
    if not targets:
        return ""
    return (
        f" Chips were added until it was within {' or '.join(sorted(targets))} (margins, or a "
        "share of the loss) or all of the budget's were measured; it is wider for that."
    )


def examples_label(scope: Scope) -> str:
    """Return what was measured on: `96 embedded questions`, `1 embedded question`."""
    data = one_line(scope.data)
    if scope.examples == 1:
        data = _PLURALS.sub(lambda plural: plural[0][:-1], data)
    return f"{scope.examples} {data}"


def source_line(contents: Contents, study: Judged, results: Sequence[Result]) -> str:
    """Say what a picture rests on, wherever it travels: model, data, chips, hardware, versions.

    Of the condition it names what all the results share.
    """
    most = max((len(result.initial_chips) for result in results), default=0)
    parts = [
        words.model_label(study.scope.model),
        examples_label(study.scope),
        counted(most, "chip"),
        words.shared_condition(results),
        versions_label(contents),
    ]
    return " · ".join(filter(None, parts))


def versions_label(contents: Contents) -> str:
    """Return which versions a run was measured with: `analog_bench 0.1.0, aihwkit 1.1.0`."""
    known = contents.manifest.environment
    packages = {"analog_bench": "analog-bench", "aihwkit": "aihwkit"}
    return ", ".join(
        one_line(f"{name} {known[package]}")
        for name, package in packages.items()
        if known.get(package)
    )


def _has_examples(result: Result, metric: Metric) -> bool:
    of = example_scores(result, metric.name)
    return of is not None and of.examples >= FEWEST_EXAMPLES
