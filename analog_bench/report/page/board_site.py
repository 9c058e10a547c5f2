"""The leaderboard as static pages: the board, and each run with its page and its results file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from analog_bench.atomic_file import write_atomic
from analog_bench.regular_file import read_regular
from analog_bench.report.board import Entry, board_figure, board_table, by_contest
from analog_bench.report.page.document import write_page
from analog_bench.report.page.html import rendered, write_html, writing
from analog_bench.report.report_contents import Contents

RUNS = "runs"


def write_board(
    folder: Path, found: Sequence[Entry], files: Mapping[str, Path], pages: Mapping[str, Contents]
) -> Path:
    """Write `index.html`, and below `runs/` a page and the results file of each run.

    Args:
        folder: Where it goes; an earlier board there is replaced, and nothing else.
        found: The entries, at least one, in their order.
        files: Name of a run to its results file.
        pages: Name of a run to what its page shows.

    Returns:
        The board's page.

    Raises:
        StoreError: Something cannot be written, or would replace what is no page.
    """

    def link(entry: Entry) -> str:
        contents = pages[entry.source]
        return f"{RUNS}/{entry.source}.html{contents.link(entry.result)}"

    figures = [board_figure(own, board_table(own, link)) for own in by_contest(found)]
    index = folder / "index.html"
    write_html(index, lambda: rendered("board.html", figures=figures))
    for name, contents in pages.items():
        write_page(folder / RUNS / f"{name}.html", contents)
        with writing("a results file", folder):
            write_atomic(folder / RUNS / f"{name}.json", read_regular(files[name]))
    return index
