"""`analog-bench nas`: which architectures analog hardware leaves most of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analog_bench.commands.nas_mobilebert import EXAMPLES, mobilebert
from analog_bench.commands.options import (
    JsonOption,
    need_packages,
    new_app,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json, show_progress
from analog_bench.tasks.data_folder import ANALOGNAS_FILE, DATA_VARIABLE

app = new_app(
    "Rank architectures by what analog hardware leaves of them.",
    "nas analognas-bench --measured 50",
    "nas mobilebert --trials 40",
)
app.command(epilog=EXAMPLES)(mobilebert)
_MEASURED = (50, 100, 200, 500)


@app.command(
    epilog=show_examples(
        "nas analognas-bench",
        "nas analognas-bench --measured 50 --measured 100 --repeats 5",
        "nas analognas-bench --json",
    )
)
def analognas_bench(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="AnalogNAS-Bench's table, CSV or CSV.gz (default: "
            f"${DATA_VARIABLE}/{ANALOGNAS_FILE})",
        ),
    ] = None,
    measured: Annotated[
        list[int] | None,
        whole_number(
            "cells that the surrogate learns from, repeatable (default: "
            f"{', '.join(map(str, _MEASURED))})",
            least=10,
        ),
    ] = None,
    repeats: Annotated[int, whole_number("other halves of the classes, other cells")] = 20,
    seed: Annotated[int, whole_number("what they are drawn from", least=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Score surrogates on AnalogNAS-Bench: from some cells, the rank of all others.

    Cells that compute the same are never on both sides. Takes minutes.
    """
    need_packages("a surrogate", "nas", "sklearn")
    from analog_bench.planning.analognas_data import default_file, read_analognas_bench

    counts = sorted(set(measured or _MEASURED))
    path = data or default_file()
    scores = read_analognas_bench(path)
    # Only now, since importing it takes seconds: what is wrong above is told before that.
    from analog_bench.planning.cell_ranking import ENCODINGS, TARGETS, ceiling, score_rankings
    from analog_bench.planning.nas_cells import canonical_classes
    from analog_bench.report.cell_ranking_table import (
        ranking_as_plain,
        ranking_tables,
        repeats_as_plain,
    )
    from analog_bench.report.table import Heading

    classes = canonical_classes(scores.cells)
    rankings = score_rankings(scores, classes, counts, repeats, seed)
    total = len(TARGETS) * (1 + len(counts) * len(ENCODINGS))
    found = list(show_progress("ranking", rankings, total))
    ceilings = {one: ceiling(getattr(scores, one), classes, repeats, seed) for one in TARGETS}
    kinds = len(set(classes.tolist()))
    if as_json:
        print_json(
            {
                "data": str(path),
                "cells": len(scores.cells),
                "classes": kinds,
                "repeats": repeats,
                "seed": seed,
                "rankings": [ranking_as_plain(one) for one in found],
                "equal_cells_tau": {one: repeats_as_plain(tau) for one, tau in ceilings.items()},
            }
        )
        return
    heading = (
        f"AnalogNAS-Bench: {len(scores.cells):,} cells that compute {kinds:,} different things"
    )
    print_blocks((Heading(heading), *ranking_tables(found, ceilings)))
