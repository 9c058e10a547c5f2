"""What a run writes for readers beside its results: the report, and the summary of a CI job."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from analog_bench.errors import BenchError, StoreError, reason_of
from analog_bench.regular_file import append_regular

if TYPE_CHECKING:
    from analog_bench.gate.run_verdicts import Judgement
    from analog_bench.report.report_contents import Contents
    from analog_bench.store.run import Run

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file in which GitHub expects a job's summary."""


def publish(
    run: Run, judgement: Judgement | None, results: Path | None, *, page: bool
) -> tuple[str, ...]:
    """Write the HTML page beside the results, if wanted, and a summary where CI wants one.

    A page replaces an earlier page, and no other file. Nothing that goes wrong here touches the
    results or the verdicts: it becomes a line for the closing words, as does where the page is.
    """

    def tried(what: str, write: Callable[[Path, Contents], None], path: Path) -> str:
        """Write, and return what was in the way; empty where nothing was."""
        try:
            # A link may lead from one to the other, and writing follows it.
            if results is not None and os.path.realpath(path) == os.path.realpath(results):
                raise StoreError(f"{str(path)!r} is where the results are")
            from analog_bench.report.report_contents import judged_contents

            write(path, judged_contents(run, judgement, results.name if results else ""))
        # Whatever it is must not hide what was measured: `analog-bench report` shows it in full.
        except Exception as problem:
            text = str(problem) if isinstance(problem, BenchError) else repr(problem)
            return f"{what}: not written: {' '.join(text.split())}"
        return ""

    summary = os.environ.get(STEP_SUMMARY)
    written = [tried("summary", _append_summary, Path(summary))] if summary else []
    if results is not None and page:
        path = results.with_suffix(".html")
        written.append(tried("report", _write_page, path) or f"report: {path}")
    return tuple(filter(None, written))


def _write_page(path: Path, contents: Contents) -> None:
    from analog_bench.report.page.document import write_page

    write_page(path, contents)


def _append_summary(path: Path, contents: Contents) -> None:
    from analog_bench.report.ci_summaries import step_summary

    # Several steps of a job, and several runs of a step, share the file.
    try:
        append_regular(path, step_summary(contents).encode("utf-8", "replace"))
    except OSError as problem:
        raise StoreError(f"cannot add to {str(path)!r}: {reason_of(problem)}") from None
