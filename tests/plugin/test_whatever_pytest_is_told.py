"""Options and plugins of pytest: no case is lost, measured by half, or stored twice unsaid."""

import json

import pytest

from analog_bench.store.run_file import read_run
from tests.plugin.test_stopped import BENCH, CASES

TWO = ("--noise", "white_output:1", "--noise", "white_output:2")
TWO_CASES = [CASES[1], CASES[2]]
# As pytest-rerunfailures does: what fails is run again, and its first report has an outcome of the
# plugin's own.
RERUNS = """
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    for again in (True, False):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if again and report.when == "call":
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        item._initrequest()
    return True
def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""
# As pytest-repeat does.
REPEAT = """
def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("again")
    metafunc.parametrize("again", range(2))
import pytest
@pytest.fixture
def again(request):
    return request.param
"""
OTHER_VALUES = """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    yield
    for name, value in item.user_properties:
        if name == "analog_bench" and "[1-" in item.nodeid:
            value["result"]["chips"][0]["scores"]["f1"] += 1
"""


FAILING = """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    yield
    assert "[" not in item.nodeid
"""


@pytest.fixture
def mine(warm, tiny, project, tmp_path):
    """Return a function that runs two cases with more options, and a conftest."""
    (project / "bench_mine.py").write_text(BENCH)

    def run(*args, conftest=""):
        (project / "conftest.py").write_text(conftest)
        return warm("--model", tiny, *TWO, *args, cwd=project, folder=tmp_path)

    return run


def results(tmp_path):
    run = read_run(tmp_path / "results.json")
    assert run.incomplete is None
    return [result.case_id for result in run.results if result.status == "measured"]


@pytest.mark.parametrize(
    ("args", "conftest", "tests"),
    [
        ((), RERUNS, "3 passed, 3 rerun"),
        ((), REPEAT, "6 passed"),
        (("-n", "1"), REPEAT, "6 passed"),
        (("--dist", "each", "--tx", "2*popen"), "", "6 passed"),
    ],
    ids=["reruns", "repeat", "repeat with -n 1", "--dist each"],
)
def test_a_case_that_runs_twice_is_one_result(mine, tmp_path, args, conftest, tests):
    done = mine(*args, conftest=conftest)
    assert done.code == 0, done.out
    assert tests in done.out
    assert "2 cases: 2 new" in done.out
    assert "came again" not in done.out
    assert results(tmp_path) == TWO_CASES


def test_a_case_that_runs_twice_with_other_values_is_told(mine, tmp_path):
    done = mine(conftest=REPEAT + OTHER_VALUES)
    assert done.code == 0, done.out
    assert "6 passed" in done.out
    said = " ".join(done.out.split())
    for case in TWO_CASES:
        told = f"mine {case} came again, measured with other values: the first result counts"
        assert said.count(told) == 1
    assert results(tmp_path) == TWO_CASES


@pytest.mark.parametrize(
    "args",
    [
        ("-p", "no:terminal"),
        ("-p", "no:capture"),
        ("-s", "-q", "-q", "--tb=no", "-p", "no:junitxml", "-p", "no:setuponly"),
        ("--setup-show", "--benchmark-disable", "-p", "no:logging"),
        ("-p", "cacheprovider", "--lf", "-p", "stepwise", "--sw", "--nf"),
        ("--benchmark-only",),
    ],
    ids=" ".join,
)
def test_every_case_is_measured(mine, tmp_path, args):
    done = mine(*args)
    assert done.code == 0, done.out
    assert results(tmp_path) == TWO_CASES


@pytest.mark.parametrize("args", [("--co",), ("--setup-only",), ("--setup-plan",)], ids=" ".join)
def test_what_runs_no_test_leaves_nothing(mine, tmp_path, args):
    done = mine(*args)
    assert done.code == 0, done.out
    assert "expected: " not in done.out
    assert {path.name for path in tmp_path.iterdir()} == {"project"}


def test_a_case_is_a_benchmark_to_skip(mine, tmp_path):
    done = mine("--benchmark-skip", "-rs")
    assert done.code == 0, done.out
    assert "1 passed, 2 skipped" in done.out
    assert "a case is a benchmark: --benchmark-skip" in done.out
    assert not (tmp_path / "results.json").exists()


def test_an_earlier_failure_is_all_that_is_run_again(mine, tmp_path):
    cache = ("-p", "cacheprovider")
    done = mine(*cache, conftest=FAILING)
    assert done.code == 1, done.out
    again = mine(*cache, "--lf", "--json", tmp_path / "again.json")
    assert again.code == 0, again.out
    run = json.loads((tmp_path / "again.json").read_text())
    assert [result["case_id"] for result in run["results"]] == TWO_CASES
