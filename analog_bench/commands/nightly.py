"""`analog-bench nightly run`: what a night does, in one command, on CI and on any machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from analog_bench.commands.history import write_history
from analog_bench.commands.options import new_app, show_examples
from analog_bench.commands.output import warn
from analog_bench.errors import BenchError, StoreError, UsageError, reason_of
from analog_bench.regular_file import append_regular, names_beside

FAILED = 1
"""Exit code where something regressed or is broken, or a test failed for another reason."""

_WHERE = "--out FOLDER says where results go"
# What a night decides, and what to do instead.
_DECIDED = {
    "--json": _WHERE,
    "--junit-xml": _WHERE,
    "--junitxml": _WHERE,
    "--max-drop": "a night is judged by its baselines; `pytest bench` takes it",
    "--resume": "the pytest command that an interrupted night printed takes it",
    "--shard": "`pytest bench` takes it, and `analog-bench merge` makes one run of the parts",
    "--update-baselines": "a night changes no baseline; `analog-bench baselines update RUN` does",
}
_NO_RESULTS = {
    0: "pytest was not asked to measure",
    1: "every test failed before it had a result",
    2: "pytest was interrupted, or a file could not be collected",
    3: "pytest had an internal error",
    4: "pytest could not use its options",
    5: "no case was selected",
}

app = new_app(
    "Do what a night does, and tell GitHub what regressed.",
    "nightly run -- -k bert --chips 3",
    "nightly issues --dry-run",
)


@app.command(
    epilog=show_examples(
        "nightly run",
        "nightly run -- -k distilgpt2_generation --chips 3",
        "nightly run --history nightly -- --budget nightly --device cuda",
    )
)
def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- PYTEST OPTIONS",
            help="for pytest, behind two dashes, such as -- -k bert --budget nightly",
        ),
    ] = None,
    history: Annotated[
        Path, typer.Option(metavar="FOLDER", help="where the history is kept, a Parquet file a run")
    ] = Path("runs/history"),
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="where results, report and summary go")
    ] = Path("runs"),
    bench: Annotated[str, typer.Option(metavar="PATH", help="the studies")] = "bench",
) -> int:
    """Measure, write results and report, add to the history, and say what regressed first.

    The exit code is 1 where a test failed, as that of a case that regressed does.
    """
    for word in words or ():
        name = word.partition("=")[0]
        if name in _DECIDED:
            raise UsageError(f"{name} is not for a night: {_DECIDED[name]}")
    _check_history(history)
    results = _new_file(out)
    code = _measure(results, bench, words or ())
    if not os.path.isfile(results):
        print(flush=True)  # pytest may have died in the middle of a line
        raise _no_results(code, bench, results)
    summary = conclude(results, history, code)
    page = results.with_suffix(".md")
    try:
        page.write_text(summary, encoding="utf-8", errors="replace")
    except OSError as problem:
        raise StoreError(f"cannot write the summary to {str(page)!r}: {problem.strerror}") from None
    _add_to_job_summary(summary)
    print(f"\n{summary}", end="")
    return FAILED if code else 0


def conclude(results: Path, history: Path, code: int) -> str:
    """Add a run to the history, and return a summary in Markdown; `code` is pytest's exit code.

    One that was stopped is added when it is complete.

    Raises:
        BenchError: A file cannot be read or written.
    """
    from analog_bench.gate.run_verdicts import judge_run
    from analog_bench.history.database import History
    from analog_bench.history.query import Query, runs_of, steps_of, trends_of
    from analog_bench.history.rows import run_id_of
    from analog_bench.report.ci_summaries import nightly_summary
    from analog_bench.report.regressions import regressions_of
    from analog_bench.report.report_contents import judged_contents
    from analog_bench.store.run_file import read_run

    measured = read_run(results)
    if measured.incomplete is None or not measured.incomplete.stopped:
        write_history(History([results], warn), history)
    nights = History([history], warn) if any(history.glob("*.parquet")) else None
    # All of them, as `analog-bench history` has them: which steps count depends on the others.
    trends = trends_of(nights, Query()) if nights is not None else ()
    run_id = run_id_of(measured.manifest)
    judgement = judge_run(measured, measured.manifest.baselines)
    contents = judged_contents(measured, judgement, results.name)
    beside = [results, results.with_suffix(".html"), results.with_suffix(".xml")]
    return nightly_summary(
        contents,
        trends,
        steps_of(trends),
        run_id=run_id,
        nights=len(runs_of(nights)) if nights is not None else 0,
        files=[path for path in beside if os.path.isfile(path)]
        + sorted(history.glob(f"*-{run_id}.parquet")),
        trouble=_trouble(code, regressed=bool(regressions_of(contents))),
    )


def _check_history(folder: Path) -> None:
    """Check that the run can be added to the history, before hours of measuring."""
    from analog_bench.history.database import History, require_duckdb

    require_duckdb()
    if folder.suffix in (".parquet", ".jsonl"):
        raise UsageError(
            f"a history of nights is a folder, a file a run, found --history {str(folder)!r}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(
            f"cannot keep a history in {str(folder)!r}: {problem.strerror}; name another folder"
        ) from None
    if any(folder.glob("*.parquet")):
        History([folder], warn)


def _new_file(folder: Path) -> Path:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    names = (f"bench-{stamp}{f'-{n}' if n > 1 else ''}.json" for n in count(1))
    return next(folder / name for name in names if not names_beside(folder / name, f"{name}*"))


def _measure(results: Path, bench: str, words: Sequence[str]) -> int:
    from analog_bench.session.report_files import STEP_SUMMARY

    # Pytest looks for baselines in its root folder, which it might find above this one.
    command = [sys.executable, "-m", "pytest", bench, "--rootdir=.", f"--json={results}"]
    command += [f"--junit-xml={results.with_suffix('.xml')}", *words]
    # The summary of the night holds the run's own: pytest would write it a second time.
    environment = {name: value for name, value in os.environ.items() if name != STEP_SUMMARY}
    print(f"$ {shlex.join(['pytest', *command[3:]])}", flush=True)
    with subprocess.Popen(command, env=environment) as pytest:
        try:
            return pytest.wait()
        except KeyboardInterrupt:
            # The terminal interrupts pytest, too, which then writes what was measured.
            return pytest.wait()


def _no_results(code: int, bench: str, results: Path) -> BenchError:
    from analog_bench.store.journal_file import journal_path

    why = _NO_RESULTS.get(code, _ending(code))
    if os.path.isfile(journal_path(results)):
        why += "; the command above with --resume goes on where it stopped"
    _add_to_job_summary(f"# No results: {why}\n")
    return StoreError(f"no results of {bench} in {results}: {why}; pytest's own words are above")


def _add_to_job_summary(summary: str) -> None:
    """Add to the summary of the GitHub Actions job, if this is one."""
    from analog_bench.session.report_files import STEP_SUMMARY

    step = os.environ.get(STEP_SUMMARY)
    if not step:
        return
    try:
        append_regular(Path(step), summary.encode("utf-8", "replace"))
    except OSError as problem:
        # What was measured is safe, and is not to look as if it were not.
        warn(f"cannot write the job's summary to {step}: {reason_of(problem)}")


def _trouble(code: int, *, regressed: bool) -> str:
    if code == 0 or (code == 1 and regressed):
        return ""
    if code == 1:
        return "a test failed though nothing regressed: pytest's output above says why"
    return f"{_ending(code)}: what is here is what was measured until then"


def _ending(code: int) -> str:
    return f"pytest ended with code {code}" if code >= 0 else f"signal {-code} killed pytest"
