"""However a run is stopped, what was measured stays, says that it is not all, and is completed."""

import json
import shlex

import pytest

from analog_bench.store.journal_file import read_journal
from analog_bench.store.run_file import read_run

BENCH = """
import os
import signal

import pytest

from analog_bench.noise import WhiteOutput
from analog_bench.study import Budget, Study

STUDY = Study(
    name="mine",
    question="does it go on?",
    models=("bert",),
    noises=tuple(WhiteOutput(std=std) for std in (0.5, 1.0, 2.0, 4.0)),
    layers="all",
    budgets={"smoke": Budget(chips=2, examples=2)},
)


def stop(request):
    raise SystemError("stopped")


@pytest.mark.study(STUDY)
def bench_mine(case, measure, request):
    if "std=2" in case.id and "HOW" in os.environ:
        exec(os.environ["HOW"])
    measure(case)


def bench_of_something_else():
    pass
"""
CASES = [f"tiny/all/white_output:std={std}" for std in ("0.5", "1", "2", "4")]
USAGE, INTERRUPTED, FAILED = 4, 2, 1


@pytest.fixture
def stoppable(warm, tiny, project, tmp_path):
    """Return a function that runs four cases and stops at the third; `how` is Python."""
    (project / "bench_mine.py").write_text(BENCH)

    def run(how, *args):
        env = {"HOW": how} if how else {}
        return warm("--model", tiny, *args, cwd=project, folder=tmp_path, env=env)

    return run


