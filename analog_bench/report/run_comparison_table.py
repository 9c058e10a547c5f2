"""A comparison of two runs: a table a family, what differs in how they were made, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analog_bench.gate.case_verdicts import Kind, Verdict
from analog_bench.gate.chip_change import RESOLUTION
from analog_bench.gate.run_comparison import Comparison, FamilyComparison
from analog_bench.records import Result
from analog_bench.report import estimates, words
from analog_bench.report.measured_on import examples_label
from analog_bench.report.table import Block, Cell, Column, Heading, Table, paragraph, tabulate

_ORDER = list(words.SIGNS)
_SILENT = ("equivalent", "skipped")


def comparison_table(comparison: Comparison, *, everything: bool = False) -> tuple[Block, ...]:
    """Return a comparison; equivalent and skipped cases are counted, and shown only if asked to."""
    families = (
        block
        for family in comparison.families
        if everything or _tells(family)
        for block in (Heading(_heading(family)), _table(family, everything))
    )
    return *families, paragraph(*_closing(comparison, everything))


def verdict_counts(comparison: Comparison) -> Counter[Kind]:
    """Return how often each verdict was given."""
    return Counter(verdict.kind for family in comparison.families for _, verdict in family.judged)


def _tells(family: FamilyComparison) -> bool:
    """Whether there is more to say of a family than how many cases were compared."""
    return any(
        map(_differs, (*(verdict for _, verdict in family.judged), *family.digital.values()))
    )


def _differs(verdict: Verdict) -> bool:
    # Where too few chips tell nothing, equal scores differ in nothing all the same.
    same = verdict.kind == "inconclusive" and abs(verdict.change or 0.0) <= RESOLUTION
    return verdict.kind not in _SILENT and not same


def _table(family: FamilyComparison, everything: bool) -> Table:
    metric = family.metrics[0]
    own = family.scope.margins.get(metric.name)
    why = f" ({words.one_line(own.reason)})" if own else ""

    def chips(pair: tuple[Result, Verdict]) -> str:
        verdict = pair[1]
        if verdict.change is None:
            return words.one_line(verdict.reason)
        return words.chips_compared(verdict)

    ranked = sorted(family.judged, key=lambda pair: _ORDER.index(pair[1].kind))
    return tabulate(
        [pair for pair in ranked if everything or _differs(pair[1])],
        [
            (Column("case", folds=True), lambda pair: words.one_line(pair[0].case_id)),
            (Column("change", right=True), lambda pair: estimates.change_text(pair[1], metric)),
            (Column("detects", right=True), lambda pair: words.detectable_text(pair[1], metric)),
            (Column("chips", folds=True), chips),
            (Column("verdict"), lambda pair: Cell(pair[1].kind, pair[1].kind)),
        ],
        notes=[
            _digital(family),
            f"Change of {words.metric_label(metric)} with its 95 % interval; "
            f"{words.margin_label(metric)} matters{why}. 'detects' is the smallest true loss that "
            "would have been suspected four times in five.",
        ],
    )


def _heading(family: FamilyComparison) -> str:
    scope = family.scope
    weights = "" if family.variant == "direct" else f", {words.with_weights(family.variant)}"
    named = words.one_line(f"{scope.study}: {words.model_label(scope.model)}{weights}")
    return f"{named}, {examples_label(scope)}"


def _digital(family: FamilyComparison) -> str:
    parts = [
        f"{words.metric_label(metric)} {verdict.kind}: {words.one_line(verdict.reason)}"
        for metric in family.metrics
        if (verdict := family.digital.get(metric.name)) is not None
    ]
    return f"digital: {'; '.join(parts) or 'judged with the direct weights only'}"


def _closing(comparison: Comparison, everything: bool) -> Iterator[str]:
    for name, (old, new) in comparison.changed.items():
        yield words.one_line(f"{name}: {old} -> {new}")
    gone = [words.one_line(f"{study} {case}") for study, case in comparison.gone]
    if gone:
        named = ", ".join(gone[:3]) + (" ..." if len(gone) > 3 else "")
        verb = "is" if len(gone) == 1 else "are"
        yield f"{words.counted(len(gone), 'case')} {verb} in the first run only: {named}"
    counts = verdict_counts(comparison)
    cases = words.counted(sum(counts.values()), "case")
    silent = not any(map(_tells, comparison.families))
    nothing = "nothing differs beyond the margins; " if silent else ""
    unseen = "; --all shows them" if silent and not everything and counts else ""
    yield f"{nothing}{cases}: {words.kinds_counted(counts)}{unseen}"
