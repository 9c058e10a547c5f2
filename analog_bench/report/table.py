"""The table of a study: what each layer lost, drawn so that the profile is seen at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from analog_bench.gate.verdict import Verdict
from analog_bench.records import Identity, Metric, Result
from analog_bench.report.caption import caption, of_a_star, of_change
from analog_bench.report.columns import A_STAR, CHANGE, columns
from analog_bench.report.glyphs import glyphs
from analog_bench.report.layout import fitting, laid_out
from analog_bench.report.profile import profile


def layer_table(
    results: Sequence[Result],
    verdicts: Mapping[Identity, Verdict],
    metrics: Sequence[Metric],
    *,
    width: int,
    data: str = "",
    title: str = "",
    ascii_only: bool = False,
) -> Table:
    """Draw the table of one study on one model.

    One row a case, by depth; columns for whatever varies among the cases (noise, drift time, tile,
    hardware, weights). Columns of less importance are left out where the width is short. The worst
    layers are marked, and named in words below the table.

    Args:
        results: The study's results, at least one.
        verdicts: What tells a result apart to its verdict; cases without one show none.
        metrics: Metrics to show, the main one first: the drop, its bar, the marks, A* and the
            ranking are its.
        width: Columns of the terminal.
        data: The examples, for the sentence below the table, e.g. `96 embedded questions`.
        title: Heading; study and model by default.
        ascii_only: Draw with ASCII alone, for streams that are not UTF-8.

    Returns:
        The table, `width` columns wide at most (from about 50 on).

    Raises:
        ValueError: No results or no metrics.
    """
    if not results or not metrics:
        raise ValueError("a table needs results and metrics")
    glyph = glyphs(ascii_only)
    rows = profile(results, metrics)
    possible = columns(rows, verdicts, metrics, glyph)
    chosen = fitting(possible, width, glyph)
    explained = caption(rows, metrics, data, glyph)
    headers = {column.header for column in chosen}
    if A_STAR in headers:
        explained.append(f"\n{of_a_star(metrics[0], glyph)}")
    if CHANGE in headers:
        explained.append(f"\n{of_change(metrics[0])}")
    # There is one where anything was compared, whether it fits or not.
    if any(column.header == CHANGE for column in possible):
        explained.append("\nVerdicts are on the change since the baseline, not on the loss.")
    left_out = [column.header for column in possible if column.header not in {*headers, ""}]
    if left_out:
        explained.append(f"\nLeft out for want of width: {', '.join(left_out)}.")
    heading = title or f"{results[0].study}: {results[0].model}"
    return laid_out(chosen, heading, explained, ascii_only=ascii_only)
