"""Maps of blocks: how coherent noise is, and how far that of one block reaches."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from analog_bench.records import Result
from analog_bench.report import words
from analog_bench.report.measured_on import source_line
from analog_bench.report.noise_travel import (
    Along,
    along,
    at_block,
    block_count,
    final_error,
    parts_at,
    source_block,
)
from analog_bench.report.plots.chart import Spec, axis, colour, layer
from analog_bench.report.plots.figure import Figure, file_name, loss_column
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.table import Cell, Column, Spelling, Table, linked, number, tabulate

_ROW_PIXELS, _ROOM_PIXELS = 26, 110


def coherence_map(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    """Return how coherent each noise is at each block: a row a condition."""
    values: list[dict[str, Any]] = []
    for result in results:
        for block in range(1, block_count(result)):
            found = at_block(result, block, "coherence")
            if found is not None:
                spelt = words.correlation_text(found.centre)
                value = {
                    "block": str(block),
                    "noise": words.noise_label(result.noise),
                    "text": spelt,
                }
                values.append({**value, "coherence": found.centre})
    means = {words.noise_label(r.noise): fmean(along(r, "coherence") or [0.0]) for r in results}
    most = max(means, key=lambda label: abs(means[label]))
    scale = {"scheme": "blueorange", "domain": [-1, 1], "domainMid": 0}
    color = axis("coherence", "cosine", scale=scale, legend={"gradientLength": 160})
    order = sorted(means, key=lambda label: -means[label])
    return Figure(
        name=file_name(study.scope.model, study.scope.study, "coherence"),
        message=(
            f"{most} is the most coherent: a cosine of {words.correlation_text(means[most])} on "
            "average between what a block makes and what it hands on."
        ),
        note=(
            "Mean over chips, of the median token. Independent noise has 0 and adds in squares, "
            "at 1 errors add up."
        ),
        source=source_line(contents, study, results),
        spec=_cells(values, "noise", order, color, "abs(datum.coherence) > 0.6"),
        table=figure_table(contents, results, "coherence"),
        height=_ROOM_PIXELS + _ROW_PIXELS * len(order),
    )


def source_map(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    """Return the error behind each block, a column, of noise in one block alone, a row."""
    values: list[dict[str, Any]] = []
    for result in results:
        for block in range(source_block(result) or 0, block_count(result)):
            error = 100 * parts_at(result, block).error.centre
            source = _source(result)
            spelt = {"text": f"{error:.3g}", "href": contents.link(result)}
            values.append({"block": str(block), "source": source, "error": error, **spelt})
    most = max(value["error"] for value in values)
    scale = {"scheme": "orangered", "domain": [0, most]}
    color = axis("error", "error of the stream (%)", scale=scale, legend={"gradientLength": 160})
    finals = {_source(r): final_error(r).centre for r in results}
    strongest = max(finals, key=lambda name: finals[name])
    order = [_source(result) for result in results]
    return Figure(
        name=file_name(
            study.scope.model, study.scope.study, "sources", words.noise_label(results[0].noise)
        ),
        message=(
            f"{words.noise_label(results[0].noise)}: noise in {strongest} alone leaves "
            f"most behind the last block, {100 * finals[strongest]:.3g} %."
        ),
        note=(
            "A row has noise in that block alone; columns are errors behind each block, of the "
            "median token, means over chips."
        ),
        source=source_line(contents, study, results),
        spec=_cells(values, "source", order, color, f"datum.error > {0.6 * most!r}"),
        table=_source_table(contents, study, results),
        height=_ROOM_PIXELS + _ROW_PIXELS * len(order),
    )


def _source_table(contents: Contents, study: Judged, results: Sequence[Result]) -> Table:
    def at(block: int) -> tuple[Column, Spelling[Result]]:
        return number(f"block {block}", lambda r: f"{100 * parts_at(r, block).error.centre:.3g}")

    blocks = range(block_count(results[0]))
    columns = [(Column("noise in"), _source), *map(at, blocks), loss_column(contents, study.main)]
    return tabulate(results, columns)


def _source(result: Result) -> str:
    return words.group_label(result.group)


def _cells(
    values: Sequence[dict[str, Any]], rows: str, order: Sequence[str], color: Spec, deep: str
) -> Spec:
    """Return a map of coloured cells with their numbers on them."""
    x = axis("block", "block", "ordinal", sort=None, axis={"labelAngle": 0})
    bare = {"labelLimit": 190, "ticks": False, "domain": False, "labelFontSize": 11}
    y = axis(rows, kind="nominal", sort=list(order), axis=bare)
    # On the colours of the cells, which are the same in light and dark.
    ink = {"condition": {"test": deep, "value": "#ffffff"}, "value": "#1b1f24"}
    href = {"field": "href"}
    return {
        "layer": [
            layer(values, {"type": "rect", "stroke": colour("paper")}, x=x, y=y, color=color),
            layer(
                values,
                {"type": "text", "fontSize": 11},
                x=x,
                y=y,
                text={"field": "text"},
                color=ink,
                href=href,
            ),
        ]
    }


def figure_table(contents: Contents, results: Sequence[Result], figure: Along) -> Table:
    """Return a figure of each condition, a row, at each block."""

    def at(block: int) -> tuple[Column, Spelling[Result]]:
        def spell(result: Result) -> Cell | str:
            found = at_block(result, block, figure)
            if found is None:
                return ""
            return linked(words.correlation_text(found.centre), contents.link(result))

        return number(f"block {block}", spell)

    blocks = range(block_count(results[0]))
    return tabulate(
        results,
        [(Column("noise"), lambda result: words.noise_label(result.noise)), *map(at, blocks)],
    )
