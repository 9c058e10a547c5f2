"""`analog-bench hwa train`, from a data file to shipped HWA weights, at full size."""

import contextlib
import io
import json

import pytest

from analog_bench.cli import main
from analog_bench.zoo.hwa_folder import is_hwa, read_hwa_record
from tests.own_folders import saved_bert
from tests.squad_articles import write_rivers

SMALL = (
    *("--steps", "1", "--batch", "2", "--chips", "1", "--held-out", "1", "--max-length", "64"),
    *("--validation-examples", "1", "--first-ranges", "sigma", "--threads", "1"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_rivers(tmp_path_factory.mktemp("data") / "questions.json", 4)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "out"
    call = ["hwa", "train", "bert", "--data", str(data), "--out", str(out), *SMALL]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert main([*call, "--json"]) == 0
    return call, out, json.loads(told.getvalue())


def test_it_ships_weights_that_say_how_they_came_to_be(trained):
    _, out, _ = trained
    record = read_hwa_record(out / "ship")
    assert is_hwa(out / "ship")
    assert (record.recipe["steps"], record.recipe["preset"]) == (1, "StandardHWATrainingTorch")
    assert {"torch", "aihwkit", "data", "minutes"} <= set(record.recipe)
    assert record.recipe["device"] == "cpu"
    scores = {f"held_out_f1_{kind}" for kind in ("digital", "direct", "start", "hwa")}
    assert scores <= set(record.results)
    assert record.results["chips"] == 1
    assert len(record.input_ranges) == 37
    assert [len(r) for n, r in record.input_ranges.items() if n.endswith("r.0.output.dense")] == [3]
    assert str(out) not in (out / "ship" / "record.json").read_text()


def test_it_says_what_the_weights_are_worth(trained):
    _, out, said = trained
    assert (said["model"], said["steps"], said["ended"]) == ("bert", 1, "finished")
    assert said["ship"] == str(out / "ship")
    assert 0 <= said["hwa"] <= 100
    assert len(said["chips"]) == 1
    assert said["best_step"] in (0, 1)


def test_a_second_call_takes_what_is_there(trained, capsys):
    call, _, said = trained
    assert main([*call, "--finish"]) == 0
    told = capsys.readouterr()
    assert f"steps: 1 (finished), best at {said['best_step']}" in told.out
    assert f"HWA f1: {said['hwa']:.3f} on chips" in told.out
    assert "step 1 of 1" not in told.err


def test_what_cannot_be_asked_is_one_line(trained, data, tmp_path, capsys, monkeypatch):
    call, *_ = trained
    assert main([*call, "--learning-rate", "0.5"]) == 4
    assert "learning_rate was 0.002 and is now 0.5" in capsys.readouterr().err
    monkeypatch.delenv("ANALOG_BENCH_DATA", raising=False)
    for words, told in (
        (["nobert"], "did you mean 'bert'"),
        (["bert"], "give --data a SQuAD v1.1 JSON file"),
        (["bert", "--weights", "x", "--zoo", "hub"], "--weights is for embedded models"),
        (
            ["bert", "--data", str(data), "--max-length", "600"],
            "max_length 600 is more than the 512 positions of bert",
        ),
        (["bert", "--modifier", "pcm_noise"], "needs the C++ tile"),
        (["bert", "--data", str(data), "--device", "cud"], "--device must be cpu, cuda or cuda:N"),
        (["bert", "--data", str(tmp_path / "none.json")], "no data file at"),
    ):
        assert main(["hwa", "train", *words, "--out", str(tmp_path / "out")]) == 4
        error = capsys.readouterr().err
        assert told in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize("words", [["--steps", "-1"], ["--range-rate", "nan"], ["--decay", "up"]])
def test_a_line_that_cannot_be_read_is_refused(words, capsys):
    assert main(["hwa", "train", "bert", *words]) == 2
    assert words[0] in capsys.readouterr().err


def test_a_model_and_hardware_of_the_users_own(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved_bert(tmp_path / "mine")
    capsys.readouterr()  # writing models draws bars
    file = tmp_path / "hardware.py"
    file.write_text(
        "from aihwkit.simulator.configs import *\n"
        "def noisy():\n    return TorchInferenceRPUConfig()\n"
        "def wires():\n    return TorchInferenceRPUConfigIRDropT()\n"
    )
    call = ["hwa", "train", "./mine", "--data", str(data), *SMALL, "--max-length", "128"]
    assert main([*call, "--preset", f"{file}:noisy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "mine"
    shipped = tmp_path / "runs" / "hwa" / "mine" / "ship"
    assert is_hwa(shipped)
    assert str(read_hwa_record(shipped).recipe["preset"]).startswith("hardware.py:noisy@")
    file.write_text(file.read_text() + "# changed")
    for function, told in (
        ("noisy", "was started with another recipe (preset was 'hardware.py:noisy@"),
        ("wires", "computes in TorchSimulatorTileIRDropT, and training in TorchSimulatorTile only"),
        ("nois", "has no function 'nois'; did you mean 'noisy'?"),
    ):
        assert main([*call, "--preset", f"{file}:{function}"]) == 4
        assert told in capsys.readouterr().err
