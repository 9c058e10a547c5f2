"""`python -m training mobilebert`, from a data file to shippable weights, at full size."""

import json

import pytest

from analog_bench.cli import main
from analog_bench.zoo.embedded_weights import read_tensors
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find_embedded
from analog_bench.zoo.weight_record import read_record
from tests.squad_articles import write_rivers
from tests.training.conftest import run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write questions enough for a batch beside those that are held out."""
    return write_rivers(tmp_path_factory.mktemp("data") / "questions.json", 20)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "out"
    call = ["mobilebert", "--data", str(data), "--out", str(out), "--threads", "1"]
    assert run(*call, "--steps", "1", "--decay-steps", "1") == 0
    return call, out


def test_trained_weights_are_shippable_and_say_how(trained):
    _, out = trained
    record = read_record(out / "ship")
    assert record.form == "whole"
    assert record.recipe["steps"] == 1
    assert record.recipe["teacher"].startswith("the embedded bert, ")
    assert set(record.results) == {"held_out_f1"}
    tensors = read_tensors(out / "ship" / "model.safetensors")
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.float16"}
    size = sum(file.stat().st_size for file in (out / "ship").iterdir())
    assert 14_000_000 < size <= 15_000_000


def test_they_load_as_a_mobilebert_of_its_true_structure(trained):
    _, out = trained
    found = load(find_embedded("mobilebert"), lock_path=out / "none", shipped=out / "ship")
    config = found.model.config
    assert type(found.model).__name__ == "MobileBertForQuestionAnswering"
    assert (config.normalization_type, config.trigram_input) == ("no_norm", True)
    assert config.use_bottleneck
    assert config.key_query_shared_bottleneck
    assert not config.use_bottleneck_attention
    assert config.num_feedforward_networks == 2
    assert config.intra_bottleneck_size < config.hidden_size
    assert config.hidden_act == "relu"
    assert len(found.tokenizer) == config.vocab_size


def test_scores_are_recorded_beside_the_weights(trained, data, capsys):
    _, out = trained
    call = ["zoo", "score", "mobilebert", "--weights", str(out / "ship"), "--data", str(data)]
    assert main([*call, "--json", "--record"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["questions"] == 40
    assert 0 <= said["em"] <= said["f1"] <= 100
    results = read_record(out / "ship").results
    assert results["questions_f1"] == pytest.approx(said["f1"], abs=1e-4)
    assert results["questions_protocol"] == said["protocol"]
    assert "held_out_f1" in results


def test_finish_decays_from_the_last_checkpoint(trained, capsys):
    call, out = trained
    assert run(*call, "--finish", "--decay-steps", "1", "--ship", str(out / "again")) == 0
    # Decayed once already: nothing is computed anew.
    assert "step" not in capsys.readouterr().err
    assert read_record(out / "again").files == read_record(out / "ship").files


@pytest.mark.parametrize(("options", "said"), [(["--finish", "--steps", "3"], "leave --steps out")])
def test_calls_that_cannot_be(trained, capsys, options, said):
    call, _ = trained
    assert run(*call, *options) != 0
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
