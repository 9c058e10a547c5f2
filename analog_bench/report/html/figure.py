"""A plot: what it says, what it is drawn from, and the drawing."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analog_bench.report.html.cells import Sheet
from analog_bench.report.html.theme import IN_FILES, ON_PAGE, Colours, config

WIDTH, HEIGHT = 380, 260
_FILE_WIDTH = 560
_TITLE_COLUMNS = 62
_LINE_PIXELS = 17
_PNG_SCALE = 2.0

# Vega makes every address complete. This one stands for the page, and is taken off again.
_HERE = "https://here.invalid/"

# A Vega-Lite specification in given colours, without its size, title and configuration.
Draw = Callable[[Colours], dict[str, Any]]


@dataclass(frozen=True)
class Figure:
    """A plot with one message.

    Attributes:
        name: For a file: letters, digits and `-`.
        message: What it says, one sentence taken from the data.
        note: How to read it.
        draw: What is drawn, in Vega-Lite's words.
        sheet: The same as numbers.
        width: Pixels of the picture.
        height: Likewise.
        href: Where the raw values of its message are; empty where its table has the links.
    """

    name: str
    message: str
    note: str
    draw: Draw
    sheet: Sheet
    width: int = WIDTH
    height: int = HEIGHT
    href: str = ""

    @property
    def svg(self) -> str:
        """The drawing for the page: in the page's colours and as wide as there is room."""
        spec = _sized(self, self.draw(ON_PAGE), ON_PAGE, self.width)
        drawn = _svg({**spec, "background": None}).replace(f"{_HERE}#", "#")
        # Sized by the style sheet; the view box keeps the proportions.
        return re.sub(r' width="\d+(\.\d+)?" height="\d+(\.\d+)?"', "", drawn, count=1)

    def specification(self) -> dict[str, Any]:
        """Return the whole Vega-Lite specification of the picture for a file, with its title."""
        spec = _sized(self, _unlinked(self.draw(IN_FILES)), IN_FILES, max(self.width, _FILE_WIDTH))
        title = {
            "text": textwrap.wrap(self.message, _TITLE_COLUMNS),
            "subtitle": textwrap.wrap(self.note, _TITLE_COLUMNS + 10),
        }
        # The title takes its room from the height.
        lines = len(title["text"]) + len(title["subtitle"])
        height = self.height + lines * _LINE_PIXELS
        return {**spec, "title": title, "height": height, "background": IN_FILES["paper"]}


def write_figures(figures: Iterable[Figure], folder: Path) -> list[Path]:
    """Write each figure as SVG and PNG.

    Args:
        figures: The figures.
        folder: Where to; made where missing.

    Returns:
        The files.

    Raises:
        OSError: One cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in figures:
        specification = figure.specification()
        svg, png = (folder / f"{figure.name}.{kind}" for kind in ("svg", "png"))
        svg.write_text(_svg(specification), encoding="utf-8")
        png.write_bytes(_png(specification))
        written += [svg, png]
    return written


def file_name(*parts: str) -> str:
    """Return a name for a figure's file: letters, digits, `.` and `-` alone, none of it hidden."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-.")
    return words[:120] or "figure"


def _sized(figure: Figure, spec: dict[str, Any], colours: Colours, width: int) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": figure.height,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": 8, "top": 4, "right": 8, "bottom": 4},
        **spec,
        "config": config(colours),
    }


def _unlinked(spec: Any) -> Any:
    """Return a specification without links, which lead nowhere from a file."""
    if isinstance(spec, dict):
        return {key: _unlinked(value) for key, value in spec.items() if key != "href"}
    return [_unlinked(value) for value in spec] if isinstance(spec, list) else spec


def _svg(spec: dict[str, Any]) -> str:
    # Not at the top: a page without plots needs no V8.
    import vl_convert

    linked = json.dumps(spec).replace('"href": "#', f'"href": "{_HERE}#')
    drawn: str = vl_convert.vegalite_to_svg(linked)
    return drawn


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert

    drawn: bytes = vl_convert.vegalite_to_png(json.dumps(spec), scale=_PNG_SCALE)
    return drawn
