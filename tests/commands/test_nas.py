"""`analog-bench nas`: a table of a few cells, and two sub-networks of the embedded MobileBERT."""

import json
import sys

import pytest

from analog_bench.cli import main
from tests.planning.some_cells import scored_cells, write_table
from tests.planning.some_subnetworks import fit_on_two_passages
from tests.squad_articles import write_squad
from tests.tiny_teacher import questions_of


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


def test_sub_networks_of_mobilebert(tmp_path, capsys, monkeypatch):
    fit_on_two_passages(monkeypatch)
    path = tmp_path / "questions.json"
    words = ["nas", "mobilebert", "--data", str(write_squad(questions_of(40, 10), path))]
    words += ["--steps", "1", "--chips", "1", "--fresh-chips", "1", "--examples", "2"]
    words += ["--threads", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--trials", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "measuring sub-networks, 1 done: F1 " in err
    found = json.loads(out)
    everything, part = found["measured"]
    assert everything["part"] == {"feed_forwards": [2] * 6, "heads": 12, "width": 352}
    assert everything["parameters"] == 7_197_122 > part["parameters"]
    assert everything["avm"] == pytest.approx(everything["chips"][0][2] - everything["chips"][0][0])
    assert [one["part"] for one in found["fresh"]] == [everything["part"], part["part"]]
    assert found["rankings"] == []
    assert set(found["made_with"]) >= {"steps", "weights", "teacher", "data", "protocol", "seed"}

    # All of it is there: nothing is trained or measured again.
    assert main([*words, "--trials", "2"]) == 0
    out, err = capsys.readouterr()
    assert "done" not in err
    assert "step" not in err
    assert "222222, 12 heads, 352 wide" in out


def test_bad_input_of_a_search_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ANALOG_BENCH_DATA", raising=False)
    assert main(["nas", "mobilebert"]) == 4
    assert "train-v1.1.json" in capsys.readouterr().err
    assert main(["nas", "mobilebert", "--scenario", "hermess"]) == 4
    assert "did you mean" in capsys.readouterr().err
    assert main(["nas", "mobilebert", "--trials", "0"]) == 2
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["nas", "mobilebert"]) == 4
    assert capsys.readouterr().err.endswith("): pip install 'analog-bench[nas]'\n")
