"""Pieces of Vega-Lite specifications: axes, marks, colours and type of all plots.

Colours have names, which the page's style sheet gives their values, for light and for dark;
`for_file` puts fixed ones in their place. The four colours of weights are of Okabe and Ito's set
("Color Universal Design", 2008), which readers with any kind of colour vision tell apart; shapes
and labels say the same again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Spec: TypeAlias = dict[str, Any]

IN_FILES: Mapping[str, str] = {
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#dde1e6",
    "paper": "#ffffff",
    "digital": "#57606a",
    "direct": "#0072b2",
    "calibrated": "#009e73",
    "hwa": "#d55e00",
    "embedding": "#d55e00",
    "norm": "#009e73",
    "matmul": "#0072b2",
    "worst": "#d55e00",
    "best": "#0072b2",
}
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
DASHES = [5, 4]

_KINDS = {"embedding": "diamond", "norm": "triangle-up", "matmul": "circle"}
# Measured with Liberation Sans, which is as wide as Arial and Helvetica.
_FONT = "Helvetica, Arial, Liberation Sans, sans-serif"


def colour(name: str) -> str:
    """Return a colour of `IN_FILES` by its name, as the page's style sheet has it."""
    return f"var(--{name})"


def axis(field: str, title: str | None = None, kind: str = "quantitative", **more: Any) -> Spec:
    """Return a channel that shows a field of the values."""
    return {"field": field, "type": kind, "title": title, **more}


def layer(values: Sequence[Mapping[str, Any]], mark: str | Spec, **encoding: Any) -> Spec:
    """Return a layer of one kind of mark; values with an `href` may link to raw values."""
    mark = {"type": mark} if isinstance(mark, str) else mark
    return {"data": {"values": list(values)}, "mark": mark, "encoding": encoding}


def points(size: int, opacity: float = 1.0) -> Spec:
    """Return the mark of filled points."""
    return {"type": "point", "filled": True, "size": size, "opacity": opacity}


def by_weights(weights: Sequence[str], **more: Any) -> Spec:
    """Return the channel that colours values by their weights: `direct`, `HWA`, and so on."""
    scale = {"domain": list(weights), "range": [colour(name.lower()) for name in weights]}
    return axis("weights", kind="nominal", scale=scale, **more)


def marks_at(values: Sequence[float], **more: Any) -> Spec:
    """Return the part of an axis that has marks at these values; Vega alone would pick a few."""
    return {"values": list(values), "tickCount": len(values), **more}


def log_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return the marks of a logarithmic axis: as many of each decade as have room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1,)):
        found = [step * 10.0**power for power in powers for step in steps]
        inside = [tick for tick in found if low <= tick <= high]
        if len(inside) <= most:
            break
    return inside


def by_kind() -> dict[str, Spec]:
    """Return the channels that tell kinds of layers apart: colour and shape."""
    colours, shapes = [colour(kind) for kind in _KINDS], list(_KINDS.values())
    return {
        name: axis("kind", kind="nominal", scale={"domain": list(_KINDS), "range": values})
        for name, values in (("color", colours), ("shape", shapes))
    }


def config() -> Spec:
    """Return Vega-Lite's configuration of all plots."""
    quiet = {"labelColor": colour("muted"), "titleColor": colour("ink"), "titleFontWeight": 400}
    sizes = {"labelFontSize": 12, "titleFontSize": 12}
    lines = {name: colour("line") for name in ("gridColor", "domainColor", "tickColor")}
    return {
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {**quiet, **sizes, **lines, "tickSize": 4, "labelPadding": 5, "titlePadding": 8},
        "axisQuantitative": {"tickCount": 5, "labelFlush": False},
        "legend": {
            **quiet,
            **sizes,
            "orient": "top",
            "title": None,
            "symbolSize": 70,
            "offset": 6,
            "columnPadding": 14,
        },
        "title": {
            "color": colour("ink"),
            "fontSize": 14,
            "fontWeight": 600,
            "anchor": "start",
            "frame": "bounds",
            "offset": 12,
            "subtitleColor": colour("muted"),
            "subtitleFontSize": 12,
        },
        "text": {"color": colour("ink"), "fontSize": 12},
    }


def for_file(spec: Spec) -> Spec:
    """Return a specification in fixed colours and without links, which lead nowhere from a file."""
    fixed = re.sub(r"var\(--(\w+)\)", lambda match: IN_FILES[match[1]], json.dumps(_unlinked(spec)))
    coloured: Spec = json.loads(fixed)
    return coloured


def svg(spec: Spec) -> str:
    """Draw a specification as SVG."""
    # Not at the top: most verbs need no V8.
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(json.dumps(spec))
    return drawn


def png(drawing: str) -> bytes:
    """Turn an SVG into PNG, two pixels for one."""
    import vl_convert

    drawn: bytes = vl_convert.svg_to_png(drawing, scale=2.0)
    return drawn


def pdf(drawing: str) -> bytes:
    """Turn an SVG into PDF, with its type as type."""
    import vl_convert

    drawn: bytes = vl_convert.svg_to_pdf(drawing)
    return drawn


def _unlinked(spec: Any) -> Any:
    if isinstance(spec, dict):
        return {key: _unlinked(value) for key, value in spec.items() if key != "href"}
    return [_unlinked(value) for value in spec] if isinstance(spec, list) else spec
