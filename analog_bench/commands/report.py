"""`analog-bench report RUN`: a run as one HTML page, as pictures, or as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from analog_bench.commands.arguments import Verbs
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.errors import StoreError, UsageError

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
        metavar="FOLDER",
        help="what to compare with (default: what the run was compared with)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print a summary in Markdown; write no page"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the report, and return 0."""
    # Not at the top: other verbs need no scipy.
    from analog_bench.gate.judge import judge_run
    from analog_bench.report.contents import judged_contents
    from analog_bench.report.html.page import save_figures, write_page
    from analog_bench.report.step_summary import step_summary
    from analog_bench.store.run_file import read_runs

    if arguments.markdown and arguments.output is not None:
        raise UsageError("--markdown prints and writes no page; leave out --output")
    given: Path | None = arguments.baselines
    if given is not None and not given.is_dir():
        raise UsageError(f"--baselines must name a folder, found {str(given)!r}")
    results: Path = arguments.results or newest_run(RUNS)
    page: Path = arguments.output or _page_beside(results)
    if not arguments.markdown and _replaces_results(page, results):
        raise UsageError(
            f"the page would replace results in {str(page)!r}; name a file that ends in .html"
        )
    found = read_runs(results)
    judgement = judge_run(found, given or found.manifest.baselines)
    contents = judged_contents(found, judgement, results.name)
    if arguments.markdown:
        print(step_summary(contents), end="")
    else:
        write_page(page, contents)
        print(f"report: {page}")
    if arguments.figures is not None:
        written = save_figures(arguments.figures, contents)
        print(f"figures: {len(written)} files in {arguments.figures}")
    return 0


def _page_beside(results: Path) -> Path:
    """Return where the page of a file or a folder of results goes: `1.2.0` is a folder's name."""
    if not results.is_dir():
        return results.with_suffix(".html")
    named = results if results.name not in ("", "..") else results.resolve()
    return named.with_name(f"{named.name}.html") if named.name else Path("report.html")


def _replaces_results(page: Path, results: Path) -> bool:
    """Whether a page would be written over a run: this one, one of the folder, or another."""
    from analog_bench.store.run_file import run_files

    # Writing follows links.
    target = page.resolve()
    return target.suffix == ".json" or target in (file.resolve() for file in run_files(results))


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
