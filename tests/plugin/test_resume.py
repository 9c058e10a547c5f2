"""A run that is killed at any moment and resumed ends with the numbers of one that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from analog_bench.errors import StoreError
from analog_bench.store.journal_file import read_journal
from tests.conftest import clean_environment
from tests.plugin.conftest import ROOT, STUDY_FILE

LAYERS = ("encoder.layer.5.*dense", "qa_outputs")
CHOICE = (
    *(word for layer in LAYERS for word in ("--layer", layer)),
    *("--noise", "white_output", "--noise", "pcm:prog=8", "--chips", "2", "--examples", "6"),
    *("--per-example", "on", "--model", "bert"),
)
CASES = 8
KILLS = 2


def command(folder, *args):
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", STUDY_FILE, *CHOICE]
    # As the other runs of these tests have it: a run is resumed with its own options only.
    baselines = ["--baselines", str(folder / "stored")]
    words += ["--report", "off"]
    return [*words, "--json", str(folder / "results.json"), *baselines, *args]


def journalled(folder):
    """Return how many results the journal holds."""
    try:
        return len(read_journal(folder / "results.json").results)
    except StoreError:  # there is none yet
        return 0


def killed_run(folder, at_least, delay, *args):
    """Run, and kill the whole process group some time after so many results were written."""
    process = subprocess.Popen(
        command(folder, *args),
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while journalled(folder) < at_least and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    return journalled(folder)


@pytest.fixture(scope="module")
def reference(warm, results_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    done = warm(*CHOICE, folder=folder)
    assert done.code == 0, done.out
    assert not (folder / "results.json.journal").exists()
    found = results_of(folder / "results.json")
    assert len(found) == CASES
    return found


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no SIGKILL on this platform")
@pytest.mark.parametrize("moment", range(KILLS))
def test_killed_and_resumed(reference, warm, results_of, tmp_path, tmp_path_factory, moment):
    rng = random.Random(moment)
    workers = ("-n", "2") if moment % 2 else ()
    held = killed_run(tmp_path, rng.randrange(1, CASES - 2), rng.uniform(0, 0.2), *workers)
    assert 1 <= held <= CASES
    # Where everything was journalled, the kill may have come when the results were written.
    assert held == CASES or not (tmp_path / "results.json").exists()
    timings = tmp_path_factory.mktemp("timings") / "timings.json"
    again = ("--resume", *(("-n", "1") if workers else ()), "--benchmark-json", timings)
    done = warm(*CHOICE, *again, folder=tmp_path)
    assert done.code == 0, done.out
    # Only what was measured now is a benchmark; pytest-benchmark writes no file for none.
    timed = json.loads(timings.read_text())["benchmarks"] if timings.exists() else []
    assert len(timed) == CASES - held
    assert results_of(tmp_path / "results.json") == reference
    left = {path.name for path in tmp_path.iterdir()} - {"output.txt", "hub"}
    assert left == {"results.json"}


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no SIGKILL on this platform")
def test_what_was_measured_is_neither_overwritten_nor_mixed(reference, warm, tmp_path):
    held = killed_run(tmp_path, 3, 0.0)
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
