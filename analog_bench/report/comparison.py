"""A comparison of two runs: for a terminal, as Markdown, and as plain values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analog_bench.gate.comparison import Comparison, FamilyComparison
from analog_bench.gate.verdict import Verdict
from analog_bench.report.columns import VERDICT_STYLES
from analog_bench.report.glyphs import Glyphs, glyphs
from analog_bench.report.labels import (
    margin_label,
    metric_label,
    one_line,
    spelt_change,
    spelt_detectable,
)
from analog_bench.report.markdown import escaped

_ORDER = list(VERDICT_STYLES)
_SILENT = ("equivalent", "skipped")
_HEADER = ("case", "change", "detects", "chips", "verdict")


def comparison_table(
    comparison: Comparison, *, everything: bool = False, ascii_only: bool = False
) -> RenderableType:
    """Draw a comparison for a terminal.

    Args:
        comparison: The comparison.
        everything: Show equivalent and skipped cases, too; they are only counted otherwise.
        ascii_only: Draw with ASCII alone.

    Returns:
        A table a family, what differs in how the runs were made, and counts.
    """
    glyph = glyphs(ascii_only)
    parts: list[RenderableType] = []
    for family in comparison.families:
        table = Table(title=Text(_heading(family), "bold"), title_justify="left", box=None)
        for n, header in enumerate(_HEADER):
            table.add_column(header, justify="left" if n in (0, 3, 4) else "right", overflow="fold")
        for cells, kind in _rows(family, glyph, everything):
            table.add_row(*map(Text, cells[:-1]), Text(cells[-1], VERDICT_STYLES[kind]))
        parts += [table, Text(f"{_digital_line(family)}\n{_margin(family)}\n")]
    parts += [Text(line) for line in _closing(comparison)]
    return Group(*parts)


def comparison_markdown(comparison: Comparison, *, everything: bool = False) -> str:
    """Return a comparison as Markdown, for a summary in continuous integration.

    Args:
        comparison: The comparison.
        everything: Show equivalent and skipped cases, too; they are only counted otherwise.
    """
    glyph = glyphs(ascii_only=False)
    lines: list[str] = []
    for family in comparison.families:
        lines += [f"### {escaped(_heading(family))}", ""]
        rows = list(_rows(family, glyph, everything))
        if rows:
            lines += ["| " + " | ".join(_HEADER) + " |", "|---|---:|---:|---|---|"]
            lines += ["| " + " | ".join(map(escaped, cells)) + " |" for cells, _ in rows]
            lines.append("")
        lines += [escaped(_digital_line(family)), "", escaped(_margin(family)), ""]
    lines += [escaped(line) + "  " for line in _closing(comparison)]
    return "\n".join(lines).rstrip() + "\n"


def comparison_plain(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values, for JSON."""
    return {
        "fails": comparison.fails,
        "counts": dict(_counts(comparison)),
        "changed": {name: list(pair) for name, pair in comparison.changed.items()},
        "gone": [case for _, case in comparison.gone],
        "families": [
            {
                "study": family.scope.study,
                "model": family.scope.model,
                "variant": family.variant,
                "cases": [
                    {"case_id": result.case_id, **asdict(verdict)}
                    for result, verdict in family.judged
                ],
                "digital": [asdict(verdict) for verdict in family.digital.values()],
            }
            for family in comparison.families
        ],
    }


def _rows(
    family: FamilyComparison, glyph: Glyphs, everything: bool
) -> Iterator[tuple[tuple[str, ...], Any]]:
    ranked = sorted(family.judged, key=lambda pair: _ORDER.index(pair[1].kind))
    for result, verdict in ranked:
        if everything or verdict.kind not in _SILENT:
            yield (
                (
                    one_line(result.case_id),
                    spelt_change(verdict, family.metrics[0], glyph) or glyph.absent,
                    spelt_detectable(verdict, family.metrics[0]) or glyph.absent,
                    _chips(verdict),
                    verdict.kind,
                ),
                verdict.kind,
            )


def _chips(verdict: Verdict) -> str:
    if verdict.change is None:
        return one_line(verdict.reason)
    chips = "confirmation" if verdict.looks > 1 else "initial"
    return f"{chips}, {'paired' if verdict.paired else 'unpaired'}"


def _heading(family: FamilyComparison) -> str:
    scope = family.scope
    weights = "" if family.variant == "direct" else f", {family.variant} weights"
    return one_line(f"{scope.study}: {scope.model}{weights}, {scope.examples} {scope.data}")


def _margin(family: FamilyComparison) -> str:
    metric = family.metrics[0]
    own = family.scope.margins.get(metric.name)
    why = f" ({one_line(own.reason)})" if own else ""
    return (
        f"Change of {metric_label(metric)} with its 95 % interval; {margin_label(metric)} "
        f"matters{why}. 'detects' is the smallest true loss that would have been suspected four "
        "times in five."
    )


def _digital_line(family: FamilyComparison) -> str:
    parts = []
    for metric in family.metrics:
        verdict = family.digital.get(metric.name)
        if verdict is not None:
            parts.append(f"{metric_label(metric)} {verdict.kind}: {one_line(verdict.reason)}")
    return f"digital: {'; '.join(parts) or 'judged with the direct weights only'}"


def _closing(comparison: Comparison) -> Iterator[str]:
    for name, (old, new) in comparison.changed.items():
        yield one_line(f"{name}: {old} -> {new}")
    gone = [one_line(f"{study} {case}") for study, case in comparison.gone]
    if gone:
        number = "1 case is" if len(gone) == 1 else f"{len(gone)} cases are"
        named = ", ".join(gone[:3]) + (" ..." if len(gone) > 3 else "")
        yield f"{number} in the first run only: {named}"
    counts = _counts(comparison)
    total = sum(counts.values())
    yield f"{total} cases: " + ", ".join(f"{counts[k]} {k}" for k in _ORDER if counts[k])


def _counts(comparison: Comparison) -> Counter[str]:
    return Counter(verdict.kind for family in comparison.families for _, verdict in family.judged)
