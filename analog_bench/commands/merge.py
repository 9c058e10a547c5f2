"""`analog-bench merge`: the shards of a run, joined and judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analog_bench.commands.options import JsonOption, check_baselines, new_app, show_examples
from analog_bench.commands.output import print_blocks, print_json, warn
from analog_bench.commands.runs import REGRESSED
from analog_bench.errors import UsageError
from analog_bench.spelling import counted

app = new_app()


@app.command(
    epilog=show_examples(
        "merge shards -o runs/bench-merged.json", "merge shards/*.json -o merged.json --json"
    )
)
def merge(
    shards: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="results files of all shards, or folders of them"),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="where the run goes, .json")
    ],
    baselines: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="what to compare with (default: what the shards were to be)"
        ),
    ] = None,
    extension: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="noises and simulators of your own, as pytest had them"),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Join the shards of a run into one run file, and judge it as the run would have been.

    The exit code is 1 where something regressed or is broken.
    """
    # Not at the top: other verbs need no scipy.
    from analog_bench.gate.run_verdicts import outcomes
    from analog_bench.report.as_json import merged_plain
    from analog_bench.report.run_summary import incomplete_line, run_summary
    from analog_bench.report.run_tables import run_tables
    from analog_bench.session.extension import load_extension
    from analog_bench.session.run_conclusion import conclude_merged
    from analog_bench.store.merged_run import ShardFile, merge_shards
    from analog_bench.store.run_file import check_replaceable, read_run, run_files, write_run

    if output.suffix != ".json":
        raise UsageError(f"--output must name a file that ends in .json, found {str(output)!r}")
    check_baselines(baselines)
    for file in extension or ():
        load_extension(file)
    files = [file for path in shards for file in run_files(path)]
    run = merge_shards(ShardFile(file, read_run(file)) for file in files)
    check_replaceable(output, run.manifest)
    write_run(output, run)
    concluded = conclude_merged(run, output, baselines)
    if as_json:
        print_json(merged_plain(run, concluded.judgement, output, concluded.failures))
    else:
        for tables in run_tables(run.groups, concluded.judgement):
            print_blocks(tables)
        judged = outcomes(run.groups, concluded.judgement)
        summary = run_summary(
            judged,
            groups=run.groups,
            uncompared=len(run.results) - len(judged),
            results_file=output,
            published=concluded.published,
            notes=concluded.unmet,
        )
        print_blocks([summary], soft_wrap=True)
    if run.incomplete is not None:
        warn(incomplete_line(run.incomplete, len(run.results)))
    if concluded.unconfirmed:
        named = ", ".join(f"{one.study} {one.case_id}" for one in concluded.unconfirmed)
        warn(
            f"{counted(len(concluded.unconfirmed), 'case')} look changed and were not measured on "
            "fresh chips, as the shards had other baselines; measure the shards again with these: "
            f"{named}"
        )
    return REGRESSED if concluded.failures else 0
