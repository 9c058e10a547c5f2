"""The MobileBERT that ships with the package: small, and able to answer questions."""

from pathlib import Path
from statistics import fmean

import pytest
import torch

from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find_embedded
from analog_bench.zoo.weight_record import RECORD, WEIGHTS, read_record

FOLDER = WEIGHTS / "mobilebert"
pytestmark = pytest.mark.skipif(not (FOLDER / RECORD).exists(), reason="no weights are shipped yet")


def test_it_is_small_and_its_record_says_what_it_reaches():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 15_000_000
    record = read_record(FOLDER)
    assert record.form == "whole"
    assert record.results["squad_dev_questions"] == 10570
    assert record.results["squad_dev_f1"] >= 55
    # Of articles that it was not trained on, and not of the set it is usually measured on.
    assert record.results["held_out_f1"] >= 50


def test_it_answers_questions():
    loaded = load(find_embedded("mobilebert"), lock_path=Path("none"))
    rows = load_questions("embedded", examples=40, data_folder=None, lock=Path("none")).rows
    task = QuestionAnswering("embedded", rows, loaded.tokenizer)
    found = []
    with torch.no_grad():
        for batch in task.batches:
            out = loaded.model(
                input_ids=batch.input_ids,
                token_type_ids=batch.token_type_ids,
                attention_mask=batch.attention_mask,
            )
            found.append(torch.stack([out.start_logits, out.end_logits], dim=-1))
    assert fmean(task.score(found)["f1"]) > 40
