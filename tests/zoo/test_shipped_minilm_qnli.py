"""The classifier that ships with the package: small, and able to tell which sentence answers."""

from pathlib import Path

import pytest
import torch

from analog_bench.session.run_data import make_task
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find_embedded
from analog_bench.zoo.weight_record import WEIGHTS, read_record

FOLDER = WEIGHTS / "minilm-qnli"


def test_it_is_small_and_its_record_says_what_it_reaches():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 4_000_000
    record = read_record(FOLDER)
    assert record.form == "adapter"
    assert "bert/adapter_model.safetensors" in record.base
    assert record.results["squad_dev_pairs"] == 2000
    assert record.results["squad_dev_accuracy"] >= 70


def test_it_tells_sentences_that_answer_from_others():
    loaded = load(find_embedded("minilm-qnli"), lock_path=Path("none"))
    task = make_task("embedded", loaded, examples=60, data_folder=None, lock=Path("none"))
    with torch.inference_mode():
        outputs = [task.run(loaded.model, n) for n in range(len(task.batches))]
    means = task.mean(task.score(outputs))
    assert means["accuracy"] > 65
    assert means["matthews"] == pytest.approx(2 * means["accuracy"] - 100, abs=10)
