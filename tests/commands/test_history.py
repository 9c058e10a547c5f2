import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.commands.history import Score
from analog_bench.history.rows import SCORES
from tests.history.nights import result, skipped, write_night
from tests.store.examples import snapshot

GOOD, BAD = (70.0, 71.0, 69.0), (64.0, 65.2, 62.9)
CASE = "bert/head/white_output:std=1"


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture
def runs():
    """Four nights in `runs`; a step with the third."""
    for night, scores in enumerate((GOOD, GOOD, BAD, BAD)):
        results = [result(scores), skipped(result(GOOD, layers="tail"))]
        write_night(Path("runs"), night, results, aihwkit="1.2.0" if night > 1 else "1.1.0")
    return Path("runs")


@pytest.fixture
def say(capsys):
    """Return a function that runs the verb: exit code, lines of output, lines of errors."""

    def run(*words):
        code = main(["history", *words])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


@pytest.fixture
def refused(say):
    """Return a function that runs the verb and returns its one line of error."""

    def run(*words):
        code, out, err = say(*words)
        assert (code, out, len(err)) == (BENCH_ERROR, [], 1)
        return err[0].removeprefix("analog-bench: error: ")

    return run


def test_a_process_of_its_own(runs):
    (runs / "bench-cut.json").write_text("{")
    words = ["history", "--plot", "trend.png", "--case", "bert/*"]
    done = subprocess.run(
        [sys.executable, "-m", "analog_bench.cli", *words],
        capture_output=True,
        timeout=120,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert f"-6.0 +-0.4 worse  F1 of {CASE}, p < 0.001" in done.stdout
    assert done.stdout.splitlines()[-1] == "plot: trend.png"
    assert Path("trend.png").read_bytes()[:4] == b"\x89PNG"
    assert done.stderr.splitlines() == [
        "analog-bench: left out: run file 'runs/bench-cut.json': not JSON: Expecting property name "
        "enclosed in double quotes: line 1 column 2 (char 1)"
    ]


def test_without_words_all_runs_are_shown(runs, say):
    code, out, err = say()
    assert (code, err) == (0, [])
    assert [line.split()[0] for line in out[1:5]] == [f"2026-01-0{n}" for n in (1, 2, 3, 4)]
    assert "1 step in 1 trend of up to 4 runs" in out


def test_runs_and_their_history_are_read_and_each_run_counts_once(runs, say):
    assert say("runs", "--export", "runs/history")[1] == ["history: 4 runs added to runs/history"]
    for path in sorted(runs.glob("*.json"))[:3]:
        path.unlink()
    code, out, _ = say("--sql", "select count(*) as runs from runs")
    assert (code, [line.strip() for line in out]) == (0, ["runs", "4"])


def test_an_empty_folder(refused):
    Path("runs").mkdir()
    assert refused().startswith("no runs in 'runs': there is neither a bench-*.json nor a history;")
    Path("runs").rmdir()
    assert refused() == (
        "no runs at 'runs': there is no such file or folder; run `pytest bench` first, or name run "
        "files or folders of them"
    )
    Path("runs/history").mkdir(parents=True)
    assert refused().startswith("no runs in 'runs', 'runs/history': there is neither")


def test_one_document_of_all_of_it(runs, say):
    code, out, _ = say("--json", "--case", CASE, "--order", "release")
    document = json.loads("\n".join(out))
    assert code == 0
    assert [run["aihwkit"] for run in document["runs"]] == ["1.1.0", "1.1.0", "1.2.0", "1.2.0"]
    (trend,) = document["trends"]
    (step,) = trend["steps"]
    assert (step["run"], step["direction"]) == ("bench-20260103-020000", "worse")
    assert step["changed"] == {"aihwkit": ["1.1.0", "1.2.0"]}
    assert [point["chips"] for point in trend["points"]] == list(map(list, (GOOD, GOOD, BAD, BAD)))
    # The picture is drawn beside it, and nothing else is printed.
    again = say("--json", "--case", CASE, "--order", "release", "--plot", "trend.svg")
    assert again == (0, out, [])
    assert Path("trend.svg").read_text().startswith("<svg")


def test_the_newest_runs_and_rows_that_fulfil_a_condition(runs, say):
    document = json.loads("\n".join(say("--json", "--last", "3")[1]))
    assert [len(document["runs"]), len(document["trends"][0]["points"])] == [3, 3]
    document = json.loads("\n".join(say("--json", "--where", "aihwkit = '1.2.0'")[1]))
    assert [run["aihwkit"] for run in document["runs"]] == ["1.2.0", "1.2.0"]
    assert document["trends"][0]["steps"] == []


def test_a_question_in_sql(runs, say):
    query = "select aihwkit, avg(value) as mean, 'nan'::double as none from scores group by 1, 3"
    code, out, _ = say("--sql", f"{query} order by 1", "--json", "--where", "score = 'plain'")
    assert code == 0
    assert json.loads("\n".join(out)) == [
        {"aihwkit": "1.1.0", "mean": 70.0, "none": None},
        {"aihwkit": "1.2.0", "mean": pytest.approx(64.0333, abs=1e-4), "none": None},
    ]
    # Where nobody looks at a terminal an answer is as wide as it is.
    _, out, _ = say("--sql", "from runs")
    assert len(out) == 5
    assert [line.split()[0] for line in out[1:]] == [
        f"bench-2026010{n}-020000" for n in (1, 2, 3, 4)
    ]


def test_a_folder_is_added_to_and_files_are_written_anew(runs, say):
    assert say("runs", "--export", "nightly")[1] == ["history: 4 runs added to nightly"]
    before = snapshot(Path("nightly"))
    write_night(runs, 4, [result(BAD)])
    assert say("runs", "--export", "nightly")[1] == ["history: 1 run added to nightly"]
    assert say("nightly", "--export", "nightly")[1] == ["history: 0 runs added to nightly"]
    after = snapshot(Path("nightly"))
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    for name in ("all.parquet", "all.jsonl"):
        assert say("runs", "--export", name)[1] == [f"history: 34 rows to {name}"]
        assert say(name)[1] == say("nightly")[1] == say("runs")[1]
    assert say("runs", "--export", "all.jsonl", "--where", "score = 'plain'")[1] == [
        "history: 15 rows to all.jsonl"
    ]
    Path("nights.of.may").mkdir()
    assert say("--export", "nights.of.may")[1] == ["history: 5 runs added to nights.of.may"]
    assert say("--export", "nights-1.2")[1] == ["history: 5 runs added to nights-1.2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--case", "bert/heat/white_output:std=1"], f"did you mean '{CASE}'?"),
        (["--case", "bert/tail/*"], "nothing was measured of bert/tail/* in these runs"),
        (["--metric", "em"], "no run has the metric 'em'; known: f1"),
        (["--score", "avm"], "no run has the score 'avm'; they have plain, a_star (one_day and"),
        (["--where", "release = 1"], "--where 'release = 1': Binder Error: Referenced column"),
        (["--where", "false"], "--where 'false' leaves no run"),
        (["--sql", "selec"], 'syntax error at or near "selec" (tables: scores, runs; --sql'),
        (["--sql", " "], "--sql ' ' asks nothing"),
        (["--sql", "select 1 as a, 2 as a", "--json"], "two columns of the answer are named 'a'"),
        (["--sql", "from runs", "--plot", "x.svg"], "--sql says itself what is asked: leave out"),
        (["--sql", "from runs", "--last", "2"], "leave out --last"),
        (["--export", "x", "--case", "y", "--order", "date"], "leave out --case, --order"),
        (["--export", "x", "--json"], "--export prints no document: leave out --json"),
        (["--export", "all.csv"], "--export writes a .parquet or a .jsonl file, or to a folder, f"),
        (["--plot", "trend.pdf"], "--plot writes .svg or .png, found 'trend.pdf'"),
        (["--plot", "runs/bench-20260101-020000.json/x.svg"], "cannot write the plot to"),
        (["runs", "log.jsonl"], "JSON lines at 'log.jsonl' is no history of this release"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(runs, refused, words, said):
    Path("log.jsonl").write_text('{"step": 1, "loss": 2.5}\n')
    before = snapshot(Path())
    assert said in refused(*words)
    assert snapshot(Path()) == before


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("--export",), "notes.parquet"),
        (("--export",), "log.jsonl"),
        (("--case", CASE, "--plot"), "notes.svg"),
        (("--case", CASE, "--plot"), "notes.png"),
    ],
)
def test_what_is_of_another_kind_is_not_replaced(runs, refused, say, words, file):
    path = Path(file)
    path.write_text('{"step": 1, "loss": 2.5}\n')
    said = refused("runs", *words, file)
    assert said.startswith(f"'{file}' is there and is no ")
    assert said.endswith("it stays as it is: choose another file")
    assert path.read_text() == '{"step": 1, "loss": 2.5}\n'
    # An empty file is nobody's, and one of the kind is drawn or written anew.
    path.write_bytes(b"")
    for _ in range(2):
        assert say("runs", *words, file)[0] == 0
        assert path.stat().st_size > 100


def test_without_what_a_history_needs(runs, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    said = refused()
    assert said.startswith("a history needs DuckDB (")
    assert said.endswith("): pip install 'analog-bench[history]'")


def test_only_skipped_cases(say, refused):
    write_night(Path("runs"), 0, [skipped(result(GOOD))])
    code, out, _ = say()
    assert (code, out[-1]) == (0, "nothing was measured")
    assert "0  1 skipped" in out[1]
    assert refused("--plot", "x.svg") == "there is nothing to plot: no case was measured"


def test_the_scores_to_choose_from_are_those_there_are():
    assert ("plain", *get_args(Score)) == SCORES
