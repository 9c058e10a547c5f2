"""The generation task: scores by hand, texts as they were written, what its fingerprint is of."""

import math

import pytest
import torch

from analog_bench.errors import UsageError
from analog_bench.tasks.decoding import BROKEN, Sampling
from analog_bench.tasks.lm_metric import repetition, text_nats
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.tasks.text_generation import TextGeneration
from tests.tiny_gpt2 import model_of, tokenizer_of

FEW = Sampling(tokens=16)


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture(scope="module")
def judge(tokenizer):
    return model_of(tokenizer)


@pytest.fixture(scope="module")
def task(tokenizer, judge):
    return TextGeneration("The red fox", tokenizer, judge, texts=3, sampling=FEW)


def reduced(task, written):
    return [task.reduce(0, torch.tensor(written))]


def test_one_batch_holds_the_prompt_once_for_each_text(task, tokenizer):
    (batch,) = task.batches
    assert batch.input_ids.tolist() == [[0, *tokenizer("The red fox")["input_ids"]]] * 3
    assert batch.windows == (0, 1, 2)
    assert task.examples == 3
    assert task.data == "texts from 'The red fox'"
    assert task.chance == {}


def test_scores_and_means_by_hand(task, tokenizer, judge):
    fox, barn = tokenizer(" fox")["input_ids"], tokenizer(" red barn")["input_ids"]
    written = [(fox * 16)[:16], (barn + [0] * 16)[:16], [0] * 16]
    scores = task.score(reduced(task, written))
    prompt = task.batches[0].input_ids[0].tolist()
    ended = [(fox * 16)[:16], [*barn, 0], [0]]
    nats = [text_nats(judge, prompt, text) for text in ended]
    assert scores["generation_perplexity"] == pytest.approx([math.exp(n) for n in nats])
    # The end of a text is no part of what was repeated.
    assert scores["repetition"] == (repetition(written[0]), 0.0, 0.0)
    assert scores["repetition"][0] > 0.8
    means = task.mean(scores)
    assert means["generation_perplexity"] == pytest.approx(math.exp(sum(nats) / 3))
    assert means["repetition"] == pytest.approx(scores["repetition"][0] / 3)
    assert tuple(means) == tuple(metric.name for metric in KINDS["generation"].metrics)
    assert not any(metric.higher_is_better for metric in KINDS["generation"].metrics)


def test_texts_are_prompt_and_what_was_written(task, tokenizer):
    gate = tokenizer(" by the blue gate")["input_ids"]
    written = [(gate + [0] * 16)[:16], [0] * 16, (gate * 16)[:16]]
    first, second, third = task.texts(reduced(task, written))
    assert (first, second) == ("The red fox by the blue gate", "The red fox")
    assert third.startswith("The red fox by the blue gate by the blue")


def test_what_could_not_be_picked_is_no_number(task):
    written = [[5] * 16, [5] * 8 + [BROKEN] * 8, [5] * 16]
    found = reduced(task, written)
    assert torch.isfinite(found[0]).tolist() == [[n != BROKEN for n in row] for row in written]
    scores = task.score(found)
    for name in ("generation_perplexity", "repetition"):
        assert [math.isfinite(score) for score in scores[name]] == [True, False, True]
        assert math.isnan(task.mean(scores)[name])
    assert task.texts(found)[1] == ""


def test_protocols_differ_where_scores_do(task, tokenizer, judge):
    def protocol(prompt="The red fox", texts=3, seed=0, sampling=FEW, words=tokenizer):
        made = TextGeneration(prompt, words, judge, texts=texts, seed=seed, sampling=sampling)
        return made.protocol

    others = {
        protocol(prompt="The red barn"),
        protocol(texts=4),
        protocol(seed=1),
        protocol(sampling=Sampling(tokens=17)),
        protocol(words=tokenizer_of(vocabulary=360)),
    }
    assert protocol() == task.protocol
    assert len(others | {task.protocol}) == 6


def test_what_cannot_be_written_is_refused(tokenizer, judge):
    with pytest.raises(UsageError, match=r"4 tokens and 61 to write are more than the 64"):
        TextGeneration("The red fox", tokenizer, judge, texts=1, sampling=Sampling(61))
    assert TextGeneration("The red fox", tokenizer, judge, texts=1, sampling=Sampling(60))
    endless = tokenizer_of()
    endless.eos_token = None
    with pytest.raises(UsageError, match="needs an end-of-text token, and its tokeniser has no"):
        TextGeneration("The red fox", endless, judge, texts=1, sampling=FEW)
    with pytest.raises(
        UsageError, match="the number of texts must be a whole number from 1 to 10000"
    ):
        TextGeneration("The red fox", tokenizer, judge, texts=0, sampling=FEW)


def test_a_prompt_is_named_on_one_line_and_not_at_length(tokenizer, judge):
    steering = TextGeneration("a\x1b[31m\nb", tokenizer, judge, texts=1, sampling=Sampling(4))
    assert steering.name == r"'a\x1b[31m\nb'"
    long = TextGeneration("fox " * 12, tokenizer, judge, texts=1, sampling=Sampling(4))
    assert long.name == repr("fox " * 10 + "…")
