"""What a session shows and writes: progress, tables, results file, baselines.

Registered where results come together: in the one process, or on xdist's controller.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Generator
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console, RenderableType

from analog_bench.errors import BenchError
from analog_bench.plugin.fixtures import KEPT
from analog_bench.records import Result
from analog_bench.session.publish import publish
from analog_bench.session.recorder import PROPERTY, Recorder, kept_results

if TYPE_CHECKING:
    from analog_bench.gate.judge import Judgement
    from analog_bench.gate.verdict import Verdict
    from analog_bench.store.baseline import Change

RESUMED = "analog_bench_resumed"
_RECORD = "analog_bench_record"
_TEXT_AT_MOST = 160  # characters of a text that a table shows; the results file holds all


class TerminalReporter:
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
        self._concluded = False
        self._reports: dict[tuple[str, str], pytest.TestReport] = {}
        self._judged: Judgement | None = None
        self._changes: list[Change] | None = None
        self._published: tuple[str, ...] = ()
        self._problem = ""

    @property
    def judged(self) -> Judgement | None:
        """What the gate says; None before the end, and where nothing is compared."""
        return self._judged

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """See that results can be written, and open the run to resume, before anything else."""
        settings = self._recorder.settings
        if self._config.option.collectonly or not (settings.json or settings.resume):
            return
        try:
            self._recorder.begin()
        except BenchError as problem:
            raise pytest.UsageError(str(problem)) from None
        self._config.stash[KEPT] = kept_results(self._recorder.results)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist which run is resumed."""
        if self._recorder.settings.resume:
            node.workerinput[RESUMED] = str(self._recorder.path)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, bool, bool]:
        """Judge when everything is measured, and fail the tests of what regressed."""
        self._total = len(session.items)
        self._began = time.monotonic()
        done = yield
        if self._recorder.results and not self._config.option.collectonly:
            self._conclude()
        return done

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a result out of a test's report: JUnit, for one, would print it whole."""
        found: list[Any] = [value for name, value in report.user_properties if name == PROPERTY]
        report.user_properties = [p for p in report.user_properties if p[0] != PROPERTY]
        if not found or report.when != "call":
            return
        try:
            result = self._recorder.add(found[-1])
        except BenchError as problem:
            pytest.exit(str(problem), pytest.ExitCode.USAGE_ERROR)
        self._reports[result.case_id, result.study] = report
        setattr(report, _RECORD, result)
        if self._live():
            self._show_progress(result, found[-1]["scope"]["main_metric"])

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
        """Write what is not written yet: the run may have been interrupted."""
        try:
            if self._recorder.results and not self._concluded:
                self._write_and_judge()
            if self._recorder.results:
                self._published = publish(self._recorder, self._judged)
        finally:
            self._recorder.close()
        if self._problem:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self) -> None:
        """Show a table a study and model, and what it comes to."""
        if not self._recorder.results:
            return
        from analog_bench.gate.judge import outcomes
        from analog_bench.report.glyphs import needs_ascii
        from analog_bench.report.robustness_table import robustness_table
        from analog_bench.report.summary import digital_line, run_summary
        from analog_bench.report.table import layer_table
        from analog_bench.report.texts import texts_table

        self._reporter().ensure_newline()
        # Rich draws with block characters; a stream that has none gets ASCII.
        ascii_only = needs_ascii(sys.stdout)
        for group in self._recorder.groups():
            scope, first = group.scope, group.results[0]
            measured = [result for result in group.results if result.status == "measured"]
            verdicts = self._judged.cases if self._judged else {}
            if measured:
                self._write(
                    layer_table(
                        measured,
                        verdicts,
                        group.metrics,
                        width=self._reporter()._tw.fullwidth,
                        data=f"{scope.examples} {scope.data}",
                        title=f"{scope.study}: {scope.model}, {scope.question}",
                        ascii_only=ascii_only,
                    )
                )
                drift = robustness_table(
                    group.results,
                    group.metrics[0],
                    width=self._reporter()._tw.fullwidth,
                    ascii_only=ascii_only,
                )
                if drift is not None:
                    self._write(drift)
                texts = texts_table(
                    group.results,
                    group.metrics,
                    at_most=_TEXT_AT_MOST,
                    ascii_only=ascii_only,
                )
                if texts is not None:
                    self._write(texts)
            digital = self._judged.digital_of(scope) if self._judged else {}
            self._write(
                digital_line(
                    scope.model, first.digital, digital, group.metrics, ascii_only=ascii_only
                )
            )
        judged = outcomes(self._recorder.groups(), self._judged)
        self._write(
            run_summary(
                judged,
                uncompared=len(self._recorder.results) - len(judged),
                results_file=self._recorder.path,
                changes=self._changes,
                published=self._published,
            )
        )
        if self._problem:
            self._reporter().write_line(f"ERROR: {self._problem}", red=True)

    def _conclude(self) -> None:
        """Judge and write, then fail the tests of whatever regressed."""
        self._concluded = True
        self._write_and_judge()
        settings = self._recorder.settings
        if settings.gate != "fail" or settings.update_baselines:
            return
        if self._judged is None:
            return
        if not settings.requirements:
            for (case_id, study, _), verdict in self._judged.cases.items():
                if verdict.kind == "regressed" and (case_id, study) in self._reports:
                    self._fail(self._reports[case_id, study], verdict)
        for (study, model), verdicts in self._judged.digital.items():
            for verdict in verdicts.values():
                if verdict.fails:
                    self._fail_digital(study, model, verdict)

    def _write_and_judge(self) -> None:
        if not self._recorder.environment:
            from analog_bench.session.model_cache import environment_facts

            self._recorder.environment.update(environment_facts(self._recorder.settings.device))
        try:
            self._recorder.write()
            if self._recorder.settings.gate != "off":
                from analog_bench.gate.judge import StoredBaselines, judge_groups

                # Against the baselines as they are before any update.
                self._judged = judge_groups(
                    self._recorder.groups(), StoredBaselines(self._recorder.settings.baselines)
                )
            if self._recorder.settings.update_baselines:
                self._changes = self._recorder.update_baselines()
        except BenchError as problem:
            self._problem = str(problem)

    def _fail(self, report: pytest.TestReport, verdict: Verdict) -> None:
        """Turn a test that passed, since it could be measured, into one that failed."""
        passed = self._reporter().stats.get("passed", [])
        if report in passed:
            passed.remove(report)
            self._report_failure(report.nodeid, report.location, verdict)

    def _fail_digital(self, study: str, model: str, verdict: Verdict) -> None:
        """Add a failed test, as no case is to blame where the digital model changed."""
        file = next(r.nodeid for (_, of), r in self._reports.items() if of == study).split("::")[0]
        name = f"digital[{model}-{study}-{verdict.metric}]"
        self._report_failure(f"{file}::{name}", (file, None, name), verdict)

    def _report_failure(
        self, nodeid: str, location: tuple[str, int | None, str], verdict: Verdict
    ) -> None:
        failed = pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome="failed",
            longrepr=f"{verdict.kind}: {verdict.reason}",
            when="call",
        )
        self._config.hook.pytest_runtest_logreport(report=failed)

    def _show_progress(self, result: Result, metric: str) -> None:
        done = len(self._recorder.results)
        left = (time.monotonic() - self._began) / done * max(self._total - done, 0)
        score = ""
        if result.initial_chips:
            mean = fmean(chip.scores[metric] for chip in result.initial_chips)
            score = f", {metric} {result.digital[metric]:.4g} -> {mean:.4g}"
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
