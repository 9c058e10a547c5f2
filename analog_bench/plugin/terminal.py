"""What a session shows: a line of progress on a terminal, tables at the end."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from analog_bench.plugin.results import Results
from analog_bench.session.recorder import Recorder
from analog_bench.store.run import Record

if TYPE_CHECKING:
    from analog_bench.report.table import Block


class TerminalReporter:
    """Shows results; without pytest's terminal plugin none of its hooks is called to any effect."""

    def __init__(self, config: pytest.Config, recorder: Recorder, results: Results) -> None:
        self._config = config
        self._recorder = recorder
        self._results = results
        self._total = self._done = 0
        self._began = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Start the clock of the progress line."""
        self._total = len(session.items)
        self._began = time.monotonic()

    def pytest_report_collectionfinish(self) -> list[str]:
        """Show what became of the run that is resumed."""
        return self._recorder.notes

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show a result as it comes in."""
        record = self._results.records.get(report)
        self._done += record is not None
        if record is not None and self._live():
            self._show_progress(record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Keep dots out of the progress line."""
        passed = report.outcome == "passed" and isinstance(report, pytest.TestReport)
        if not passed or self._results.records.get(report) is None or not self._live():
            return None
        return "passed", "", ""

    def pytest_terminal_summary(self) -> None:
        """Show a table for each study and model, and what the run comes to."""
        conclusion = self._results.conclusion
        if conclusion is None:
            return
        # Not at the top: drawing needs scipy, which collecting does without.
        from analog_bench.gate.run_verdicts import outcomes
        from analog_bench.report.run_summary import incomplete_line, run_summary
        from analog_bench.report.run_tables import run_tables

        self._reporter.ensure_newline()
        run = conclusion.run
        for tables in run_tables(run.groups, conclusion.judgement):
            self._write(*tables)
        known = outcomes(run.groups, conclusion.judgement)
        self._write(
            run_summary(
                known,
                groups=run.groups,
                uncompared=len(run.results) - len(known),
                results_file=self._recorder.results_file,
                changes=conclusion.changes,
                baselines=self._recorder.settings.baselines,
                published=conclusion.published,
                stopped=conclusion.stopped,
                notes=self._recorder.notes,
            )
        )
        if run.incomplete is not None:
            # Not broken into lines: the command is to be copied.
            missing = incomplete_line(run.incomplete, len(run.results))
            self._reporter.write_line(missing, yellow=True)
        if conclusion.problem:
            self._reporter.write_line(f"ERROR: {conclusion.problem}", red=True)

    def _show_progress(self, record: Record) -> None:
        done, result = self._done, record.result
        progress = f"{done} done"
        if self._total:  # xdist's controller does not know it
            left = (time.monotonic() - self._began) / done * max(self._total - done, 0)
            progress = f"{done}/{self._total}, {clock(left)} left"
        line = f"{result.model} {result.study} {progress}: {result.group}"
        metric = record.scope.main_metric
        mean = result.score(metric)
        if mean is not None:
            line += f", {metric} {result.digital[metric]:.4g} -> {mean:.4g}"
        width = self._config.get_terminal_writer().fullwidth
        self._reporter.rewrite(line[: width - 1], erase=True)

    def _live(self) -> bool:
        return (
            self._reporter is not None
            and sys.stdout.isatty()
            and self._config.get_verbosity() == 0
            and self._config.getoption("capture", "no") != "no"
        )

    @property
    def _reporter(self) -> Any:
        return self._config.pluginmanager.get_plugin("terminalreporter")

    def _write(self, *blocks: Block) -> None:
        """Draw with rich, through pytest's own writer."""
        if blocks:
            from analog_bench.report.as_terminal import printed

            writer = self._config.get_terminal_writer()
            writer.line(printed(blocks, writer.fullwidth, writer.hasmarkup, sys.stdout.encoding))


def clock(seconds: float) -> str:
    """Return minutes and seconds: `3:07`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
