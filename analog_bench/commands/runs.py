"""The verbs that work on results files: `compare`, `report`, `baselines update`."""

from __future__ import annotations

import os
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analog_bench.commands.options import (
    JsonOption,
    MarkdownOption,
    check_baselines,
    new_app,
    refuse_together,
    show_examples,
)
from analog_bench.commands.output import print_blocks, print_json, warn
from analog_bench.errors import StoreError, UsageError
from analog_bench.spelling import counted

if TYPE_CHECKING:
    from analog_bench.store.run import Run

REGRESSED = 1
"""Exit code of `compare` and `merge` where something regressed or is broken."""
RUNS = Path("runs")
_PATTERN = "bench-*.json"

app = new_app()
baselines_app = new_app(
    "Keep what runs are compared with.", "baselines update runs/bench-20261124-031211.json"
)
app.add_typer(baselines_app, name="baselines")


@app.command(
    epilog=show_examples(
        "compare runs/before.json runs/after.json",
        "compare nightly/monday nightly/tuesday --markdown",
    )
)
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="results file, or a folder of them")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="results to judge, file or folder")],
    everything: Annotated[
        bool, typer.Option("--all", help="show equivalent and skipped cases, too")
    ] = False,
    as_json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> int:
    """Judge the results of one run against those of another.

    The exit code is 1 where something regressed or is broken.
    """
    refuse_together(json=as_json, markdown=markdown)
    # Not at the top: other verbs need no scipy.
    from analog_bench.gate.run_comparison import compare_runs
    from analog_bench.report.as_json import comparison_plain
    from analog_bench.report.as_markdown import markdown as in_markdown
    from analog_bench.report.run_comparison_table import comparison_table
    from analog_bench.store.run_file import read_runs

    runs = read_runs(old), read_runs(new)
    for path, run in zip((old, new), runs, strict=True):
        _warn_of_incomplete(path, run)
    comparison = compare_runs(*runs)
    if as_json:
        print_json(comparison_plain(comparison))
    elif markdown:
        print(in_markdown(comparison_table(comparison, everything=everything)), end="")
    else:
        print_blocks(comparison_table(comparison, everything=everything))
    return REGRESSED if comparison.fails else 0


@app.command(
    epilog=show_examples(
        "report",
        "report runs/bench-20261124-031211.json -o report.html --figures figures",
        "report nightly/tuesday --markdown",
        "report runs/bench-20261124-031211.json --latex",
        "report runs/bench-20261124-031211.json --json",
    )
)
def report(
    results: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help=f"results file, or a folder of them (default: the newest {RUNS / _PATTERN})",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="where the page goes (default: beside the results, with .html)",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="write each plot as SVG, PNG, PDF and CSV, too"),
    ] = None,
    baselines: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="what to compare with (default: what the run was compared with)"
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="print a summary in Markdown; write no page")
    ] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="print all tables in LaTeX; write no page")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run as one HTML page that opens anywhere."""
    # Not at the top: other verbs need no scipy.
    from analog_bench.gate.run_verdicts import judge_run
    from analog_bench.report.as_json import report_plain
    from analog_bench.report.as_latex import latex as in_latex
    from analog_bench.report.ci_summaries import step_summary
    from analog_bench.report.page.document import save_figures, write_page
    from analog_bench.report.report_contents import judged_contents
    from analog_bench.report.run_tables import run_tables
    from analog_bench.store.run_file import read_runs

    refuse_together(markdown=markdown, latex=latex, json=as_json)
    asked = {"--markdown": markdown, "--latex": latex, "--json": as_json}
    prints = next((option for option in asked if asked[option]), "")
    if prints and output is not None:
        raise UsageError(f"{prints} prints and writes no page; leave out --output")
    check_baselines(baselines)
    results = results or newest_run(RUNS)
    page = output or _page_beside(results)
    if not prints and _replaces_results(page, results):
        raise UsageError(
            f"the page would replace results in {str(page)!r}; name a file that ends in .html"
        )
    run = read_runs(results)
    judgement = judge_run(run, baselines or run.manifest.baselines)
    contents = judged_contents(run, judgement, results.name)
    if markdown:
        print(step_summary(contents), end="")
    elif as_json:
        print_json(report_plain(contents))
    elif latex:
        tables = chain.from_iterable(run_tables(run.groups, judgement))
        print(in_latex(list(tables)), end="")
    else:
        write_page(page, contents)
        print(f"report: {page}")
    if figures is not None:
        written = save_figures(figures, contents)
        note = f"figures: {counted(len(written), 'file')} in {figures}"
        # What is printed may be read by a program.
        print(note, file=sys.stderr if prints else sys.stdout)


@baselines_app.command(epilog=show_examples("baselines update runs/bench-20261124-031211.json"))
def update(
    results: Annotated[Path, typer.Argument(metavar="RUN", help="results file, or a folder")],
    root: Annotated[
        Path, typer.Option("--baselines", metavar="FOLDER", help="where they are stored")
    ] = Path("baselines"),
    as_json: JsonOption = False,
) -> None:
    """Store what finished runs measured, without measuring it again.

    pytest's --update-baselines also measures the fresh chips that confirm a suspicion.
    """
    from analog_bench.codec import plain
    from analog_bench.gate.run_verdicts import StoredBaselines, judge_groups
    from analog_bench.report.run_summary import stored_changes
    from analog_bench.session.run_conclusion import store_baselines
    from analog_bench.store.baseline import Provenance
    from analog_bench.store.run_file import read_runs

    run = read_runs(results)
    _warn_of_incomplete(results, run)
    # Before they are replaced.
    verdicts = judge_groups(run.groups, StoredBaselines(root)).cases
    changes = store_baselines(run.groups, Provenance.of(run.manifest), root)
    if as_json:
        print_json([plain(change) for change in changes])
        return
    kinds = {(which, verdict.metric): verdict.kind for which, verdict in verdicts.items()}
    print_blocks([stored_changes(changes, kinds, root)], soft_wrap=True)


def _warn_of_incomplete(path: Path, run: Run) -> None:
    """Say what a run lacks, where it lacks anything."""
    from analog_bench.report.run_summary import incomplete_line

    if run.incomplete is not None:
        warn(f"{path} is {incomplete_line(run.incomplete, len(run.results))}")


def newest_run(folder: Path) -> Path:
    """Return the results file that was written last; raises StoreError."""
    # One that is none may be a link that leads nowhere.
    files = [path for path in folder.glob(_PATTERN) if os.path.isfile(path)]
    if not files:
        raise StoreError(
            f"no results in {str(folder)!r}; run `pytest bench` first, or name a results file"
        )
    return max(files, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _page_beside(results: Path) -> Path:
    """Return where the page of a file or a folder of results goes: `1.2.0` is a folder's name."""
    if not os.path.isdir(results):
        return results.with_suffix(".html")
    named = results if results.name not in ("", "..") else _real(results)
    return named.with_name(f"{named.name}.html") if named.name else Path("report.html")


def _replaces_results(page: Path, results: Path) -> bool:
    """Whether writing the page would overwrite a run: this one, one of the folder, or another."""
    from analog_bench.store.run_file import run_files

    # Writing follows links.
    target = _real(page)
    return target.suffix == ".json" or target in map(_real, run_files(results))


def _real(path: Path) -> Path:
    # Unlike Path.resolve, whose answer to links in a circle depends on the release of Python.
    return Path(os.path.realpath(path))
