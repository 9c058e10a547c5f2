import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from analog_bench.errors import StoreError
from analog_bench.history.database import History
from analog_bench.history.history_files import add_runs, sources_of, write_table
from analog_bench.history.rows import COLUMNS
from analog_bench.store.run_file import read_run, write_run
from tests.history.nights import history_of, result, rows_by_column, skipped, write_night
from tests.store.examples import example_run, numbered_result, scopes_of, snapshot

ODD_SCORES = (0.1 + 0.2, 5e-324, -1e100, 1 / 3, -0.0)


@pytest.fixture
def runs(tmp_path):
    """Three nights, a run of odd texts and numbers, and one of many cases."""
    folder = tmp_path / "runs"
    for night in range(3):
        results = [result((70.0, 71.0), drift_s=t, noise="pcm") for t in (1.0, 86400.0, 2592000.0)]
        write_night(folder, night, [*results, skipped(result((1.0,), layers="tail"))])
    odd = replace(result(ODD_SCORES, fingerprint=ODD_SCORES), noise='a "b"\\\n\u202e§,:=ß\x1b[31m')
    write_night(folder, 3, [odd], commit=None, aihwkit="1.2.0", machine='häßlich "\\n"')
    many = [replace(numbered_result(n), group=f"c{n}") for n in range(20)]
    write_run(
        folder / "bench-many.json",
        replace(example_run(1), results=tuple(many), scopes=scopes_of(many)),
    )
    return folder


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl", "folder"])
def test_what_is_exported_reads_back_the_same(runs, tmp_path, name):
    before = history_of(runs)
    if name == "folder":
        assert add_runs(tmp_path / name, before.table()) == 5
    else:
        write_table(tmp_path / name, before.table())
    after = history_of(tmp_path / name)
    assert after.table().schema.equals(before.table().schema)
    assert rows_by_column(after) == rows_by_column(before)
    assert after.rows("from runs") == before.rows("from runs")
    # To the byte: a history that is exported twice does not change.
    again = tmp_path / f"again-{name}"
    if name != "folder":
        write_table(again, after.table())
        assert again.read_bytes() == (tmp_path / name).read_bytes()


def test_numbers_and_texts_are_those_of_the_run_file(runs):
    (path,) = runs.glob("*0104*")
    (one,) = read_run(path).results
    rows = [row for row in history_of(path).table().to_pylist() if row["score"] == "plain"]
    assert [row["value"] for row in rows] == [chip.scores["f1"] for chip in one.chips]
    assert [str(row["value"]) for row in rows] == [str(score) for score in ODD_SCORES]
    assert {row["noise"] for row in rows} == {one.noise}
    assert [tuple(row["fingerprint"]) for row in rows] == [chip.fingerprint for chip in one.chips]
    assert {(row["machine"], row["commit"]) for row in rows} == {('häßlich "\\n"', None)}


