"""The page: one HTML document that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from itertools import takewhile
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from analog_bench.atomic_file import check_target, write_atomic
from analog_bench.errors import StoreError
from analog_bench.regular_file import open_regular
from analog_bench.report.as_csv import csv_text
from analog_bench.report.page.chapters import chapters, findings
from analog_bench.report.page.first_screen import first_screen
from analog_bench.report.plots.figure import Figure, write_figures
from analog_bench.report.report_contents import Contents
from analog_bench.report.words import SIGNS, date_text

_TEMPLATES = ("page.html", "parts.html")


def page(contents: Contents) -> str:
    """Return a run as an HTML document.

    It holds everything it needs, and forbids the browser to fetch anything or to run any script but
    its own. Names, texts and reasons of the run are escaped.
    """
    made = chapters(contents)
    sources = {name: _source(name) for name in (*_TEMPLATES, "page.css", "page.js")}
    environment = Environment(
        loader=DictLoader({name: sources[name] for name in _TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "date": date_text, "parted": parted}
    environment.globals["signs"] = dict(SIGNS)
    script = sources["page.js"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        first=first_screen(contents, findings(made)),
        chapters=made,
        manifest=contents.manifest,
        # Of this package, not of the run: nothing else is taken as it is.
        style=Markup(sources["page.css"]),
        script=Markup(script),
        digest=digest,
        drawn=lambda figure: Markup(figure.svg),
        packed=_packed,
    )


def write_page(path: Path, contents: Contents) -> None:
    """Write a run's page; the file is either the old one or the whole new one.

    It takes the place of an earlier page, and of no other file, unless that is empty.

    Raises:
        StoreError: It cannot be written.
    """
    # Before anything is drawn, which takes longer.
    with _writing("the report", path):
        check_target(path)
        if os.path.isfile(path) and path.stat().st_size and not _is_page(path):
            raise StoreError(
                f"{str(path)!r} is there and is no report; it stays as it is: choose another file"
            )
    html = page(contents)
    with _writing("the report", path):
        write_atomic(path, html.encode("utf-8", "replace"))


def _is_page(path: Path) -> bool:
    """Return whether a file is a page of a run."""
    with open_regular(path) as file:
        return b'<meta name="generator" content="analog_bench">' in file.read(4096)


def save_figures(folder: Path, contents: Contents) -> list[Path]:
    """Write every plot of the page as SVG, PNG, PDF and CSV, and return the files.

    Raises:
        StoreError: One cannot be written.
    """
    with _writing("figures", folder):
        return write_figures(figures(contents), folder)


def figures(contents: Contents) -> tuple[Figure, ...]:
    """Return every plot of the page, for files, each under a name of its own."""
    named: dict[str, Figure] = {}
    for figure in (figure for chapter in chapters(contents) for figure in chapter.figures):
        name, n = figure.name, 1
        # Some file systems do not tell capitals from small letters.
        while name.lower() in named:
            n += 1
            name = f"{figure.name}-{n}"
        named[name.lower()] = replace(figure, name=name)
    return tuple(named.values())


@contextmanager
def _writing(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise StoreError(
            f"cannot write {what} to {str(path)!r}: {why}; choose another place"
        ) from None


def parted(text: str, digital: str) -> tuple[str, str]:
    """Return how a text begins as far as the digital model's does, in whole words, and the rest."""
    pairs = zip(text, digital, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if not same == len(text) == len(digital):
        same = text.rfind(" ", 0, same + 1) + 1
    return text[:same], text[same:]


def _packed(figure: Figure) -> dict[str, str]:
    """Return what a figure of the page is saved as, compressed: it would else double the page."""
    contents = {"svg": figure.captioned, "csv": csv_text(figure.table)}
    return {
        kind: base64.b64encode(zlib.compress(content.encode("utf-8"), 9)).decode()
        for kind, content in contents.items()
    }


def _breakable(text: str) -> Markup:
    """Escape a text, and let a long name break behind its signs; a number stays whole."""
    return Markup("<wbr>").join(map(escape, re.split(r"(?<=[./:_=,])(?=[^\d\s])", text)))


def _source(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
