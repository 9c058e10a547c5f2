"""`analog-bench board`: a leaderboard of models on hardware, as static pages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from analog_bench.commands.options import JsonOption, new_app, show_examples
from analog_bench.commands.output import print_blocks, print_json
from analog_bench.errors import UsageError

app = new_app()


@app.command(epilog=show_examples("board runs/bench-*.json -o site", "board runs -o site --json"))
def board(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="results files, or folders of them")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="where the pages go")
    ],
    as_json: JsonOption = False,
) -> None:
    """Rank models on hardware by what one day leaves of them, from any number of runs.

    It takes what was measured of a whole model, or of all its blocks, one day after programming;
    each metric has a list of its own.
    """
    # Not at the top: other verbs need no scipy.
    from analog_bench.report.as_json import board_plain
    from analog_bench.report.board import board_blocks, entries
    from analog_bench.report.page.board_site import write_board
    from analog_bench.report.report_contents import judged_contents
    from analog_bench.store.run_file import read_run, run_files

    paths = [path for given in runs for path in run_files(given)]
    named = {path.stem: path for path in paths}
    twice = [name for name, number in Counter(path.stem for path in paths).items() if number > 1]
    if twice:
        raise UsageError(f"two results files are called {twice[0]!r}; rename one of them")
    known = {name: read_run(path) for name, path in named.items()}
    found = entries(known)
    if not found:
        raise UsageError(
            "no run holds a whole model on tiles one day after programming whose digital model is "
            "known to be better than guessing; measure one with `pytest bench -k drift`"
        )
    pages = {name: judged_contents(run, None, f"{name}.json") for name, run in known.items()}
    index = write_board(output, found, named, pages)
    if as_json:
        print_json(board_plain(found))
    else:
        print_blocks(list(board_blocks(found, lambda entry: "")))
        print(f"board: {index}")
