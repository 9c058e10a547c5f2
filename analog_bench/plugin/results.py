"""Results on their way through pytest: from tests' reports to the recorder, and back as failures.

Registered where results come together: in the one process, or on xdist's controller.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from analog_bench.codec import one_line
from analog_bench.errors import BenchError
from analog_bench.plugin.fixtures import EARLIER_RESULTS, PROPERTY, TAKE, refusals
from analog_bench.plugin.selection import SELECTED, Chosen, chosen, measures
from analog_bench.plugin.shard_selection import SELECTION
from analog_bench.session.recorder import CaseName, Recorder
from analog_bench.session.run_conclusion import Conclusion, conclude
from analog_bench.store.run import Record

if TYPE_CHECKING:
    from analog_bench.gate.case_verdicts import Verdict

RESUMED = "analog_bench_resumed"
"""Where a worker of xdist finds the file of the run that is resumed."""
SHARD_OF = "analog_bench_shard_of"
"""Where a worker of xdist leaves the fingerprint of what its shard is a part of."""
# They begin where the last run stopped, or select what failed: too little, or what fails again.
_STEPWISE = ("--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "--sw-reset", "--stepwise-reset")


class Results:
    """Hands results to the recorder as they come in, and fails the tests of what regressed.

    Attributes:
        records: By test report, the record of the test's own case.
        conclusion: What the run came to, once it is over.
    """

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        self._config = config
        self._recorder = recorder
        self.records: dict[pytest.TestReport, Record] = {}
        self._cases: dict[str, CaseName] = {}
        self.conclusion: Conclusion | None = None
        config.stash[TAKE] = self._take

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Check that results can be written to the named file, and open the run to resume.

        A file that only an ini file names is not checked yet: the run may be of other tests alone.
        """
        named = self._config.getoption("analog_bench_json") is not None
        if not measures(self._config) or not (named or self._recorder.settings.resume):
            return
        with refusals():
            finished = self._recorder.finished_shard()
            if finished:
                pytest.exit(finished, pytest.ExitCode.OK)
            self._recorder.begin()
        self._config.stash[EARLIER_RESULTS] = self._recorder.earlier

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist which run is resumed."""
        if self._recorder.settings.resume:
            node.workerinput[RESUMED] = str(self._recorder.path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over from a worker of xdist the facts of its environment, and of a shard's cut."""
        output = getattr(node, "workeroutput", {})
        self._recorder.environment.update(output.get(PROPERTY, {}))
        if SHARD_OF in output:
            self._config.stash[SELECTION] = output[SHARD_OF]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what is ours out of a test's report: JUnit, for one, would print it whole."""
        ours: dict[str, list[Any]] = {PROPERTY: [], SELECTED: []}
        for name, value in report.user_properties:
            ours.get(name, []).append(value)
        report.user_properties = [p for p in report.user_properties if p[0] not in ours]
        with _stopping():
            self._select(Chosen(*case) for cases in ours[SELECTED] for case in cases)
        # What was measured is in all later reports of the test as well.
        records = self._take(ours[PROPERTY] if report.when != "teardown" else [])
        case = self._cases.get(report.nodeid)
        own = [r for r in records if case in (None, (r.result.study, r.result.case_id))]
        if report.when == "call" and records:
            self.records[report] = (own or records)[0]
        if case is not None and (report.when == "call" or not report.passed):
            self._recorder.settle(case, _failure(report))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, bool, bool]:
        """Judge when everything is measured, and fail the tests of what regressed."""
        if measures(self._config):
            with refusals():
                # On xdist's controller there are none: the first report of a worker names them.
                self._select(chosen(session.items))
        # Other sessions are none of ours; which tests xdist's workers have is not known here.
        with _heeding_sigterm() if self._cases or not session.items else nullcontext():
            done = yield
        if self._recorder.results or self._is_empty_shard():
            self._fail_regressed(self._conclude())
        return done

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write what is not written yet: the run may have been stopped."""
        problem = ""
        if self.conclusion is not None and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # of a shard without cases
        try:
            if self._recorder.results and self.conclusion is None:
                self._conclude()
            problem = self.conclusion.problem if self.conclusion is not None else ""
        finally:
            try:
                self._recorder.close()
            except BenchError as trouble:
                problem = problem or str(trouble)
        if problem:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if problem and not self._config.pluginmanager.hasplugin("terminalreporter"):
            print(f"ERROR: {problem}", file=sys.stderr)

    def _is_empty_shard(self) -> bool:
        """Whether others have all the cases: a shard then has a results file without any."""
        config = self._config
        return measures(config) and SELECTION in config.stash and not self._cases

    def _conclude(self) -> Conclusion:
        self._recorder.selection = self._config.stash.get(SELECTION, "")
        command = _completing_command(self._config, self._recorder.path)
        self.conclusion = conclude(self._recorder, command)
        return self.conclusion

    def _select(self, cases: Iterable[Chosen]) -> None:
        named = {case.nodeid: (case.study, case.case_id) for case in cases}
        self._cases |= named
        files = dict.fromkeys(nodeid.partition("::")[0] for nodeid in named)
        self._recorder.select(named.values(), [self._config.rootpath / file for file in files])

    def _take(self, sent: Iterable[Mapping[str, Any]]) -> list[Record]:
        with _stopping():
            return [self._recorder.add(plain) for plain in sent]

    def _fail_regressed(self, conclusion: Conclusion) -> None:
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        for report, record in list(self.records.items()):
            verdict = conclusion.failed.get(record.result.identity)
            # A test that failed by itself stays as it is.
            if verdict is not None and verdict.kind == "regressed" and report.passed:
                if terminal is not None and report in terminal.stats.get("passed", []):
                    terminal.stats["passed"].remove(report)  # which the summary would count
                self._report_failure(report.nodeid, report.location, verdict)
        for study, model, verdict in conclusion.failed_digital:
            # No case is to blame where the digital model changed: it gets a test of its own.
            self._report_own_failure(f"digital[{model}-{study}-{verdict.metric}]", study, verdict)
        known = {record.result.identity for record in self.records.values()}
        for which, verdict in conclusion.failed.items():
            if which not in known:  # of the run that is resumed, and no test of this session
                case_id, study, _ = which
                self._report_own_failure(f"{study}[{case_id}]", study, verdict)

    def _report_own_failure(self, name: str, study: str, verdict: Verdict) -> None:
        """Report a test that pytest has not collected, beside those of its study if it has any."""
        reports = (r for r, record in self.records.items() if record.scope.study == study)
        first = next(reports, None)
        file = first.nodeid.split("::")[0] if first is not None else study
        self._report_failure(f"{file}::{name}", (file, None, name), verdict)

    def _report_failure(
        self, nodeid: str, location: tuple[str, int | None, str], verdict: Verdict
    ) -> None:
        why = f"{verdict.kind}: {verdict.reason}"
        failed = pytest.TestReport(
            nodeid, location, {}, outcome="failed", longrepr=why, when="call"
        )
        self._config.hook.pytest_runtest_logreport(report=failed)


def _completing_command(config: pytest.Config, run_file: Path | None) -> str:
    """Return the command line that measures what this run, whose results go there, leaves out.

    It is this run's own with `--resume`, and does not stop at a failed test.
    """
    words = [str(word) for word in config.invocation_params.args if word not in _STEPWISE]
    if config.getoption("maxfail", 0):
        words.append("--maxfail=0")
    if run_file is not None and config.getoption("analog_bench_json") is None:
        here = config.invocation_params.dir
        near = run_file.is_relative_to(here)
        words += ["--json", os.path.relpath(run_file, here) if near else str(run_file)]
    if not config.getoption("analog_bench_resume"):
        words.append("--resume")
    return shlex.join(["pytest", *words])


@contextmanager
def _stopping() -> Iterator[None]:
    """End the session with one line where results cannot be kept."""
    try:
        yield
    except BenchError as problem:
        pytest.exit(str(problem), pytest.ExitCode.USAGE_ERROR)


@contextmanager
def _heeding_sigterm() -> Iterator[None]:
    """Let SIGTERM stop the run as Ctrl-C does, unless something else heeds it."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _failure(report: pytest.TestReport) -> str:
    """Return in one line why a test failed; empty where it did not."""
    # Some plugins have outcomes of their own, such as `rerun`.
    if report.passed or report.skipped:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    return one_line(crash.message if crash is not None else str(report.longrepr)) or "it failed"
