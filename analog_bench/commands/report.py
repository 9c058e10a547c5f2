"""`analog-bench report RUN`: a run as one HTML page, as pictures, or as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from analog_bench.commands.arguments import Verbs
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.errors import StoreError

RUNS = Path("runs")
_PATTERN = "bench-*.json"


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "report",
        "write a run as one HTML page that opens anywhere",
        "analog-bench report\n"
        "analog-bench report runs/bench-20261124-031211.json -o report.html --figures figures\n"
        "analog-bench report nightly/tuesday --markdown",
        run,
    )
    parser.add_argument(
        "results",
        type=Path,
        nargs="?",
        metavar="RUN",
        help=f"results file, or a folder of them (default: the newest {RUNS / _PATTERN})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where the page goes (default: beside the results, with .html)",
    )
    parser.add_argument(
        "--figures", type=Path, metavar="FOLDER", help="write each plot as SVG and PNG, too"
    )
    parser.add_argument(
        "--baselines",
        type=Path,
        default=Path("baselines"),
        metavar="FOLDER",
        help="what to compare with (default: %(default)s)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print a summary in Markdown; write no page"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the report, and return 0."""
    # Not at the top: other verbs need no scipy.
    from analog_bench.judgement import judge_groups, reported
    from analog_bench.report.html.page import save_figures, write_page
    from analog_bench.report.step_summary import step_summary
    from analog_bench.store.run_folder import read_runs

    results: Path = arguments.results or newest_run(RUNS)
    found = read_runs(results)
    judgement = judge_groups(found.groups, arguments.baselines)
    contents = reported(found, judgement, results.name)
    if arguments.markdown:
        print(step_summary(contents), end="")
    else:
        page = arguments.output or results.with_suffix(".html")
        write_page(page, contents)
        print(f"report: {page}")
    if arguments.figures is not None:
        written = save_figures(arguments.figures, contents)
        print(f"figures: {len(written)} files in {arguments.figures}")
    return 0


def newest_run(folder: Path) -> Path:
    """Return the results file that was written last.

    Args:
        folder: Where runs leave their results.

    Raises:
        StoreError: There is none.
    """
    files = sorted(folder.glob(_PATTERN), key=lambda path: (path.stat().st_mtime_ns, path.name))
    if not files:
        raise StoreError(
            f"no results in {str(folder)!r}; run `pytest bench` first, or name a results file"
        )
    return files[-1]