def test_other_programs_can_read_both_kinds(runs, tmp_path):
    table = history_of(runs).table()
    write_table(tmp_path / "all.parquet", table)
    write_table(tmp_path / "all.jsonl", table)
    found = pq.read_table(tmp_path / "all.parquet")
    assert found.column_names == list(COLUMNS)
    kinds = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
    }
    for name, kind in COLUMNS.items():
        if kind in kinds:
            assert found.schema.field(name).type == kinds[kind]
    lines = (tmp_path / "all.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == found.to_pylist()


def test_a_folder_is_only_ever_added_to(runs, tmp_path):
    folder = tmp_path / "history"
    first = sorted(runs.glob("bench-2026*"))
    assert add_runs(folder, history_of(*first[:2]).table()) == 2
    assert [path.name for path in sorted(folder.iterdir())] == [
        f"{path.stem}-{history_of(path).table()['run_id'][0]}.parquet" for path in first[:2]
    ]
    before = snapshot(folder)
    assert add_runs(folder, history_of(*first[:2]).table()) == 0
    assert snapshot(folder) == before
    assert add_runs(folder, history_of(*first, folder).table()) == 2
    after = snapshot(folder)
    assert len(after) == len(before) + 2
    assert before.items() <= after.items()
    # Neither does a file whose run was measured anew under the same manifest, nor one renamed.
    run = read_run(first[0])
    other = replace(run, results=tuple(replace(r, weights="x" * 64) for r in run.results))
    write_run(tmp_path / "bench-renamed.json", other)
    assert add_runs(folder, history_of(tmp_path / "bench-renamed.json").table()) == 0
    assert snapshot(folder) == after


def test_a_run_counts_once_however_many_files_hold_it(runs, tmp_path):
    expected = rows_by_column(history_of(runs))
    folder = tmp_path / "history"
    table = history_of(runs).table()
    add_runs(folder, table)
    write_table(folder / "all.parquet", table)
    write_table(folder / "some.jsonl", history_of(*sorted(runs.iterdir())[:2]).table())
    (path, *_) = runs.iterdir()
    (folder / "bench-copy.json").write_bytes(path.read_bytes())
    assert rows_by_column(history_of(folder)) == expected
    assert rows_by_column(history_of(runs, folder, runs, path)) == expected


def test_a_run_file_that_cannot_be_read_is_told_and_left_out(runs, tmp_path):
    expected = rows_by_column(history_of(runs))
    (runs / "bench-cut.json").write_bytes((runs / "bench-many.json").read_bytes()[:5000])
    old = json.loads((runs / "bench-many.json").read_text())
    old["manifest"]["created"] = "2025-01-01T00:00:00+00:00"
    del old["metrics"]
    (runs / "bench-old.json").write_text(json.dumps(old))
    twice = [result((70.0,)), replace(result((70.0,)), case_id="bert/head/again")]
    write_night(tmp_path, 9, twice).rename(runs / "bench-twice.json")
    (runs / "notes.json").write_text("not a run file")
    told = []
    assert rows_by_column(History([runs], told.append)) == expected
    assert [line.split(":")[0] for line in told] == ["left out"] * 3
    assert "bench-cut.json': not JSON" in told[0]
    assert told[1].endswith(
        "bench-old.json': the top level: object missing required field `metrics`"
    )
    assert told[2].endswith(
        "bench-twice.json': bert/head/white_output:std=1 is among the results twice"
    )
    assert all("\n" not in line for line in told)
    with pytest.raises(StoreError, match=r"run file '.*bench-cut.json': not JSON"):
        history_of(runs / "bench-cut.json")
    for path in runs.glob("bench-[!cot]*"):
        path.unlink()
    told.clear()
    with pytest.raises(StoreError, match=r"none of the runs in .* can be read, or none has"):
        History([runs], told.append)
    assert len(told) == 3


def cut(content):
    return content[: len(content) // 2]


def other_columns(content):
    buffer = pa.BufferOutputStream()
    pq.write_table(pq.read_table(pa.BufferReader(content)).drop_columns(["value"]), buffer)
    return buffer.getvalue().to_pybytes()


def other_types(content):
    table = pq.read_table(pa.BufferReader(content))
    place = table.column_names.index("chip")
    names = pa.array(["first"] * table.num_rows)
    buffer = pa.BufferOutputStream()
    pq.write_table(table.set_column(place, "chip", names), buffer)
    return buffer.getvalue().to_pybytes()


def not_finite(content):
    table = pq.read_table(pa.BufferReader(content))
    place = table.column_names.index("value")
    values = pa.array([float("nan")] * table.num_rows)
    buffer = pa.BufferOutputStream()
    pq.write_table(table.set_column(place, "value", values), buffer)
    return buffer.getvalue().to_pybytes()


SPOILT = [cut, other_columns, other_types, not_finite, lambda content: b""]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_parquet_file_that_is_no_history_is_named(runs, tmp_path, spoil):
    folder = tmp_path / "history"
    add_runs(folder, history_of(runs).table())
    path = sorted(folder.iterdir())[2]
    path.write_bytes(spoil(path.read_bytes()))
    for given in (folder, path):
        with pytest.raises(StoreError) as caught:
            history_of(given)
        said = str(caught.value)
        assert said.startswith(f"parquet at {str(path)!r} is no history of this release (")
        assert said.endswith("); take it away, or export its runs again")
        assert said.count(".parquet'") <= 2
        assert "\n" not in said


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: ['{"step": 1, "loss": 2.5}'],
        lambda lines: [*lines, '{"step": 1, "loss": 2.5}'],
        lambda lines: [*lines, lines[-1][:100]],
        lambda lines: [line.replace('"value": ', '"worth": ') for line in lines],
        lambda lines: [line.replace('"value": 7', '"value": 7e999') for line in lines],
        lambda lines: ["not a line of JSON"],
    ],
)
def test_json_lines_that_are_no_history_are_named(runs, tmp_path, spoil):
    folder = tmp_path / "history"
    folder.mkdir()
    write_table(folder / "good.parquet", history_of(*runs.glob("*0101*")).table())
    write_table(folder / "bad.jsonl", history_of(*runs.glob("*0102*")).table())
    assert len(history_of(folder).rows("from runs")) == 2
    lines = spoil((folder / "bad.jsonl").read_text().splitlines())
    (folder / "bad.jsonl").write_text("\n".join(lines) + "\n")
    for given in (folder, folder / "bad.jsonl"):
        with pytest.raises(StoreError) as caught:
            # Whatever else there is.
            history_of(given, *runs.glob("*0101*"))
        said = str(caught.value)
        path = str(folder / "bad.jsonl")
        assert said.startswith(f"JSON lines at {path!r} is no history of this release (")
        assert "\n" not in said


