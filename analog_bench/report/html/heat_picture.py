"""The heat map as a picture, for files: on the page it is a table."""

from __future__ import annotations

from typing import Any

from analog_bench.report.html.cells import Cell, Sheet
from analog_bench.report.html.figure import Figure, file_name
from analog_bench.report.html.heat_map import HeatMap
from analog_bench.report.html.theme import Colours

_ROW_PIXELS = 15
_FURNITURE_PIXELS = 120
_LEVEL_AT_MOST = 3


def heat_picture(model: str, found: HeatMap) -> Figure:
    """Return the picture of a heat map.

    Args:
        model: The model it is of.
        found: The map.
    """
    values = [
        {"layer": row.layer, "condition": condition, "loss": cell.loss}
        for row in found.rows
        for condition, cell in zip(found.conditions, row.cells, strict=True)
        if cell.loss is not None
    ]

    def draw(colours: Colours) -> dict[str, Any]:
        angle = 0 if len(found.conditions) <= _LEVEL_AT_MOST else -40
        return {
            "data": {"values": values},
            "mark": {"type": "rect", "stroke": colours["paper"]},
            "encoding": {
                "x": {
                    "field": "condition",
                    "type": "nominal",
                    "sort": list(found.conditions),
                    "title": None,
                    "axis": {"labelAngle": angle, "labelLimit": 260},
                },
                "y": {
                    "field": "layer",
                    "type": "nominal",
                    "sort": [row.layer for row in found.rows],
                    "title": None,
                    "axis": {"labelLimit": 260, "labelFontSize": 11},
                },
                "color": {
                    "field": "loss",
                    "type": "quantitative",
                    "title": found.loss,
                    # The page's scale, which a margin above every loss keeps pale.
                    "scale": {
                        "type": "sqrt",
                        "scheme": "orangered",
                        "domainMin": 0,
                        "domainMax": found.end,
                        "clamp": True,
                    },
                    "legend": {"gradientLength": 200, "titleOrient": "top"},
                },
            },
        }

    return Figure(
        name=file_name(model, "heat-map"),
        message=found.message,
        note=found.note,
        draw=draw,
        sheet=Sheet(
            ("layer", *found.conditions),
            tuple((Cell(row.layer), *(heat.cell for heat in row.cells)) for row in found.rows),
        ),
        height=_ROW_PIXELS * len(found.rows) + _FURNITURE_PIXELS,
    )
