"""Embedded models are claimed when their weights are there, and not before."""

import json
import shutil

import pytest

from analog_bench.cli import main
from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo import model_specs as specs
from analog_bench.zoo.lock_file import Lock
from analog_bench.zoo.model_loading import embedded_config, load
from analog_bench.zoo.model_specs import available, find, find_embedded
from analog_bench.zoo.weight_record import RECORD

NOTHING = Lock("zoo.lock.json", {}, {})


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Return a folder in place of the package's weights: what is recorded of models alone."""
    folder = tmp_path / "weights"
    for name in specs.EMBEDDED:
        (folder / name).mkdir(parents=True)
        shutil.copy(specs.WEIGHTS / name / specs.STRUCTURE, folder / name)
    monkeypatch.setattr(specs, "WEIGHTS", folder)
    return folder


def ship(weights, name):
    (weights / name / RECORD).write_text("{}")


def test_only_what_is_there_is_claimed(weights):
    ship(weights, "bert")
    assert [spec.name for spec in available("embedded", NOTHING)] == ["bert"]
    assert find("bert", "embedded", NOTHING).name == "bert"
    for name in ("mobilebert", "distilgpt2"):
        with pytest.raises(UsageError, match=f"no weights of the embedded {name} in ") as caught:
            find(name, "embedded", NOTHING)
        assert f"`python -m training {name}` makes them" in str(caught.value)
    ship(weights, "mobilebert")
    assert find("mobilebert", "embedded", NOTHING) == find_embedded("mobilebert")
    assert {spec.name for spec in available("embedded", NOTHING)} == {"bert", "mobilebert"}


def test_the_list_shows_only_what_is_there(weights, capsys, tmp_path):
    ship(weights, "bert")
    call = ["zoo", "list", "--zoo", "embedded", "--json", "--lock", str(tmp_path / "none.json")]
    assert main(call) == 0
    assert [model["name"] for model in json.loads(capsys.readouterr().out)] == ["bert"]


def test_weights_given_by_hand_need_none_in_the_package(weights, capsys, tmp_path):
    call = ["zoo", "score", "mobilebert"]
    assert main(call) != 0
    assert "there are no weights of the embedded mobilebert in" in capsys.readouterr().err
    found = find_embedded("mobilebert")
    with pytest.raises(WeightsError, match="no weights are shipped in"):
        load(found, lock_path=tmp_path / "none", shipped=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mobilbert", "did you mean 'mobilebert'"),
        ("xyzzy", "known: bert, distilgpt2, minilm-qnli, mobilebert"),
        ("a/b", "no folder a/b; if it is the id of a model on the hub, `--zoo hub` is needed"),
    ],
)
def test_what_no_package_carries(name, said):
    with pytest.raises(UsageError, match=said):
        find_embedded(name)


def test_the_embedded_mobilebert_has_its_models_structure():
    spec = find_embedded("mobilebert")
    config, teacher = embedded_config("mobilebert"), embedded_config("bert")
    assert (spec.family, spec.task, spec.source) == ("mobilebert", "qa", "embedded")
    assert config.trigram_input
    assert config.key_query_shared_bottleneck
    assert not config.use_bottleneck_attention
    assert (config.embedding_size, config.normalization_type) == (128, "no_norm")
    assert 0 < config.intra_bottleneck_size < config.hidden_size
    assert config.num_feedforward_networks > 1
    # The same tokens as the teacher's, and what `take_after` asks for.
    for name in (
        *("num_hidden_layers", "hidden_size", "num_attention_heads"),
        *("vocab_size", "max_position_embeddings"),
    ):
        assert getattr(config, name) == getattr(teacher, name)
    neurons = config.intermediate_size * config.num_feedforward_networks
    assert neurons <= teacher.intermediate_size
    # In a block two bottlenecks, four in attention, two a feed-forward network, and the way out.
    block = 2 + 4 + 2 * config.num_feedforward_networks + 1
    matmuls = [layer for layer in spec.layers if layer.kind == "matmul"]
    assert len(matmuls) == 6 * block + 2


def test_what_is_recorded_of_an_embedded_model_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(specs, "WEIGHTS", tmp_path)
    with pytest.raises(WeightsError, match=r"cannot read .*structure\.json"):
        find_embedded("bert")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "structure.json").write_text('{"family": "bert"}')
    with pytest.raises(WeightsError, match="missing required field `task`"):
        find_embedded("bert")
