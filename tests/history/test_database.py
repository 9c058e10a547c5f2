import subprocess
import sys

import pytest
from msgspec.structs import replace

from analog_bench.errors import StoreError, UsageError
from analog_bench.history.database import History, require_duckdb
from analog_bench.history.rows import COLUMNS
from analog_bench.store.run import Incomplete, Unmeasured
from analog_bench.store.run_file import read_run, write_run
from tests.history.nights import F1, broken, history_of, result, skipped, write_night


@pytest.fixture
def runs(tmp_path):
    """Two nights: two cases, one of which could not be measured, or broke, in the second."""
    folder = tmp_path / "runs"
    tail = result((60.0, 61.0, 62.0), layers="tail")
    write_night(folder, 0, [result((70.0, 71.0, 69.0)), tail, skipped(result((1.0,), layers="c"))])
    write_night(
        folder,
        1,
        [result((64.0, 65.0, 63.0)), broken(tail), skipped(result((1.0,), layers="c"))],
        aihwkit="1.2.0",
    )
    return folder


def test_there_are_two_tables(runs):
    history = history_of(runs)
    names, rows = history.ask("describe scores")
    assert [row[0] for row in rows] == list(COLUMNS)
    names, rows = history.ask("select run, aihwkit, measured, skipped, broken from runs")
    assert names == ["run", "aihwkit", "measured", "skipped", "broken"]
    assert rows == [
        ("bench-20260101-020000", "1.1.0", 2, 1, 0),
        ("bench-20260102-020000", "1.2.0", 1, 1, 1),
    ]


def test_a_run_is_counted_by_cases_not_by_chips_and_metrics(tmp_path):
    two = [result((70.0,) * 3, drift_s=t, noise="pcm") for t in (1.0, 86400.0)]
    write_night(tmp_path, 0, two)
    assert history_of(tmp_path).ask("select measured from runs")[1] == [(2,)]


def test_anything_can_be_asked(runs):
    history = history_of(runs)
    names, rows = history.ask(
        "select created[:10] as day, avg(value) as mean from scores "
        "where layers = 'head' and score = 'plain' group by day order by day -- by night"
    )
    assert (names, rows) == (["day", "mean"], [("2026-01-01", 70.0), ("2026-01-02", 64.0)])
    # Of several statements the last one answers.
    script = "create view bad as from scores where status = 'broken'; select count(*) from bad;"
    assert history.ask(script)[1] == [(1,)]
    assert history.ask("select fingerprint from scores where chip = 2 limit 1")[1] == [([2.5],)]
    assert history.ask("select * from scores where false")[1] == []


@pytest.mark.parametrize(
    "sql",
    [
        "copy scores to 'out.csv'",
        "copy scores to 'out.parquet'",
        "export database 'out'",
        "attach 'out.db'",
        "select * from read_text('secret.txt')",
        "from 'secret.txt'",
        "set enable_external_access = true; copy scores to 'out.csv'",
        "select 1; copy scores to 'out.csv'; select 2",
        "install sqlite",
        "load sqlite",
        "from runs_of_python",
    ],
)
def test_a_query_reads_and_writes_no_file(runs, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("1\n")
    runs_of_python = history_of(runs).table()
    assert runs_of_python.num_rows
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as caught:
        history_of(runs).ask(sql)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="--where"):
        history_of(runs).keep_only("run in (select content from read_text('secret.txt'))")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("select valu from scores", 'column "valu" not found'),
        ("select * from score", "Table with name score does not exist"),
        ("select value::date from scores", "Cast"),
        ("select error('mine')", "mine"),
        ("", "--sql '' asks nothing"),
        (" ; ", "--sql ' ; ' asks nothing"),
        ("-- all of it", "asks nothing"),
    ],
)
def test_a_mistake_in_a_query_is_one_line(runs, sql, said):
    with pytest.raises(UsageError, match=r"describe scores|asks nothing") as caught:
        history_of(runs).ask(sql)
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("aihwkit = '1.2.0'", 8),
        ("aihwkit = '1.2.0' -- the newest", 8),
        ("aihwkit = '1.1.0' or layers = 'c'", 14),
        # Where there is no value the condition is not fulfilled.
        ("value > 66", 3),
        ("chip in (select min(chip) from scores where layers = 'tail')", 6),
        ("true", 21),
    ],
)
def test_only_rows_that_fulfil_a_condition(runs, condition, left):
    history = history_of(runs)
    history.keep_only(condition)
    assert history.rows("select count(*) from scores") == [(left,)]
    # What is gone is gone from the runs, too.
    runs_left = history.rows("select count(distinct run_id) from scores")
    assert history.rows("select count(*) from runs") == runs_left


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("release = '1.2.0'", 'column "release" not found'),
        ("aihwkit = ", "syntax error"),
        ("aihwkit", "VARCHAR"),
        ("true) or (false", None),
        ("", ""),
        ("aihwkit = '3.0.0'", "leaves no run"),
    ],
)
def test_a_mistake_in_a_condition_is_one_line(runs, condition, said):
    history = history_of(runs)
    if said is None:
        history.keep_only(condition)
        return
    with pytest.raises(UsageError) as caught:
        history.keep_only(condition)
    assert str(caught.value).startswith(f"--where {condition!r}")
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_nothing_is_written_and_nothing_outlives_it(runs):
    before = sorted(path.name for path in runs.iterdir())
    history = history_of(runs)
    history.ask("create table mine as from scores; drop view runs")
    history.ask("delete from scores")
    assert len(history_of(runs).rows("from runs")) == 2
    assert sorted(path.name for path in runs.iterdir()) == before


def test_runs_without_a_result_are_no_history(tmp_path):
    write_night(tmp_path, 0, [], metrics=(F1,))
    with pytest.raises(StoreError, match=r"none of the runs in .* can be read, or none has"):
        history_of(tmp_path)


def test_what_is_not_installed_is_said_with_what_to_install(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for call in (require_duckdb, lambda: History([runs], pytest.fail)):
        with pytest.raises(UsageError, match=r"DuckDB \(.*\): pip install '") as caught:
            call()
        assert "duckdb" in str(caught.value)
        assert str(caught.value).endswith("pip install 'analog-bench[history]'")


def test_other_verbs_need_neither():
    code = (
        "import sys, analog_bench.cli; "
        "sys.exit(bool({'duckdb', 'pyarrow', 'scipy', 'rich', 'vl_convert'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_run_that_was_stopped_is_in_no_history_until_it_is_complete(runs, tmp_path):
    path = write_night(runs, 2, [result((64.0, 65.0, 63.0))])
    whole = read_run(path)
    missing = Unmeasured("layer_noise", "bert/tail")
    write_run(path, replace(whole, incomplete=Incomplete((missing,), "pytest bench --resume")))
    said = []
    stopped = History([runs], said.append)
    assert len(stopped.rows("select * from runs")) == 2
    assert said == [
        f"left out: run file {str(path)!r}: the run was stopped; complete it with pytest bench "
        "--resume"
    ]
    with pytest.raises(StoreError, match="the run was stopped; complete it with pytest bench"):
        history_of(path)
    # One whose tests all ran is, though some failed.
    missing = replace(missing, reason="ValueError")
    write_run(path, replace(whole, incomplete=Incomplete((missing,), "pytest bench --resume")))
    assert len(history_of(runs).rows("select * from runs")) == 3
    write_run(path, whole)
    assert len(history_of(runs).rows("select * from runs")) == 3
