"""Results on their way through pytest: from tests' reports to the recorder, and back as failures.

Registered where results come together: in the one process, or on xdist's controller.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from analog_bench.errors import BenchError
from analog_bench.plugin.fixtures import EARLIER_RESULTS, PROPERTY
from analog_bench.session.recorder import Record, Recorder, by_identity
from analog_bench.session.run_conclusion import Conclusion, conclude

if TYPE_CHECKING:
    from analog_bench.gate.case_verdicts import Verdict

RESUMED = "analog_bench_resumed"
"""Where a worker of xdist finds the file of the run that is resumed."""


class Results:
    """Hands results to the recorder as they come in, and fails the tests of what regressed."""

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        self._config = config
        self._recorder = recorder
        self._records: dict[pytest.TestReport, Record] = {}
        self.conclusion: Conclusion | None = None

    def of_report(self, report: pytest.TestReport) -> Record | None:
        """Return the record that a test's report brought; None for other reports."""
        return self._records.get(report)

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
        self._config.stash[EARLIER_RESULTS] = by_identity(self._recorder.results)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist which run is resumed."""
        if self._recorder.settings.resume:
            node.workerinput[RESUMED] = str(self._recorder.path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over the facts of its environment from a worker of xdist."""
        self._recorder.environment.update(getattr(node, "workeroutput", {}).get(PROPERTY, {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a record out of a test's report: JUnit, for one, would print it whole."""
        plain: list[Any] = [value for name, value in report.user_properties if name == PROPERTY]
        report.user_properties = [p for p in report.user_properties if p[0] != PROPERTY]
        if not plain or report.when != "call":
            return
        try:
            self._records[report] = self._recorder.add(plain[-1])
        except BenchError as problem:
            pytest.exit(str(problem), pytest.ExitCode.USAGE_ERROR)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, bool, bool]:
        """Judge when everything is measured, and fail the tests of what regressed."""
        done = yield
        if self._recorder.results and not self._config.option.collectonly:
            self.conclusion = conclude(self._recorder)
            self._fail_regressed(self.conclusion)
        return done

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write what is not written yet: the run may have been interrupted."""
        try:
            if self._recorder.results and self.conclusion is None:
                self.conclusion = conclude(self._recorder)
        finally:
            self._recorder.close()
        if self.conclusion is not None and self.conclusion.problem:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _fail_regressed(self, conclusion: Conclusion) -> None:
        settings = self._recorder.settings
        regressed = conclusion.regressed_cases(settings)
        for report, record in list(self._records.items()):
            verdict = regressed.get(record.result.identity)
            # A test that failed by itself stays as it is.
            if verdict is not None and report.passed:
                self._unpass(report)
                self._report_failure(report.nodeid, report.location, verdict)
        for study, model, verdict in conclusion.failed_digital(settings):
            # No case is to blame where the digital model changed: it gets a test of its own.
            nodeid = next(r.nodeid for r, c in self._records.items() if c.scope.study == study)
            file, name = nodeid.split("::")[0], f"digital[{model}-{study}-{verdict.metric}]"
            self._report_failure(f"{file}::{name}", (file, None, name), verdict)

    def _unpass(self, report: pytest.TestReport) -> None:
        """Take a test out of those that the terminal counts as passed."""
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        passed = terminal.stats.get("passed", []) if terminal is not None else []
        if report in passed:
            passed.remove(report)

    def _report_failure(
        self, nodeid: str, location: tuple[str, int | None, str], verdict: Verdict
    ) -> None:
        why = f"{verdict.kind}: {verdict.reason}"
        failed = pytest.TestReport(
            nodeid, location, {}, outcome="failed", longrepr=why, when="call"
        )
        self._config.hook.pytest_runtest_logreport(report=failed)
