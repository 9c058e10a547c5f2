"""`analog-bench nas analognas-bench` on a table of a few cells."""

import json
import sys

import pytest

from analog_bench.cli import main
from tests.planning.some_cells import scored_cells, write_table


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "table.csv.gz", scored_cells(200))


def call(*words):
    return main(["nas", "analognas-bench", *map(str, words)])


def test_what_a_table_of_cells_gives(table, capsys):
    assert call("--data", table, "--measured", 12, "--repeats", 3, "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)
    assert (found["cells"], found["repeats"], found["seed"]) == (200, 3, 0)
    assert 100 < found["classes"] < 200
    assert len(found["rankings"]) == 2 * (1 + 4)
    one = found["rankings"][1]
    assert (one["encoding"], one["target"], one["measured"]) == ("paths and graph", "one_day", 12)
    low, high = one["tau"]["interval"]
    assert low < one["tau"]["mean"] < high
    assert one["tau"]["mean"] == pytest.approx(sum(one["tau"]["values"]) / 3)
    assert set(found["equal_cells_tau"]) == {"one_day", "avm"}


def test_bad_input_is_told_in_one_line(table, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ANALOG_BENCH_DATA", raising=False)
    assert call() == 4
    assert "no AnalogNAS-Bench: give --data its CSV file, or set ANALOG" in capsys.readouterr().err
    monkeypatch.setenv("ANALOG_BENCH_DATA", str(tmp_path))
    assert call() == 4
    assert "analognasbench_full.csv.gz: No such file" in capsys.readouterr().err
    assert call("--data", table, "--measured", 5000) == 4
    assert "5000 cells cannot be measured" in capsys.readouterr().err
    assert call("--data", table, "--measured", 3) == 2
    assert "10" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert call("--data", table) == 4
    assert capsys.readouterr().err.endswith("): pip install 'analog-bench[nas]'\n")