def test_names_that_mean_something_to_a_shell_are_names(runs, tmp_path):
    folder = tmp_path / "a*[b]?{c}'d"
    expected = rows_by_column(history_of(runs))
    add_runs(folder, history_of(runs).table())
    write_table(folder / "*.jsonl", history_of(*runs.glob("*0101*")).table())
    (tmp_path / "axb").mkdir()
    (tmp_path / "axb/x.parquet").write_text("never read")
    assert rows_by_column(history_of(folder)) == expected


@pytest.mark.parametrize(
    ("name", "other"),
    [("run[1]", "run1"), ("run*", "run-a"), ("run?", "run1"), ("**", "x"), ("run=night", "run")],
)
@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_another_folder_that_its_name_would_match_is_not_read(runs, tmp_path, name, other, ending):
    own, wrong = (history_of(*runs.glob(night)) for night in ("*0101*", "*0102*"))
    for folder, history in ((name, own), (other, wrong)):
        (tmp_path / folder).mkdir()
        write_table(tmp_path / folder / f"all{ending}", history.table())
    for path in (tmp_path / name, tmp_path / name / f"all{ending}"):
        assert rows_by_column(history_of(path)) == rows_by_column(own)


def test_what_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("")
    (tmp_path / "bench-folder.json").mkdir()
    for name in ("nothing", "nothing.parquet", "nothing.json", "empty/nothing.jsonl"):
        with pytest.raises(StoreError, match=f"no runs at '.*{name}': there is no such file or f"):
            sources_of([tmp_path / "empty", tmp_path / name])
    with pytest.raises(StoreError, match=r"no runs in '.*empty': .* run `pytest bench` first"):
        sources_of([tmp_path / "empty"])
    with pytest.raises(StoreError, match=r"no runs in '.*empty', '.*bench-folder.json'"):
        sources_of([tmp_path / "empty", tmp_path / "bench-folder.json"])


def test_a_history_that_cannot_be_written(runs, tmp_path):
    table = history_of(*runs.glob("*0101*")).table()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.parquet").mkdir()
    for write in (
        lambda: add_runs(tmp_path / "file", table),
        lambda: write_table(tmp_path / "file/all.jsonl", table),
        lambda: write_table(tmp_path / "folder.parquet", table),
        lambda: write_table(tmp_path / "nul\0.parquet", table),
    ):
        with pytest.raises(StoreError, match="cannot write the history to"):
            write()
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["file", "folder.parquet", "runs"]
