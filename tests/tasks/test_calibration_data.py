"""What input ranges are fitted on: nothing that is ever scored, ready for any kind of model."""

import os
import re
from pathlib import Path

import pytest

from analog_bench.tasks.calibration_data import (
    Passage,
    calibration_inputs,
    embedded_passages,
    passages_of,
)
from analog_bench.tasks.squad_files import EMBEDDED, read_squad

DATA = Path(os.environ.get("ANALOG_BENCH_DATA", "nowhere"))
ALIKE = 8
"""So many words in a row that two texts share are the same sentence."""


def stretches(texts):
    """Return every stretch of words in some texts, without case and punctuation."""
    found = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        found |= {tuple(words[n : n + ALIKE]) for n in range(len(words) - ALIKE + 1)}
    return found


def plain(text):
    return " ".join(re.findall(r"\w+", text.lower()))


def calibration():
    passages = embedded_passages()
    return (
        stretches(passage.context for passage in passages),
        {plain(passage.question) for passage in passages},
    )


def check_unseen(rows):
    contexts, questions = calibration()
    assert len(contexts) > 2000
    assert not contexts & stretches(set(rows["context"]))
    assert not questions & set(map(plain, rows["question"]))


def test_no_embedded_text_or_question_is_calibrated_on():
    check_unseen(read_squad(EMBEDDED))


@pytest.mark.skipif(not (DATA / "squad").is_dir(), reason="needs the folder of real data")
def test_no_question_of_squad_dev_is_calibrated_on():
    check_unseen(read_squad(DATA / "squad" / "dev-v1.1.json"))


@pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason="needs the folder of real data")
def test_no_text_of_wikitext_is_calibrated_on():
    text = (DATA / "wikitext-2" / "test.txt").read_text(encoding="utf-8")
    assert not calibration()[0] & stretches([text])


def test_what_is_alike_is_found():
    passage = embedded_passages()[0].context
    assert stretches([f"He said: {passage.upper()}"]) & calibration()[0]


def test_sequences_are_whole_and_not_padded(tokenizer):
    passages = embedded_passages()
    inputs = calibration_inputs(passages, tokenizer, "qa", 512)
    assert len(inputs.batches) == len(passages) == 32
    for batch, passage in zip(inputs.batches, passages, strict=True):
        assert batch.input_ids.shape[0] == 1
        assert bool(batch.attention_mask.all())
        question, context = (
            tokenizer.decode(batch.input_ids[batch.token_type_ids == kind]) for kind in (0, 1)
        )
        assert plain(passage.question) in plain(question).replace("cls ", "")
        assert plain(passage.context)[-30:-10] in plain(context)


def test_other_models_get_the_passage_alone_and_what_is_too_long_loses_its_end(tokenizer):
    passages = embedded_passages()[:3]
    whole = calibration_inputs(passages, tokenizer, "lm", 512).batches
    assert all(len(batch.token_type_ids.unique()) == 1 for batch in whole)
    for task in ("lm", "qa"):
        short = calibration_inputs(passages, tokenizer, task, 40).batches
        assert [batch.input_ids.shape for batch in short] == [(1, 40)] * 3


def test_a_language_models_tokeniser_stays_as_it_was(tokenizer):
    # It is part of what a study of generation is known by, which may come later in the same run.
    tokenizer("Anything.", truncation=False)
    before = tokenizer.backend_tokenizer.to_str()
    calibration_inputs(embedded_passages()[:2], tokenizer, "lm", 40)
    assert tokenizer.backend_tokenizer.to_str() == before


def test_the_fingerprint_is_of_the_texts_and_the_kind_of_model(tokenizer):
    passages = embedded_passages()[:2]

    def fingerprint(task, *changed):
        return calibration_inputs((*passages, *changed), tokenizer, task, 64).fingerprint

    assert fingerprint("qa") == fingerprint("qa")
    others = {
        fingerprint("lm"),
        fingerprint("qa", Passage("Who?", "Nobody did.")),
        fingerprint("qa"),
    }
    assert len(others) == 3


def test_passages_of_a_file_are_spread_and_come_once(embedded):
    passages = passages_of(embedded, 10)
    assert len({passage.context for passage in passages}) == len(passages) == 10
    contexts = list(dict.fromkeys(embedded["context"]))
    assert passages[-1].context in contexts[len(contexts) // 2 :]
    assert len(passages_of(embedded, 10_000)) == len(contexts)
