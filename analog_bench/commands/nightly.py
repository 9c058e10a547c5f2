"""`analog-bench nightly run`: what a night does, in one command, on CI and on any machine."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from analog_bench.commands.arguments import Verbs
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.errors import StoreError, UsageError

if TYPE_CHECKING:
    from analog_bench.report.contents import Contents
    from analog_bench.store.run import Run

FAILED = 1
"""Exit code where something regressed or is broken, or a test failed for another reason."""

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"

_HISTORY = Path("runs/history")
_NAMES_AT_MOST = 1000
_OURS = ("--json", "--junit-xml", "--junitxml")


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "run",
        "measure, write results and report, add to the history, and say what regressed first",
        "analog-bench nightly run\n"
        "analog-bench nightly run -- -k distilgpt2_generation --chips 3\n"
        "analog-bench nightly run --history nightly -- --budget nightly --device cuda",
        run,
    )
    parser.add_argument(
        "--history",
        type=Path,
        default=_HISTORY,
        metavar="FOLDER",
        help="where the history is kept, a Parquet file a run (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="where results, report and summary go (default: %(default)s)",
    )
    parser.add_argument(
        "--bench", default="bench", metavar="PATH", help="the studies (default: %(default)s)"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="-- PYTEST OPTIONS",
        help="for pytest, behind two dashes, such as -- -k bert --budget nightly",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do all of it; 1 where something failed, else 0."""
    # Before hours of measuring: is what comes after them there?
    from analog_bench.history.database import require_duckdb

    require_duckdb()
    words: list[str] = arguments.words
    for word in words:
        if word.partition("=")[0] in _OURS:
            raise UsageError(f"{word.partition('=')[0]} is chosen here; --out FOLDER says where")
    results = _new_file(arguments.out)
    code = _measure(results, arguments.bench, words)
    if not results.is_file():
        line = f"# No results: pytest ended with code {code}\n"
        _publish(line, results)
        print(f"\n{line}", end="", file=sys.stderr)
        return code or FAILED
    summary, fails = conclude(results, arguments.history, code)
    _publish(summary, results)
    print(f"\n{summary}", end="")
    return FAILED if fails or code else 0


def conclude(results: Path, history: Path, code: int) -> tuple[str, bool]:
    """Add a run to the history and sum it up.

    Args:
        results: The run file.
        history: Folder of the history.
        code: What pytest ended with.

    Returns:
        The summary in Markdown, and whether anything regressed or is broken.

    Raises:
        BenchError: A file cannot be read or written.
    """
    from analog_bench.commands.history import export
    from analog_bench.history.archive import sources_of
    from analog_bench.history.database import History
    from analog_bench.history.question import Asked, runs_of, steps_of, trends_of
    from analog_bench.report.nightly_summary import nightly_summary
    from analog_bench.report.regressions import regressions_of
    from analog_bench.store.run_file import read_run

    export(History([results], _tell), history)
    nights = History([history], _tell)
    trends = trends_of(nights, Asked())
    measured = read_run(results)
    shown = {result.case_id for result in measured.results}
    trends = [trend for trend in trends if trend.key["case_id"] in shown]
    contents = judged(measured, results)
    found = regressions_of(contents)
    summary = nightly_summary(
        contents,
        trends,
        steps_of(trends),
        run=results.stem,
        nights=len(runs_of(nights)),
        files=[path for path in _files(results) if path.is_file()]
        + list(sources_of([history]).parquet[-1:]),
        trouble=_trouble(code, failed=bool(found)),
    )
    return summary, bool(found)


def judged(measured: Run, source: Path, baselines: Path | None = None) -> Contents:
    """Judge a run by the baselines that it was measured against.

    Args:
        measured: The run.
        source: Its file.
        baselines: Others; None for those that its manifest names.
    """
    from analog_bench.judgement import groups_of, judge_groups, reported

    options = measured.manifest.options
    folder = baselines or Path(str(options.get("baselines", "baselines")))
    if options.get("gate") == "off":
        return reported(measured, None, source.name)
    return reported(measured, judge_groups(groups_of(measured), folder), source.name)


def _measure(results: Path, bench: str, words: Sequence[str]) -> int:
    junit = results.with_suffix(".xml")
    command = [sys.executable, "-m", "pytest", bench]
    command += [f"--json={results}", f"--junit-xml={junit}", *words]
    # The summary of the night holds the run's own: pytest would write it a second time.
    environment = {name: value for name, value in os.environ.items() if name != STEP_SUMMARY}
    print(f"$ {shlex.join(['pytest', *command[3:]])}", flush=True)
    return subprocess.run(command, env=environment, check=False).returncode


def _new_file(folder: Path) -> Path:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    for n in range(1, _NAMES_AT_MOST + 1):
        path = folder / f"bench-{stamp}{f'-{n}' if n > 1 else ''}.json"
        if not any(path.parent.glob(f"{path.name}*")):
            return path
    raise StoreError(f"{str(folder)!r} holds {_NAMES_AT_MOST} runs of this second")


def _publish(summary: str, results: Path) -> None:
    """Write the summary beside the results, and where GitHub expects it."""
    path = results.with_suffix(".md")
    step = os.environ.get(STEP_SUMMARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(summary, encoding="utf-8")
        if step:
            with Path(step).open("a", encoding="utf-8") as file:
                file.write(summary)
    except OSError as problem:
        raise StoreError(f"cannot write the summary: {problem}") from None


def _files(results: Path) -> list[Path]:
    return [results, *(results.with_suffix(ending) for ending in (".html", ".xml"))]


def _trouble(code: int, *, failed: bool) -> str:
    if code == 0 or (code == 1 and failed):
        return ""
    if code == 1:
        return "a test failed though nothing regressed: pytest's output above says why"
    return f"pytest ended with code {code}: what is here is what was measured until then"


def _tell(line: str) -> None:
    print(f"analog-bench: {' '.join(line.split())}", file=sys.stderr)