@pytest.fixture(scope="module")
def whole(warm, tiny, results_of, tmp_path_factory):
    """Return the results of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "bench_mine.py").write_text(BENCH)
    (folder / "pytest.ini").write_text(
        "[pytest]\npython_files = bench_*.py\npython_functions = bench_*\n"
        "addopts = -p analog_bench.plugin\n"
    )
    done = warm("--model", tiny, cwd=folder, folder=folder)
    assert done.code == 0, done.out
    assert "incomplete" not in done.out
    assert not list(folder.glob("*.journal*"))
    assert json.loads((folder / "results.json").read_text())["incomplete"] is None
    results = results_of(folder / "results.json")
    assert sorted(results) == CASES
    return results


FAILS = "raise ValueError('a fault\\nof two lines')"
STEPWISE = ("-p", "cacheprovider", "-p", "stepwise", "--sw")
# How: what the third case does, pytest's options, its exit code, the results there are then.
STOPS = {
    "Ctrl-C": ("raise KeyboardInterrupt", (), INTERRUPTED, 2),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", (), INTERRUPTED, 2),
    "pytest.exit": ("pytest.exit('enough', 0)", (), 0, 2),
    "-x": (FAILS, ("-x",), FAILED, 2),
    "--sw": (FAILS, STEPWISE, INTERRUPTED, 2),
    "shouldstop": ("request.session.shouldstop = 'time is up'", (), INTERRUPTED, 3),
    "a failure": (FAILS, (), FAILED, 3),
    "-n 1 -x": (FAILS, ("-n", "1", "-x"), INTERRUPTED, 2),
    "-n 1, a worker's death": ("os._exit(1)", ("-n", "1", "--max-worker-restart=0"), FAILED, 2),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_run_that_is_stopped_goes_on(
    stoppable, by_words, project, whole, results_of, tmp_path, name
):
    how, args, code, measured = STOPS[name]
    done = stoppable(how, *args)
    assert done.code == code, done.out
    run_file = tmp_path / "results.json"
    run = read_run(run_file)
    assert len(run.results) == measured
    assert len(read_journal(run_file).results) == measured
    missing = [case.case_id for case in run.incomplete.cases]
    assert sorted([*missing, *(result.case_id for result in run.results)]) == CASES
    said = f"incomplete: {4 - measured} of 4 cases not measured"
    assert said in done.out
    command = run.incomplete.command
    assert f"to complete the run: {command}" in " ".join(done.out.split())
    assert f"results: {run_file}" in "".join(done.out.split("\n"))
    again = by_words(shlex.split(command)[1:], project)
    assert again.code == 0, again.out
    assert "incomplete" not in again.out
    assert results_of(run_file) == whole
    assert read_run(run_file).incomplete is None
    assert not list(tmp_path.glob("*.journal*"))


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(1)"])
def test_a_run_that_is_killed_leaves_its_journal(stoppable, whole, results_of, tmp_path, how):
    """As a timeout plugin may end it, or a system that goes down."""
    done = stoppable(how)
    assert done.code != 0
    run_file = tmp_path / "results.json"
    assert not run_file.exists()
    assert len(read_journal(run_file).results) == 2
    assert {case for _, case in read_journal(run_file).selected} == set(CASES)
    anew = stoppable("")
    assert anew.code == USAGE, anew.out
    assert "--resume" in anew.errors[0]
    again = stoppable("", "--resume")
    assert again.code == 0, again.out
    assert results_of(run_file) == whole
    assert not list(tmp_path.glob("*.journal*"))


def test_a_run_that_was_stopped_updates_no_baseline_yet(stoppable, tmp_path):
    done = stoppable("raise KeyboardInterrupt", "--update-baselines")
    assert done.code == INTERRUPTED, done.out
    assert "baselines: not updated, since the run was stopped" in done.out
    assert not list(tmp_path.rglob("stored/*/*"))
    again = stoppable("", "--update-baselines", "--resume")
    assert again.code == 0, again.out
    assert "baselines: 10 scores new, 0 changed" in again.out
    assert list(tmp_path.rglob("stored/direct/tiny/mine.json"))


def test_a_part_of_the_run_may_go_on_alone(stoppable, tmp_path):
    """What no session has measured is missing still, whatever this one was asked for."""
    stoppable("raise KeyboardInterrupt")
    third, last = (("--deselect", f"bench_mine.py::bench_mine[{CASES[n]}]") for n in (2, 3))
    part = stoppable("", "--resume", *third)
    assert part.code == 0, part.out
    assert "incomplete: 1 of 4 cases not measured" in part.out
    assert len(read_run(tmp_path / "results.json").results) == 3
    rest = stoppable("", "--resume", *last)
    assert rest.code == 0, rest.out
    assert "incomplete" not in rest.out
    assert len(read_run(tmp_path / "results.json").results) == 4


def test_a_case_that_always_fails_is_told_and_completed_when_it_no_longer_does(
    stoppable, whole, results_of, tmp_path
):
    advice = "mend what failed, or delete the journal"
    first = stoppable(FAILS)
    assert "(1 failed: ValueError: a fault of two lines)" in first.out
    assert advice not in first.out
    for _ in range(2):
        again = stoppable(FAILS, "--resume")
        assert again.code == FAILED, again.out
        assert "(1 failed: as before: ValueError: a fault of two lines); " + advice in again.out
    other = stoppable("raise KeyError('other')", "--resume")
    assert "(1 failed: KeyError: 'other')" in other.out
    assert advice not in other.out
    last = stoppable("", "--resume")
    assert last.code == 0, last.out
    assert results_of(tmp_path / "results.json") == whole
    assert not list(tmp_path.glob("*.journal*"))


def test_what_shares_its_chips_is_safe_with_the_first_of_them(warm, tiny, project, tmp_path):
    bench = BENCH.replace("WhiteOutput(std=std) for std in (0.5, 1.0, 2.0, 4.0)", "[Pcm()]")
    bench = bench.replace("import WhiteOutput", "import Pcm")
    bench = bench.replace("layers=", "drift_s=(1.0, 60.0, 3600.0),\n    layers=")
    bench = bench.replace("    measure(case)", "    measure(case)\n    pytest.exit('enough')")
    (project / "bench_mine.py").write_text(bench)
    done = warm("--model", tiny, cwd=project, folder=tmp_path)
    assert done.code == INTERRUPTED, done.out
    run = read_run(tmp_path / "results.json")
    assert {result.drift_s for result in run.results} == {1.0, 60.0, 3600.0}
    assert all(result.status == "measured" for result in run.results)
    assert run.incomplete is None
