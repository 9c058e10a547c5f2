"""A plot with its message and its table; drawn for the page, or written to files."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from analog_bench.records import Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.as_csv import csv_text
from analog_bench.report.measured_on import OVER_BOTH
from analog_bench.report.plots.chart import IN_FILES, SCHEMA, Spec, config, for_file, pdf, png, svg
from analog_bench.report.report_contents import Contents
from analog_bench.report.score_and_loss import loss_interval, score
from analog_bench.report.table import Column, Spelling, Table, linked, number

T = TypeVar("T")

WIDTH, HEIGHT = 380, 260
_FILE_WIDTH = 560
_TITLE_COLUMNS, _NOTE_COLUMNS = 70, 88
_LINE_PIXELS = 17
# Vega makes every address complete. This one stands for the page, and is taken off again.
_HERE = "https://here.invalid/"


@dataclass(frozen=True)
class Figure:
    """A plot with one message.

    Attributes:
        name: Of its files, without an ending.
        message: What it says, one sentence taken from the data.
        note: How to read it.
        source: What it rests on, as `measured_on.source_line` has it.
        spec: Vega-Lite's specification without size, title and configuration.
        table: The same as numbers.
        href: Where the raw values of its message are; empty where its table has the links.
    """

    name: str
    message: str
    note: str
    source: str
    spec: Spec
    table: Table
    width: int = WIDTH
    height: int = HEIGHT
    href: str = ""

    @cached_property
    def svg(self) -> str:
        """The drawing for the page: in the page's colours and as wide as there is room."""
        spec = json.dumps({**self._sized(self.width), "background": None})
        linked = json.loads(spec.replace('"href": "#', f'"href": "{_HERE}#'))
        drawn = svg(linked).replace(f"{_HERE}#", "#")
        # Sized by the style sheet; the view box keeps the proportions.
        return re.sub(r' width="\d+(\.\d+)?" height="\d+(\.\d+)?"', "", drawn, count=1)

    @cached_property
    def captioned(self) -> str:
        """The drawing for files, as SVG: with its message, its note and what it rests on."""
        wrapped = [textwrap.wrap(text, _NOTE_COLUMNS) for text in (self.note, self.source)]
        title = {
            "text": textwrap.wrap(self.message, _TITLE_COLUMNS),
            "subtitle": [line for lines in wrapped for line in lines],
        }
        # The title takes its room from the height.
        height = self.height + _LINE_PIXELS * sum(map(len, title.values()))
        spec = {**for_file(self._sized(max(self.width, _FILE_WIDTH))), "height": height}
        return svg({**spec, "title": title, "background": IN_FILES["paper"]})

    def write(self, folder: Path) -> list[Path]:
        """Write it as SVG, PNG and PDF, and its table as CSV, and return the files.

        Raises:
            OSError: One cannot be written.
        """
        contents = {
            "svg": self.captioned.encode("utf-8"),
            "png": png(self.captioned),
            "pdf": pdf(self.captioned),
            "csv": csv_text(self.table).encode("utf-8"),
        }
        files = []
        for kind, content in contents.items():
            files.append(folder / f"{self.name}.{kind}")
            files[-1].write_bytes(content)
        return files

    def _sized(self, width: int) -> Spec:
        return {
            "$schema": SCHEMA,
            "width": width,
            "height": self.height,
            "autosize": {"type": "fit", "contains": "padding"},
            "padding": {"left": 8, "top": 4, "right": 8, "bottom": 4},
            **self.spec,
            "config": config(),
        }


@dataclass(frozen=True)
class Selection:
    """The plots that a page has room for, and how many more are left."""

    figures: tuple[Figure, ...]
    left: int

    def note(self, one: str, many: str) -> str:
        """Say how many are not drawn, and where their numbers are; empty where all are."""
        if not self.left:
            return ""
        what = f"1 more {one} is" if self.left == 1 else f"{self.left} more {many} are"
        return f"{what} not drawn here; the numbers are among the raw values."


def select(by_study: Sequence[Sequence[T]], most: int, draw: Callable[[T], Figure]) -> Selection:
    """Draw what `choose` chooses."""
    chosen = choose(by_study, most)
    return Selection(tuple(map(draw, chosen)), sum(map(len, by_study)) - len(chosen))


def choose(by_study: Sequence[Sequence[T]], most: int) -> list[T]:
    """Choose from several studies in turn, so that a large one takes no place of the others.

    Each study's candidates come with the most important first, which is chosen in any case.
    """
    places = [(turn, n) for n, own in enumerate(by_study) for turn in range(len(own))]
    most = max(most, sum(1 for own in by_study if own))
    chosen = set(sorted(places)[:most])
    return [
        one for n, own in enumerate(by_study) for turn, one in enumerate(own) if (turn, n) in chosen
    ]


def score_column(
    contents: Contents, metric: Metric, header: str
) -> tuple[Column, Spelling[Result]]:
    """Return the column of results' scores, each with the way to its raw values."""
    return number(
        f"{header} {OVER_BOTH}",
        lambda r: linked(estimates.interval_text(score(r, metric), metric), contents.link(r)),
    )


def loss_column(contents: Contents, metric: Metric) -> tuple[Column, Spelling[Result]]:
    """Return the column of results' losses, each with the way to its raw values."""
    return number(
        f"{words.loss_label(metric)} (± over chips and examples)",
        lambda r: linked(estimates.loss_text(loss_interval(r, metric), metric), contents.link(r)),
    )


def write_figures(figures: Iterable[Figure], folder: Path) -> list[Path]:
    """Write each figure and its table into a folder, which is made where missing.

    Raises:
        OSError: One cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [file for figure in figures for file in figure.write(folder)]


def file_name(*parts: str) -> str:
    """Return a name for a figure's file: letters, digits, `.` and `-` alone, none of it hidden."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-.")
    return name[:120] or "figure"
