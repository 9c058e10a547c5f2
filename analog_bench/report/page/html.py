"""Pages: HTML documents of one file each, which fetch nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from analog_bench.atomic_file import check_target, write_atomic
from analog_bench.errors import StoreError, reason_of
from analog_bench.regular_file import is_free_for
from analog_bench.report.as_csv import csv_text
from analog_bench.report.plots.figure import Figure
from analog_bench.report.words import SIGNS, date_text

_MARK = b'<meta name="generator" content="analog_bench">'
_BREAKS = re.compile(r"(?<=[./:_=,])(?=[^\d\s])|(?<=[a-z])(?=[A-Z][A-Za-z]{8})")
_TEMPLATES = ("base.html", "board.html", "page.html", "parts.html")


def rendered(template: str, **values: Any) -> str:
    """Return a template of this package, filled in.

    The document holds everything it needs, and forbids the browser to fetch anything or to run any
    script but its own. Names, texts and reasons of runs are escaped.
    """
    environment = Environment(
        loader=DictLoader({name: _source(name) for name in _TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "date": date_text, "parted": parted}
    environment.globals["signs"] = dict(SIGNS)
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        # Of this package, not of a run: nothing else is taken as it is.
        style=Markup(_source("page.css")),
        script=Markup(script),
        digest=digest,
        drawn=lambda figure: Markup(figure.svg),
        packed=_packed,
        **values,
    )


def write_html(path: Path, html: Callable[[], str]) -> None:
    """Write a page; the file is either the old one or the whole new one.

    It takes the place of an earlier page, and of no other file, unless that is empty.

    Raises:
        StoreError: It cannot be written.
    """
    # Before anything is drawn, which takes longer.
    with writing("the report", path):
        check_target(path)
        if os.path.isfile(path) and not is_free_for(path, _MARK):
            raise StoreError(
                f"{str(path)!r} is there and is no report; it stays as it is: choose another file"
            )
    content = html()
    with writing("the report", path):
        write_atomic(path, content.encode("utf-8", "replace"))


@contextmanager
def writing(what: str, path: Path) -> Iterator[None]:
    """Turn what the system refuses into a `StoreError` that says what was being written."""
    try:
        yield
    except OSError as problem:
        raise StoreError(
            f"cannot write {what} to {str(path)!r}: {reason_of(problem)}; choose another place"
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
    """Escape a text, and let a long name break; a number stays whole."""
    return Markup("<wbr>").join(map(escape, re.split(_BREAKS, text)))


def _source(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
