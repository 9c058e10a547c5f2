"""Every verb that computes takes a device down to where its model is loaded, and a precision."""

import json

import pytest
import torch

from analog_bench.cli import main
from analog_bench.tasks.squad_files import EMBEDDED, read_squad
from tests.squad_articles import write_squad

COMPUTING = {
    "generate": ["--chips", "1", "--texts", "1"],
    "calibrate bert": [],
    "zoo score bert": [],
    "hwa train bert": ["--data", "some.json"],
    "hwa search bert": ["--data", "some.json", "--trials", "1"],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_squad(read_squad(EMBEDDED).select(range(3)), tmp_path / "some.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, and it would compute")
@pytest.mark.parametrize("verb", COMPUTING)
def test_a_gpu_that_is_not_there_is_missed_by_every_verb(folder, capsys, verb):
    assert main([*verb.split(), *COMPUTING[verb], "--device", "cuda:1"]) == 4
    said = "--device cuda:1: torch sees no GPU here; `analog-bench doctor` shows what there is"
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)


@pytest.mark.parametrize("verb", ["generate", "zoo score bert"])
def test_tf32_is_refused_on_a_processor(folder, capsys, verb):
    assert main([*verb.split(), *COMPUTING[verb], "--precision", "tf32"]) == 4
    err = capsys.readouterr().err
    assert "--precision tf32 is a mode of NVIDIA's GPUs" in err
    assert err.count("\n") == 1


def test_a_score_says_what_it_was_computed_in(capsys):
    found = {}
    for precision in ("float32", "bfloat16"):
        call = ["zoo", "score", "minilm-qnli", "--examples", "8", "--precision", precision]
        assert main([*call, "--json"]) == 0
        found[precision] = json.loads(capsys.readouterr().out)
        assert (found[precision]["device"], found[precision]["precision"]) == ("cpu", precision)
    assert found["float32"]["protocol"] == found["bfloat16"]["protocol"]


def test_a_record_is_in_float32(tmp_path, capsys):
    call = ["zoo", "score", "bert", "--weights", str(tmp_path), "--record"]
    assert main([*call, "--precision", "bfloat16"]) == 4
    assert (
        "--record keeps scores in float32, and --precision is bfloat16" in capsys.readouterr().err
    )
