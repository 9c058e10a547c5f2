"""A map of a plan: which layers are on tiles, which compute in INT8, which stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

from analog_bench.planning.plan_record import HOWS
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.energy_table import energy_text
from analog_bench.report.measured_on import source_line
from analog_bench.report.planned_results import HOW_LABELS, PlannedResult
from analog_bench.report.plots.chart import axis, colour, layer
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.table import Column, tabulate

_ROW_PIXELS, _ROOM_PIXELS = 22, 110
_OUTSIDE = "–"
_COLOURS: Mapping[str, str] = {"analog": "worst", "int8": "best", "digital": "line"}


def plan_map(contents: Contents, study: Judged, one: PlannedResult, metric: Metric) -> Figure:
    """Return what becomes of each layer: a column a block, a row a kind of layer."""
    values = []
    for name, how in one.assignment.items():
        block = words.block_of(name)
        part = name if block is None else name.partition(f".{block}.")[2]
        values.append(
            {"part": part, "block": block or _OUTSIDE, "how": HOW_LABELS[how], "layer": name}
        )
    parts = list(dict.fromkeys(value["part"] for value in values))
    known = [how for how in HOWS if one.count(how)]
    scale = {
        "domain": [HOW_LABELS[how] for how in known],
        "range": [colour(_COLOURS[how]) for how in known],
    }
    bare = {"labelLimit": 190, "ticks": False, "domain": False, "labelFontSize": 11}
    blocks = {"labelAngle": 0, "labelOverlap": True, "ticks": False, "domain": False}
    puts = [
        f"{one.count(how)} {'on tiles' if how == 'analog' else f'in {HOW_LABELS[how]}'}"
        for how in known
    ]
    layers = words.counted(len(one.assignment), "matrix multiplication")
    chosen = "" if one.plan.limit is None else _chosen(one.plan.limit, metric)
    return Figure(
        name=file_name(
            study.scope.model, study.scope.study, "layers", one.result.group, one.result.variant
        ),
        message=f"Of {layers}, the plan{chosen} puts {' and '.join(puts)}.",
        note=(
            f"{words.capitalised(one.result.group)}, {energy_text(one.nj)} nJ a token. A column "
            f"is a block; {_OUTSIDE} is outside of them. FP16 is digital as trained."
        ),
        source=source_line(contents, study, [one.result]),
        spec={
            "layer": [
                layer(
                    values,
                    {"type": "rect", "stroke": colour("paper")},
                    x=axis("block", "block", "ordinal", sort=None, axis=blocks),
                    y=axis("part", kind="nominal", sort=parts, axis=bare),
                    color=axis("how", kind="nominal", scale=scale),
                )
            ]
        },
        table=tabulate(
            list(one.assignment.items()),
            [
                (Column("layer"), lambda item: item[0]),
                (Column("becomes"), lambda item: HOW_LABELS[item[1]]),
            ],
        ),
        height=_ROOM_PIXELS + _ROW_PIXELS * len(parts),
        href=contents.link(one.result),
    )


def _chosen(limit: float, metric: Metric) -> str:
    verb = words.change_verb(metric, 2)
    return f" chosen to {verb} at most {words.amount_of(f'{limit:.3g}', metric)}"
