"""What a session shows and writes: progress, tables, results file, baselines.

Registered where results come together: in the one process, or on xdist's controller.
"""

from __future__ import annotations

import io
import sys
import time
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console, RenderableType

from analog_bench.errors import BenchError
from analog_bench.recorder import PROPERTY, Recorder
from analog_bench.result import Result
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.run_file import check_writable

if TYPE_CHECKING:
    from analog_bench.gate.verdict import Verdict
    from analog_bench.store.baseline import Change

_RECORD = "analog_bench_record"


class Showing:
    """Collects results as they come in; shows progress on a terminal and tables at the end."""

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        """Show nothing yet.

        Args:
            config: The session's configuration.
            recorder: Where results are gathered.
        """
        self._config = config
        self._recorder = recorder
        self._total = 0
        self._began = time.monotonic()
        self._verdicts: dict[str, Verdict] = {}
        self._digital: dict[tuple[str, str], dict[str, Verdict]] = {}
        self._changes: list[Change] | None = None
        self._problem = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """See that results can be written before anything is measured."""
        if self._config.option.collectonly:
            return
        self._total = len(session.items)
        self._began = time.monotonic()
        if self._recorder.settings.json is not None:
            try:
                check_writable(self._recorder.path)
            except BenchError as problem:
                raise pytest.UsageError(str(problem)) from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a result out of a test's report: JUnit, for one, would print it whole."""
        found: list[Any] = [value for name, value in report.user_properties if name == PROPERTY]
        report.user_properties = [p for p in report.user_properties if p[0] != PROPERTY]
        if not found or report.when != "call":
            return
        result = self._recorder.add(found[-1])
        setattr(report, _RECORD, result)
        self._recorder.write_soon()
        if self._live():
            self._show_progress(result, found[-1]["main_metric"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Leave the line to the progress, on a terminal: no dots in it."""
        if getattr(report, _RECORD, None) is None or not self._live() or report.outcome != "passed":
            return None
        return "passed", "", ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist knows of its environment."""
        self._recorder.environment.update(getattr(node, "workeroutput", {}).get(PROPERTY, {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge, write the results file and, where asked, the baselines."""
        if not self._recorder.results:
            return
        if not self._recorder.environment:
            from analog_bench.workshop import environment_facts

            self._recorder.environment.update(environment_facts(self._recorder.settings.device))
        try:
            self._recorder.write()
            self._judge()
            if self._recorder.settings.update_baselines:
                self._changes = self._recorder.update_baselines()
        except BenchError as problem:
            self._problem = str(problem)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        changed = [v for verdicts in self._digital.values() for v in verdicts.values() if v.fails]
        if changed and not self._recorder.settings.update_baselines:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self) -> None:
        """Show a table a study and model, and what it comes to."""
        if not self._recorder.results:
            return
        from analog_bench.report.summary import digital_line, run_summary
        from analog_bench.report.table import layer_table

        self._reporter().ensure_newline()
        # Rich draws with block characters; a stream that has none gets ASCII.
        ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
        for record, results in self._recorder.groups():
            metrics = self._recorder.metrics_of(record)
            first = results[0]
            measured = [result for result in results if result.status == "measured"]
            if measured:
                self._write(
                    layer_table(
                        measured,
                        self._verdicts,
                        metrics,
                        width=self._reporter()._tw.fullwidth,
                        data=f"{record.examples} {record.data} questions",
                        title=f"{first.study}: {first.model}, {record.question}",
                        ascii_only=ascii_only,
                    )
                )
            digital = self._digital.get((first.study, first.model), {})
            self._write(
                digital_line(first.model, first.digital, digital, metrics, ascii_only=ascii_only)
            )
        judged = [
            (result, self._verdicts[result.case_id])
            for result in self._recorder.results
            if result.case_id in self._verdicts
        ]
        self._write(run_summary(judged, results_file=self._recorder.path, changes=self._changes))
        if self._problem:
            self._reporter().write_line(f"ERROR: {self._problem}", red=True)

    def _judge(self) -> None:
        """Judge everything against the baselines as they are before any update."""
        from analog_bench.gate.verdict import judge, judge_digital

        root = self._recorder.settings.baselines
        for record, results in self._recorder.groups():
            metrics = self._recorder.metrics_of(record)
            first = results[0]
            stored = read_cases(root, first.variant, first.model, first.study)
            for result in results:
                entry = stored.find(result.case_id, result.protocol)
                self._verdicts[result.case_id] = judge(result, entry, metrics[0])
            digital = read_digital(root, first.model).entries.get(first.protocol)
            self._digital[first.study, first.model] = {
                metric.name: judge_digital(
                    first.digital,
                    digital,
                    metric,
                    protocol=first.protocol,
                    weights=first.weights,
                )
                for metric in metrics
            }

    def _show_progress(self, result: Result, metric: str) -> None:
        done = len(self._recorder.results)
        left = (time.monotonic() - self._began) / done * max(self._total - done, 0)
        score = ""
        if result.chips:
            mean = fmean(chip.scores[metric] for chip in result.chips)
            score = f", {metric} {result.digital[metric]:.1f} -> {mean:.1f}"
        self._reporter().rewrite(
            f"{result.model} {result.study} {done}/{self._total}, {clock(left)} left: "
            f"{result.group}{score}"[: self._reporter()._tw.fullwidth - 1],
            erase=True,
        )

    def _live(self) -> bool:
        """Whether somebody watches: a terminal, and not asked for more or less words."""
        return (
            sys.stdout.isatty()
            and self._config.get_verbosity() == 0
            and self._config.option.capture != "no"
        )

    def _reporter(self) -> Any:
        return self._config.pluginmanager.get_plugin("terminalreporter")

    def _write(self, drawn: RenderableType) -> None:
        """Draw with rich, through pytest's own writer."""
        writer = self._reporter()._tw
        text = io.StringIO()
        Console(
            file=text,
            width=writer.fullwidth,
            force_terminal=writer.hasmarkup,
            color_system="standard" if writer.hasmarkup else None,
            legacy_windows=False,
        ).print(drawn)
        writer.line(text.getvalue())


def clock(seconds: float) -> str:
    """Return minutes and seconds: `3:07`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
