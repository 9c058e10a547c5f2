"""Embedded models are claimed when their weights are there, and not before."""

import json

import pytest

from analog_bench.cli import main
from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo import specs
from analog_bench.zoo.load import load, mobilebert_config
from analog_bench.zoo.lock import Lock
from analog_bench.zoo.record import RECORD
from analog_bench.zoo.specs import available, find, find_embedded

NOTHING = Lock("zoo.lock.json", {}, {})


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Return an empty folder in place of the package's weights."""
    monkeypatch.setattr(specs, "WEIGHTS", tmp_path / "weights")
    return tmp_path / "weights"


def ship(weights, name):
    (weights / name).mkdir(parents=True)
    (weights / name / RECORD).write_text("{}")


def test_only_what_is_there_is_claimed(weights):
    ship(weights, "bert")
    # An empty folder is no model.
    (weights / "mobilebert").mkdir()
    assert [spec.name for spec in available("embedded", NOTHING)] == ["bert"]
    assert find("bert", "embedded", NOTHING).name == "bert"
    for name in ("mobilebert", "distilgpt2"):
        with pytest.raises(UsageError, match=f"no weights of the embedded {name} in ") as caught:
            find(name, "embedded", NOTHING)
        assert f"`python -m training {name}` makes them" in str(caught.value)
    (weights / "mobilebert").rmdir()
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
        ("xyzzy", "known: bert, distilgpt2, mobilebert"),
        ("a/b", "a/b is a hub id; `--zoo hub` is needed for it"),
    ],
)
def test_what_no_package_carries(name, said):
    with pytest.raises(UsageError, match=said):
        find_embedded(name)


def test_the_embedded_mobilebert_has_its_models_structure():
    spec = find_embedded("mobilebert")
    architecture, blocks = spec.architecture, spec.architecture.mobile
    assert (spec.family, spec.task, spec.source) == ("mobilebert", "qa", "embedded")
    assert blocks.trigram
    assert blocks.shared_bottleneck
    assert not blocks.bottleneck_attention
    assert (blocks.embedding, blocks.normalisation) == (128, "no_norm")
    assert 0 < blocks.bottleneck < architecture.width
    assert blocks.feed_forwards > 1
    # The same tokens as the teacher's, and what `take_after` asks for.
    teacher = find_embedded("bert").architecture
    for name in ("blocks", "width", "heads", "vocabulary", "positions"):
        assert getattr(architecture, name) == getattr(teacher, name)
    assert architecture.inner * blocks.feed_forwards <= teacher.inner
    # In a block two bottlenecks, four in attention, two a feed-forward network, and the way out.
    block = 2 + 4 + 2 * blocks.feed_forwards + 1
    matmuls = [layer for layer in spec.layers if layer.kind == "matmul"]
    assert len(matmuls) == 6 * block + 2


def test_no_configuration_of_another_family():
    with pytest.raises(WeightsError, match="family bert is no MobileBERT"):
        mobilebert_config(find_embedded("bert").architecture)
