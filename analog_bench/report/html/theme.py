"""Colours and type of the plots: by name on the page, where light and dark differ; fixed in files.

The three colours of weights are of Okabe and Ito's set ("Color Universal Design", 2008), which
readers with any kind of colour vision tell apart; shapes and labels say the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Colours = Mapping[str, str]

NAMES = (
    *("ink", "muted", "line", "paper"),
    *("digital", "direct", "hwa"),
    *("embedding", "norm", "matmul"),
    *("worst", "best"),
)

# The page's style sheet gives each name its value, twice.
ON_PAGE: Colours = {name: f"var(--{name})" for name in NAMES}

IN_FILES: Colours = {
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#dde1e6",
    "paper": "#ffffff",
    "digital": "#57606a",
    "direct": "#0072b2",
    "hwa": "#d55e00",
    "embedding": "#d55e00",
    "norm": "#009e73",
    "matmul": "#0072b2",
    "worst": "#d55e00",
    "best": "#0072b2",
}

# Measured with Liberation Sans, which is as wide as Arial and Helvetica.
_FONT = "Helvetica, Arial, Liberation Sans, sans-serif"


def config(colours: Colours) -> dict[str, Any]:
    """Return Vega-Lite's configuration for plots in these colours."""
    quiet = {"labelColor": colours["muted"], "titleColor": colours["ink"], "titleFontWeight": 400}
    sizes = {"labelFontSize": 12, "titleFontSize": 12}
    return {
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {
            **quiet,
            **sizes,
            "gridColor": colours["line"],
            "domainColor": colours["line"],
            "tickColor": colours["line"],
            "tickSize": 4,
            "labelPadding": 5,
            "titlePadding": 8,
        },
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
            "color": colours["ink"],
            "fontSize": 14,
            "fontWeight": 600,
            "anchor": "start",
            "frame": "bounds",
            "offset": 12,
            "subtitleColor": colours["muted"],
            "subtitleFontSize": 12,
        },
        "text": {"color": colours["ink"], "fontSize": 12},
    }
