"""A run that is killed at any moment and resumed ends with the numbers of one that was not."""

import json
import random
import signal

import pytest

from analog_bench.store.journal_file import read_journal

LAYERS = ("encoder.layer.5.*dense", "qa_outputs")
CHOICE = (
    *(word for layer in LAYERS for word in ("--layer", layer)),
    *("--noise", "white_output", "--noise", "pcm:prog=8", "--chips", "2", "--examples", "6"),
    *("--per-example", "on"),
)
CASES = 8
KILLS = 2
# Kills the process that writes the results, some time after it has so many; workers outlive it.
KILLER = """
import os, signal, threading

done = []

def pytest_runtest_logreport(report):
    if report.when == "call" and "PYTEST_XDIST_WORKER" not in os.environ:
        done.append(report)
        if len(done) == {at_least}:
            threading.Timer({delay}, os.kill, (os.getpid(), signal.SIGKILL)).start()
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


@pytest.fixture
def killed(warm, tmp_path, tmp_path_factory):
    """Return a function that begins a run and kills it; it returns how many results are kept."""

    def run(at_least, delay, *args):
        killer = tmp_path_factory.mktemp("killer")
        (killer / "killer.py").write_text(KILLER.format(at_least=at_least, delay=delay))
        done = warm(*CHOICE, *args, "-p", "killer", folder=tmp_path, first_on_path=[killer])
        assert done.code == -signal.SIGKILL, done.out
        # Where the last was journalled, the kill may have come when the results were written.
        written = (tmp_path / "results.json").exists()
        held = CASES if written else len(read_journal(tmp_path / "results.json").results)
        assert at_least <= held <= CASES
        return held

    return run


@pytest.fixture(scope="module")
def reference(warm, results_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    done = warm(*CHOICE, folder=folder)
    assert done.code == 0, done.out
    assert not (folder / "results.json.journal").exists()
    found = results_of(folder / "results.json")
    assert len(found) == CASES
    return found


@pytest.mark.parametrize("moment", range(KILLS))
def test_killed_and_resumed(reference, warm, killed, results_of, tmp_path, moment):
    rng = random.Random(moment)
    workers = ("-n", "2") if moment % 2 else ()
    held = killed(rng.randrange(1, CASES - 2), rng.uniform(0, 0.2), *workers)
    timings = tmp_path / "hub" / "timings.json"
    timings.parent.mkdir(exist_ok=True)
    again = ("--resume", *(("-n", "1") if workers else ()), "--benchmark-json", timings)
    done = warm(*CHOICE, *again, folder=tmp_path)
    assert done.code == 0, done.out
    # Only what was measured now is a benchmark; pytest-benchmark writes no file for none.
    timed = json.loads(timings.read_text())["benchmarks"] if timings.exists() else []
    assert len(timed) == CASES - held
    assert results_of(tmp_path / "results.json") == reference
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "hub"}


def test_what_was_measured_is_neither_overwritten_nor_mixed(reference, warm, killed, tmp_path):
    held = killed(3, 0.0)
    kept = read_journal(tmp_path / "results.json")
    anew = warm(*CHOICE, folder=tmp_path)
    assert anew.code == 4, anew.out
    (error,) = anew.errors
    assert f"{held} " in error
    assert "--resume" in error
    other = warm(*CHOICE, "--resume", "--seed", "2", folder=tmp_path)
    assert other.code == 4, other.out
    assert "seed was 1, is 2" in other.errors[0]
    assert read_journal(tmp_path / "results.json") == kept
