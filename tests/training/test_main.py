"""`python -m training`: what it refuses, and BERT from a data file to recorded scores."""

import json
import sys
from pathlib import Path

import pytest

from analog_bench.cli import main as analog_bench
from tests.squad_articles import write_honey
from tests.training.conftest import run

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture
def data(tmp_path):
    return write_honey(tmp_path / "honey.json")


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["mobilbert"], "Did you mean 'mobilebert'"),
        (["bert", "--rank", "-1"], "Invalid value for '--rank'"),
        (["bert", "--learning-rate", "nan"], "a number above 0 is expected, found 'nan'"),
        (["bert", "--learning-rate", "fast"], "a number above 0 is expected, found 'fast'"),
        (["bert", "--steps", "0"], "Invalid value for '--steps'"),
        # Options that only some recipes know.
        (["bert", "--finish"], "No such option: --finish"),
        (["bert", "--decay-steps", "3"], "No such option: --decay-steps"),
        (["distilgpt2", "--rank", "4"], "No such option: --rank"),
        (["mobilebert", "--rank", "4"], "No such option: --rank"),
    ],
)
def test_a_line_that_cannot_be_read(words, wrong, capsys):
    assert run(*words) == 2
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize("model", ["bert", "distilgpt2", "minilm-qnli", "mobilebert"])
def test_no_data_to_train_on(model, capsys):
    assert run(model) == 4
    err = capsys.readouterr().err
    assert "give --data a SQuAD v1.1 JSON file, or set ANALOG_BENCH_DATA" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("model", ["bert", "minilm-qnli"])
def test_training_without_its_packages(model, data, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert run(model, "--data", data) == 4
    assert 'pip install -e ".[train]"' in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize("rank", [4, 0])
def test_train_then_score_and_record(rank, data, capsys):
    pytest.importorskip("peft")
    words = ["bert", "--data", data, "--out", "out", "--rank", rank]
    words += ["--steps", 1, "--seed", 5, "--learning-rate", 1e-4]
    assert run(*words) == 0
    assert "weights: out/ship" in capsys.readouterr().out
    before = json.loads(Path("out/ship/record.json").read_text())
    assert before["results"] == {}
    assert (before["recipe"]["rank"], before["recipe"]["seed"]) == (rank, 5)
    assert ("delta.safetensors" in before["files"]) == (rank == 0)

    scoring = ["zoo", "score", "bert", "--weights", "out/ship", "--data", str(data)]
    assert analog_bench([*scoring, "--record", "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    after = json.loads(Path("out/ship/record.json").read_text())
    assert {key: after[key] for key in ("files", "base", "recipe")} == {
        key: before[key] for key in ("files", "base", "recipe")
    }
    assert after["results"] == {
        "honey_f1": pytest.approx(score["f1"], abs=1e-4),
        "honey_em": pytest.approx(score["em"], abs=1e-4),
        "honey_questions": 2,
        "honey_protocol": score["protocol"],
    }

    assert run(*words, "--steps", 2) == 4
    wrong = "out was started with another recipe (steps was 1 and is now 2)"
    assert wrong in capsys.readouterr().err
