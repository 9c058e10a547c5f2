"""The recipe behind the embedded classifier, trained for real for a step, and loaded again."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("peft", reason="training needs the extra `train`")

from analog_bench.cli import main as analog_bench
from analog_bench.errors import WeightsError
from analog_bench.tasks.labelled_files import LabelledText
from analog_bench.zoo.embedded_weights import encoder_state
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find_embedded
from tests.squad_articles import ASKED, HONEY, write_articles
from tests.training.conftest import run
from training.minilm_qnli import NAME, collate, pair_features


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Write nine articles, of which eight are held out, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return write_articles(
        tmp_path / "honey.json", {f"honey {n}": [(HONEY, ASKED)] for n in range(9)}
    )


def test_train_then_score_and_record(data, capsys):
    words = [NAME, "--data", data, "--out", "out", "--rank", 2, "--steps", 3]
    assert run(*words) == 0
    assert "analog-bench zoo score minilm-qnli --weights out/ship" in capsys.readouterr().out
    record = json.loads(Path("out/ship/record.json").read_text())
    assert (record["recipe"]["rank"], record["recipe"]["held_out"]) == (2, 8)
    assert "bert/adapter_model.safetensors" in record["base"]

    scoring = ["zoo", "score", NAME, "--weights", "out/ship", "--data", str(data), "--record"]
    assert analog_bench([*scoring, "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert score["pairs"] == 18
    after = json.loads(Path("out/ship/record.json").read_text())["results"]
    assert after["honey_accuracy"] == pytest.approx(score["accuracy"], abs=1e-4)

    # An adapter belongs to the encoder that it was trained on, and moves its every matrix.
    loaded = load(find_embedded(NAME), lock_path=Path("none"), shipped=Path("out/ship"))
    encoder, _ = encoder_state(find_base().weights)
    moved = {
        n for n, v in loaded.model.state_dict().items() if not torch.equal(v, encoder.get(n, v))
    }
    assert "bert.pooler.dense.weight" in moved
    assert not any("embeddings" in name for name in moved)
    record["base"]["bert/adapter_model.safetensors"] = "a" * 64
    Path("out/ship/record.json").write_text(json.dumps(record))
    with pytest.raises(WeightsError, match="made for another base"):
        load(find_embedded(NAME), lock_path=Path("none"), shipped=Path("out/ship"))


def test_nothing_to_train_on(data, capsys):
    # One sentence, as long: answers stand where they stood.
    data.write_text(data.read_text().replace("roof. In", "roof, in"))
    assert run(NAME, "--data", data, "--out", "out") == 4
    assert "no question has its answer in one sentence and another" in capsys.readouterr().err


def test_batches_are_padded_pairs(tokenizer):
    pairs = [
        LabelledText("1", "Who slept?", "The fox.", "b"),
        LabelledText("2", "Who slept in the old barn?", "The owl and the fox.", "a"),
    ]
    rows = pair_features(pairs, tokenizer, ("a", "b"), 12)
    assert rows["labels"] == [1, 0]
    assert rows["length"] == [9, 12]  # the second sentence has lost its end
    batch = collate(rows.to_list())
    assert batch["input_ids"].shape == (2, 12)
    assert batch["attention_mask"].sum(dim=1).tolist() == [9, 12]
    assert batch["token_type_ids"][0].tolist() == [0] * 5 + [1] * 4 + [0] * 3
    assert batch["labels"].tolist() == [1, 0]
