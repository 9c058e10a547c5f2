"""The page of a run, and its plots as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analog_bench.report.page.chapters import answer, chapters, findings
from analog_bench.report.page.first_screen import first_screen
from analog_bench.report.page.html import rendered, write_html, writing
from analog_bench.report.plots.figure import Figure, write_figures
from analog_bench.report.report_contents import Contents


def page(contents: Contents) -> str:
    """Return a run as an HTML document.

    It holds everything it needs, and forbids the browser to fetch anything or to run any script but
    its own. Names, texts and reasons of the run are escaped.
    """
    made = chapters(contents)
    return rendered(
        "page.html",
        first=first_screen(contents, findings(contents, made)),
        answer=answer(made),
        chapters=made,
        manifest=contents.manifest,
    )


def write_page(path: Path, contents: Contents) -> None:
    """Write a run's page; the file is either the old one or the whole new one.

    It takes the place of an earlier page, and of no other file, unless that is empty.

    Raises:
        StoreError: It cannot be written.
    """
    write_html(path, lambda: page(contents))


def save_figures(folder: Path, contents: Contents) -> list[Path]:
    """Write every plot of the page as SVG, PNG, PDF and CSV, and return the files.

    Raises:
        StoreError: One cannot be written.
    """
    with writing("figures", folder):
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
