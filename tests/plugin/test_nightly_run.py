"""`analog-bench nightly run` as a process of its own: nights, a regression, nothing measured."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from analog_bench.cli import main
from analog_bench.history.database import History
from analog_bench.report.as_markdown import escaped
from tests.conftest import clean_environment
from tests.plugin.conftest import ROOT

LAYERS = ("encoder.layer.4.output.dense", "qa_outputs")
CHANGED = "bert/encoder.layer.4.output.dense/white_output:std=1"
CHOICE = (
    *(word for layer in LAYERS for word in ("--layer", layer)),
    *("--noise", "white_output", "--chips", "2", "--examples", "4"),
)
VERB = ["-m", "analog_bench.cli", "nightly", "run"]
# A night runs pytest with its own Python, or here another.
WITH_PYTHON = (
    "import sys; sys.executable = sys.argv.pop(1); "
    "from analog_bench.cli import main; sys.exit(main())"
)


class Night:
    """A finished night: its exit code, what it printed, and the folders that nights share."""

    def __init__(self, code, out, folder):
        self.code = code
        self.out = out
        self.runs = sorted(folder.glob("runs/bench-*.json"))
        self.summary = self.runs[-1].with_suffix(".md").read_text()
        self.history = History([folder / "history"], pytest.fail)

    @property
    def first_line(self):
        return self.summary.splitlines()[0]


@pytest.fixture
def night(warm_python, sentences, tmp_path):
    """Return a function that does a night."""

    def run(stored, **env):
        words = ["--history", tmp_path / "history", "--out", tmp_path / "runs"]
        words += ["--bench", "bench/bench_layer_noise.py", "--", "--model", "bert", *CHOICE]
        words += [f"--baselines={stored}", "--report", "off", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [warm_python, *VERB, *words, f"--data={sentences}"],
            cwd=ROOT,
            env=clean_environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Night(done.returncode, done.stdout, tmp_path)

    return run


def test_two_nights_and_one_with_a_regression(night, tmp_path):
    stored, step = tmp_path / "stored", tmp_path / "step.md"
    step.write_text("## before\n")
    first = night(stored, GITHUB_STEP_SUMMARY=str(step))
    assert first.code == 0, first.out
    assert first.first_line == "# Nothing was compared with a baseline: 2 cases"
    assert "## History: 1 run, no steps in these cases" in first.summary
    # Once: pytest, which would write a summary of its own there, is not told of it.
    assert step.read_text() == f"## before\n{first.summary}"
    assert first.out.endswith(f"\n\n{first.summary}")
    (run,) = first.runs
    assert re.fullmatch(r"bench-\d{8}-\d{6}\.json", run.name)
    (kept,) = (tmp_path / "history").iterdir()
    assert first.summary.splitlines()[-3:] == [
        f"- {escaped(str(path))}" for path in (run, run.with_suffix(".xml"), kept)
    ]

    assert main(["baselines", "update", str(run), "--baselines", str(stored)]) == 0
    second = night(stored)
    assert second.code == 0, second.out
    assert second.first_line == "# Nothing regressed: 2 of 2 cases compared with a baseline"
    assert "## History: 2 runs, no steps in these cases" in second.summary
    scores = second.history.rows(
        "select run, case_id, chip, value from scores where main and score = 'plain' order by all"
    )
    assert {run for run, *_ in scores} == {path.stem for path in second.runs}
    # The same chips every night.
    assert len(scores) == 8
    assert [row[1:] for row in scores[:4]] == [row[1:] for row in scores[4:]]
    assert step.read_text().count("\n# ") == 1

    path = stored / "direct/bert/layer_noise.json"
    content = json.loads(path.read_text())
    (entry,) = content["cases"][CHANGED].values()
    for chip in entry["chips"]:
        chip["scores"]["f1"] += 60
    path.write_text(json.dumps(content))
    third = night(stored, GITHUB_STEP_SUMMARY=str(step))
    assert third.code == 1, third.out
    assert third.first_line == "# Regressed: bert × layer_noise (1 of 2 cases)"
    lines = third.summary.splitlines()
    row = next(line for line in lines if line.startswith(f"| {CHANGED} | regressed | −"))
    assert lines.index(row) < lines.index("## 1 regressed, 1 equivalent of 2 cases")
    assert third.summary.count("| regressed |") == 1
    assert "## History: 3 runs" in third.summary
    assert step.read_text() == f"## before\n{first.summary}{third.summary}"
    assert "FAILED bench/bench_layer_noise.py::bench_layer_noise[" in third.out


@pytest.fixture
def call(warm_python):
    """Return a function that runs the verb to its end, with its own Python or another."""

    def run(*words, python=None, **more):
        start = VERB if python is None else ["-c", WITH_PYTHON, python, *VERB[2:]]
        return subprocess.run(
            [warm_python, *start, *words],
            cwd=ROOT,
            env=clean_environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("words", "pytest_says", "said"),
    [
        (("--nosuch",), "unrecognized arguments: --nosuch", "pytest could not use its options"),
        (("-k", "no_such_study"), "deselected", "no case was selected"),
    ],
)
def test_a_night_without_results_says_why(call, words, pytest_says, said, tmp_path):
    step = tmp_path / "step.md"
    folders = ["--history", tmp_path / "history", "--out", tmp_path / "runs"]
    done = call(*folders, "--", *words, "-p", "no:cacheprovider", GITHUB_STEP_SUMMARY=str(step))
    assert done.returncode == 4
    assert pytest_says in done.stdout + done.stderr
    last = done.stderr.splitlines()[-1]
    left = f"analog-bench: error: no results of bench in {tmp_path / 'runs'}/bench-"
    assert last.startswith(left)
    assert said in last
    assert said in step.read_text()
    assert step.read_text().startswith("# No results: ")
    assert list((tmp_path / "history").iterdir()) == []


def test_a_pytest_that_was_killed(call, tmp_path):
    killed = tmp_path / "killed"
    killed.write_text(
        "#!/bin/sh\n"
        f'for word; do case "$word" in --json=*) mkdir -p "{tmp_path}/runs"; '
        'touch "${word#--json=}.journal";; esac; done\n'
        "printf half-a-line\n"
        "kill -9 $$\n"
    )
    killed.chmod(0o700)
    done = call("--history", tmp_path / "history", "--out", tmp_path / "runs", python=killed)
    assert done.returncode == 4
    assert done.stdout.endswith("half-a-line\n")
    (journal,) = (tmp_path / "runs").iterdir()
    assert done.stderr == (
        f"analog-bench: error: no results of bench in {journal.with_suffix('')}: signal 9 killed "
        "pytest; the command above with --resume goes on where it stopped; pytest's own words are "
        "above\n"
    )


def test_an_interrupt_lets_pytest_finish(tmp_path):
    ready = tmp_path / "ready"
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_slow.py").write_text(
        "import pathlib, time\n"
        "def test_slow():\n"
        "    try:\n"
        f"        pathlib.Path({str(ready)!r}).touch()\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        time.sleep(1)\n"
    )
    # Of its own process group, as in a terminal; and a shell may have told us to ignore it.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    verb = subprocess.Popen(
        [sys.executable, *VERB, "--bench", "test_slow.py", "--", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed,
    )
    with verb:
        while not ready.exists():
            assert verb.poll() is None, verb.communicate()
            time.sleep(0.05)
        os.killpg(verb.pid, signal.SIGINT)
        out, err = verb.communicate(timeout=60)
    assert "!! KeyboardInterrupt !!" in out
    assert verb.returncode == 4
    assert "analog-bench: error: no results of test_slow.py in runs/bench-" in err
    assert err.endswith(
        ".json: pytest was interrupted, or a file could not be collected; pytest's own words are "
        "above\n"
    )
