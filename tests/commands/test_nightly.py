"""What a night says of its results and the history, and what it refuses before it measures."""

import json
import os

import pytest
from msgspec.structs import replace

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.commands.nightly import conclude
from analog_bench.report.as_markdown import escaped
from analog_bench.store.run import Incomplete, Unmeasured
from analog_bench.store.run_file import read_run, write_run
from tests.history.nights import result, write_night

GOOD, BAD = (70.0, 71.0, 69.0), (61.0, 62.2, 59.9)


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture
def nights(tmp_path):
    """Return a function that does the part of a night that comes after measuring."""

    def write(night, *results, code=0, **environment):
        run = write_night(tmp_path / "runs", night, list(results), **environment)
        return run, conclude(run, tmp_path / "history", code).splitlines()

    return write


def store(run):
    assert main(["baselines", "update", str(run)]) == 0


def with_option(run, name, value):
    found = read_run(run)
    options = {**found.manifest.options, name: value}
    write_run(run, replace(found, manifest=replace(found.manifest, options=options)))


def test_a_regression_and_its_step_in_the_history(nights):
    run, lines = nights(0, result(GOOD), result(GOOD, layers="tail"))
    assert lines[0] == "# Nothing was compared with a baseline: 2 cases"
    store(run)
    for night in (1, 2):
        _, lines = nights(night, result(GOOD), result(GOOD, layers="tail"))
        assert lines[0] == "# Nothing regressed: 2 of 2 cases compared with a baseline"
        assert f"## History: {night + 1} runs, no steps in these cases" in lines
    run, lines = nights(3, result(BAD), result(GOOD, layers="tail"), code=1, aihwkit="1.2.0")
    assert lines[:3] == [
        "# Regressed: bert × layer_noise (1 of 2 cases)", "", "## bert × layer_noise",
    ]  # fmt: skip
    step = lines.index("## History: 4 runs, 1 step in these cases") + 2
    assert lines[step].startswith("- **−9.0 ±")
    assert r"worse with this run: F1 of bert/head/white_output:std=1; what else" in lines[step]
    assert lines[step].endswith(r"changed then: aihwkit 1.1.0 -\> 1.2.0**")
    run, lines = nights(4, result(BAD), result(GOOD, layers="tail"), code=1, aihwkit="1.2.0")
    (line,) = [line for line in lines if line.startswith("- −9.0 ±")]
    assert " worse since 2026-01-04 02:00: F1 of bert/head" in line
    assert lines[-2:] == [f"- {run}", *(f"- {p}" for p in run.parents[1].glob("history/*0105*"))]
    # Steps of cases that a night did not measure are not its own.
    _, lines = nights(5, result(GOOD, layers="tail"))
    assert "## History: 6 runs, no steps in these cases" in lines


def test_what_is_new_and_what_is_old_may_share_a_name(nights, tmp_path):
    _, lines = nights(0, result(GOOD))
    _, lines = nights(0, result(GOOD), device="cuda")
    assert "## History: 2 runs, no steps in these cases" in lines
    assert len(list((tmp_path / "history").iterdir())) == 2
    # That of this run alone is listed.
    assert sum(line.endswith(".parquet") for line in lines) == 1


def test_a_long_list_of_old_steps_ends(nights):
    layers = [f"block{n}" for n in range(12)]
    for night, scores in enumerate((GOOD, GOOD, BAD, BAD)):
        _, lines = nights(night, *(result(scores, layers=name) for name in layers))
    assert "## History: 4 runs, 12 steps in these cases" in lines
    assert sum("worse since" in line for line in lines) == 10
    assert "- and 2 older ones: `analog-bench history` shows them" in lines


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, ""),
        (1, "**a test failed though nothing regressed: pytest's output above says why**"),
        (2, "**pytest ended with code 2: what is here is what was measured until then**"),
        (-9, "**signal 9 killed pytest: what is here is what was measured until then**"),
    ],
)
def test_what_else_went_wrong_is_the_second_line(nights, code, said):
    run, _ = nights(0, result(GOOD))
    store(run)
    _, lines = nights(1, result(GOOD), code=code)
    assert lines[0].startswith("# Nothing regressed")
    assert lines[2] == (said or "## 1 equivalent of 1 case")


