"""`analog-bench energy`: embedded models, models of a hub cache, and a bare configuration."""

import json

import pytest
from transformers import BertConfig

from analog_bench.cli import main
from analog_bench.planning.scenarios import SCENARIOS
from tests.tiny_hub import GPT2, cached_gpt2


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Stand in an empty folder, on a terminal that is wide enough."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def document(capsys, *words):
    assert main(["energy", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_distilgpt2_under_every_scenario(capsys):
    found = document(capsys, "distilgpt2")
    assert (found["model"], found["zoo"], found["tokens"]) == ("distilgpt2", "embedded", 128)
    assert [one["scenario"] for one in found["scenarios"]] == list(SCENARIOS)
    assert found["macs"] == 128 * (6 * 256 * 3072 + 256 * 8192) + found["attention_macs"]
    assert found["attention_macs"] == 6 * 2 * 128 * 128 * 256
    for one in found["scenarios"]:
        parts = sum(layer["pj"] for layer in one["layers"]) + one["attention_pj"]
        assert one["pj"] == pytest.approx(parts)
        assert one["pj_per_token"] == pytest.approx(one["pj"] / 128)
        assert one["tops_per_watt"] == pytest.approx(2 * found["macs"] / one["pj"])
    hermes = next(one for one in found["scenarios"] if one["scenario"] == "hermes-4phase")
    # 12 tiles a block, and 32 of the head: all of them full.
    tiles = [layer["tiles"] for layer in hermes["layers"] if layer["tiles"]]
    assert sum(tiles) == 6 * 12 + 32
    assert {layer["utilisation"] for layer in hermes["layers"] if layer["tiles"]} == {1.0}
    assert hermes["latency_ns"] == pytest.approx(25 * 128 * 521)
    assert hermes["interval_ns"] == pytest.approx(128 * 521)


def test_layers_scenarios_and_tokens_are_chosen(capsys):
    words = ["--layers", "blocks", "--scenario", "hermes-1phase", "--tokens", "16"]
    found = document(capsys, "distilgpt2", *words, "--replicas", "2", "--tokens-per-fetch", "1")
    assert "lm_head" not in found["on_tiles"]
    assert len(found["on_tiles"]) == 24
    assert (found["tokens"], found["tokens_per_fetch"], found["replicas"]) == (16, 1, 2)
    (one,) = found["scenarios"]
    assert one["latency_ns"] == pytest.approx(24 * 16 * 133 / 2)
    head = one["layers"][-1]
    assert (head["name"], head["tiles"], head["mvm_pj"]) == ("lm_head", None, 0.0)


def test_hardware_gives_the_component_tile(capsys):
    words = ["bert", "--scenario", "components", "--hardware"]
    (one,) = document(capsys, *words, "StandardHWATrainingTorch")["scenarios"]
    assert (one["rows"], one["columns"]) == (512, 512)
    assert "8-bit inputs, 8-bit outputs" in one["title"]


def test_hardware_of_ones_own(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "from aihwkit.simulator.configs import TorchInferenceRPUConfig\n"
        "from aihwkit.simulator.parameters import IOParameters, MappingParameter\n"
        "def small():\n"
        "    return TorchInferenceRPUConfig(\n"
        "        forward=IOParameters(inp_res=1 / 62, out_res=254),\n"
        "        mapping=MappingParameter(max_input_size=64, max_output_size=128),\n"
        "    )\n"
    )
    words = ["bert", "--scenario", "components", "--hardware", "mine.py:small"]
    (one,) = document(capsys, *words)["scenarios"]
    assert (one["rows"], one["columns"], one["mvm_ns"]) == (64, 128, 600.0)
    assert "6-bit inputs, 8-bit outputs" in one["title"]


def test_like_layers_are_shown_together(capsys):
    assert main(["energy", "bert"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("bert (MiniLM-L6, embedded), 128 tokens an inference\n")
    assert said.count("encoder.layer.*.attention.self.query") == 1
    assert "attention (digital)" in said
    assert "28 % on average and by 70 % at most" in " ".join(said.split())
    assert main(["energy", "bert", "--scenario", "neurram", "--all-layers"]) == 0
    said = capsys.readouterr().out
    assert "encoder.layer.3.attention.self.query" in said
    assert "hermes" not in said


def test_a_configuration_is_enough(tmp_path, capsys):
    BertConfig(architectures=["BertForQuestionAnswering"]).save_pretrained(tmp_path / "bert-base")
    found = document(capsys, "./bert-base", "--tokens", "384")
    assert found["macs"] - found["attention_macs"] == 384 * (12 * 12 * 768**2 + 2 * 768)
    assert found["attention_macs"] == 12 * 2 * 384**2 * 768


def test_a_model_of_the_hub(tmp_path, monkeypatch, capsys):
    lock = cached_gpt2(tmp_path, positions=100)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = document(capsys, GPT2, "--zoo", "hub", "--lock", str(lock))
    assert (found["zoo"], found["tokens"]) == ("hub", 100)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["brt"], "did you mean 'bert'?"),
        (["bert", "--scenario", "hermes"], "no scenario 'hermes'; did you mean 'hermes-4phase'?"),
        (["bert", "--layers", "encoder.layer.0.outptu.dense"], "did you mean 'encoder.layer.0."),
        (["bert", "--layers", "*LayerNorm"], "fits no layer of bert"),
        (["bert", "--tokens", "513"], "--tokens is 513, and bert takes 512 at most"),
        (["bert", "--hardware", "FloatingPointPreset"], "perfect converters"),
        (["bert", "--hardware", "ideal"], "perfect converters"),
        (["bert", "--hardware", "StandardHWA"], "StandardHWATraining"),
        (
            ["bert", "--scenario", "neurram", "--hardware", "StandardHWATrainingTorch"],
            "--hardware is for the scenario components",
        ),
        (["./missing"], "missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_wrong_is_one_line(words, wrong, capsys):
    assert main(["energy", *words]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert wrong in err
