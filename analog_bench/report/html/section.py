"""A part of a model's chapter. A new kind of content is a module that returns one of these."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.report.html.figure import Figure
from analog_bench.report.html.heat_map import HeatMap
from analog_bench.report.html.writing import Writing


@dataclass(frozen=True)
class Section:
    """A part of a chapter.

    Attributes:
        title: Its heading.
        lead: What it says, in a sentence or two; empty where the plots say it.
        heat_map: Layers and conditions as coloured numbers; None where it has none.
        figures: Plots.
        writings: Texts side by side.
    """

    title: str
    lead: str = ""
    heat_map: HeatMap | None = None
    figures: tuple[Figure, ...] = ()
    writings: tuple[Writing, ...] = ()