def test_a_broken_case_is_not_called_regressed(nights):
    run, _ = nights(0, result(GOOD), result(GOOD, layers="tail"))
    store(run)
    broken = replace(result(GOOD), status="broken", reason="chip 1 scored nan", chips=())
    _, lines = nights(1, broken, result(GOOD, layers="tail"), code=1)
    assert lines[0] == "# Broken: bert × layer_noise (1 of 2 cases)"
    _, lines = nights(2, broken, result(BAD, layers="tail"), code=1)
    assert lines[0] == "# Regressed: bert × layer_noise (2 of 2 cases, 1 of them broken)"


def test_a_digital_model_that_changed(nights):
    run, _ = nights(0, result(GOOD))
    store(run)
    _, lines = nights(1, replace(result(GOOD), digital={"f1": 77.0}), code=1)
    assert lines[0] == "# Regressed: bert × layer_noise (the digital model)"
    assert lines[4].startswith("**digital model: f1 was 80, is 77; ")


def test_with_the_gate_off_nothing_is_compared(nights, tmp_path):
    run, _ = nights(0, result(GOOD))
    store(run)
    run = write_night(tmp_path / "runs", 1, [result(BAD)])
    with_option(run, "gate", "off")
    lines = conclude(run, tmp_path / "history", 0).splitlines()
    assert lines[0] == "# Nothing was compared with a baseline: 1 case"


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("--json", "--out FOLDER says where"),
        ("--json=runs/mine.json", "--out FOLDER says where"),
        ("--junit-xml=x.xml", "--out FOLDER says where"),
        ("--junitxml", "--out FOLDER says where"),
        ("--max-drop", "judged by its baselines"),
        ("--resume", "the pytest command that an interrupted night printed"),
        ("--update-baselines", "`analog-bench baselines update RUN`"),
    ],
)
def test_what_a_night_decides_itself(word, instead, tmp_path, capsys):
    assert main(["nightly", "run", "--", "-k", "bert", word]) == BENCH_ERROR
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert f"error: {word.partition('=')[0]} is not for a night: " in line
    assert instead in line
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_cannot_be_kept_is_found_out_before_measuring(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/bench-1.parquet").write_text(json.dumps({"not": "parquet"}))
    for folder, said in (
        ("all.parquet", "a history of nights is a folder, a file a run, found --history 'all.parq"),
        ("file/history", "cannot keep a history in 'file/history': Not a directory"),
        ("old", "parquet at 'old/bench-1.parquet' is no history of this release"),
    ):
        assert main(["nightly", "run", "--history", folder]) == BENCH_ERROR
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_a_job_summary_that_is_no_file_neither_blocks_nor_hides_anything(
    tmp_path, monkeypatch, capsys, kind
):
    step = tmp_path / "step.md"
    make = {"pipe": os.mkfifo, "folder": os.mkdir, "loop": lambda path: os.symlink(path, path)}
    make[kind](step)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    assert main(["nightly", "run", "--bench", "none"]) == BENCH_ERROR
    told, why = capsys.readouterr().err.splitlines()[-2:]
    assert told.startswith(f"analog-bench: cannot write the job's summary to {step}: ")
    assert why.startswith("analog-bench: error: no results of none in runs/bench-")


def test_a_night_that_was_stopped_says_so_and_is_added_when_it_is_complete(nights, tmp_path):
    run = write_night(tmp_path / "runs", 0, [result(GOOD)])
    whole = read_run(run)
    missing = Incomplete((Unmeasured("layer_noise", "bert/tail"),), "pytest bench --resume")
    write_run(run, replace(whole, incomplete=missing))
    lines = conclude(run, tmp_path / "history", 2).splitlines()
    said = "incomplete: 1 of 2 cases not measured; to complete the run: pytest bench --resume"
    assert f"**{escaped(said)}**" in lines
    assert "## History: 0 runs, no steps in these cases" in lines
    assert not (tmp_path / "history").exists()
    write_run(run, whole)
    lines = conclude(run, tmp_path / "history", 0).splitlines()
    assert not any("incomplete" in line for line in lines)
    assert "## History: 1 run, no steps in these cases" in lines
