"""The language-modelling task against transformers' own loss, torchmetrics, and closed forms."""

import math
from dataclasses import replace

import pytest
import torch
from torchmetrics.text import Perplexity

from analog_bench.errors import UsageError
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_metric import bits_per_byte, perplexity, weighted_mean
from analog_bench.tasks.lm_sources import Text
from analog_bench.tasks.task_kinds import KINDS, METRICS
from tests.own_folders import tokenizer_of as tokenizer_like
from tests.tiny_gpt2 import PROSE, model_of, tokenizer_of

PROTOCOL = LmProtocol(block=32, stride=12, batch_tokens=100)


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture(scope="module")
def model(tokenizer):
    return model_of(tokenizer)


def task_of(tokenizer, content=PROSE, protocol=PROTOCOL, examples=None):
    return LanguageModelling(Text("prose", content), tokenizer, protocol, examples=examples)


def scored(task, model):
    with torch.no_grad():
        logits = [model(batch.input_ids).logits for batch in task.batches]
    return task.score([task.reduce(n, out) for n, out in enumerate(logits)]), logits


def test_blocks_without_overlap_give_transformers_own_loss(tokenizer, model):
    # Text of exactly 4 blocks of 16 predictions: the mean of its losses is the text's.
    words = tokenizer.decode(tokenizer(PROSE)["input_ids"][:65])
    ids = torch.tensor([tokenizer(words)["input_ids"]])
    assert ids.shape == (1, 65)
    task = task_of(tokenizer, words, LmProtocol(16, 16, 64))
    scores, _ = scored(task, model)
    losses = []
    for begin in range(0, 64, 16):
        part = ids[:, begin : begin + 17]
        with torch.no_grad():
            losses.append(float(model(part, labels=part).loss))
    assert scores["cross_entropy"] == pytest.approx(losses, rel=1e-6)
    assert task.mean(scores)["cross_entropy"] == pytest.approx(sum(losses) / 4, rel=1e-6)


def test_a_stride_scores_each_token_with_the_context_it_says(tokenizer, model):
    content = PROSE[:600]
    ids = torch.tensor(tokenizer(content)["input_ids"])
    task = task_of(tokenizer, content)
    expected = []
    for block in task.blocks:
        nats = []
        for target in range(block.first_scored, block.first_scored + block.scored):
            # The plain definition: one token from what stands before it in its block.
            with torch.no_grad():
                logits = model(ids[None, block.begin : target]).logits[0, -1]
            nats.append(-float(torch.log_softmax(logits.double(), 0)[ids[target]]))
        expected.append(sum(nats) / len(nats))
    scores, _ = scored(task, model)
    assert len(expected) > 8
    assert scores["cross_entropy"] == pytest.approx(expected, rel=1e-5)


def test_perplexity_is_torchmetrics(tokenizer, model):
    task = task_of(tokenizer, protocol=LmProtocol(32, 12, 4096))
    scores, logits = scored(task, model)
    oracle = Perplexity(ignore_index=-100)
    ids = torch.tensor(tokenizer(PROSE)["input_ids"])
    for batch, out in zip(task.batches, logits, strict=True):
        targets = torch.full(batch.input_ids.shape, -100)
        for row, number in enumerate(batch.windows):
            block = task.blocks[number]
            after = ids[block.begin + 1 : block.begin + block.length + 1]
            targets[row, block.length - block.scored :] = after[-block.scored :]
        oracle.update(out, targets)
    assert task.mean(scores)["perplexity"] == pytest.approx(float(oracle.compute()), rel=1e-5)


def test_the_mean_is_weighted_by_tokens_not_by_blocks(tokenizer, model):
    task = task_of(tokenizer)
    scores, _ = scored(task, model)
    assert len(set(task.tokens)) > 1
    nats = scores["cross_entropy"]
    whole = sum(n * t for n, t in zip(nats, task.tokens, strict=True)) / sum(task.tokens)
    means = task.mean(scores)
    assert means["cross_entropy"] == pytest.approx(whole, rel=1e-12)
    assert means["cross_entropy"] != pytest.approx(sum(nats) / len(nats), rel=1e-6)
    assert means["perplexity"] == pytest.approx(math.exp(whole))


def test_bits_per_byte_count_the_texts_bytes(tokenizer, model):
    task = task_of(tokenizer)
    first = len(tokenizer.decode([tokenizer(PROSE)["input_ids"][0]]).encode())
    assert sum(task.sizes) == len(PROSE.encode()) - first
    assert sum(task.tokens) == len(tokenizer(PROSE)["input_ids"]) - 1
    scores, _ = scored(task, model)
    means = task.mean(scores)
    bits = means["cross_entropy"] * sum(task.tokens) / math.log(2)
    assert means["bits_per_byte"] == pytest.approx(bits / sum(task.sizes))
    # Over blocks, bits a byte are to be weighted by bytes.
    assert weighted_mean(scores["bits_per_byte"], task.sizes) == pytest.approx(
        means["bits_per_byte"]
    )


def test_guessing_is_ln_vocabulary(tokenizer):
    task = task_of(tokenizer)
    flat = [torch.zeros(*b.input_ids.shape, len(tokenizer)) for b in task.batches]
    scores = task.score([task.reduce(n, out) for n, out in enumerate(flat)])
    assert task.chance["cross_entropy"] == pytest.approx(math.log(len(tokenizer)))
    assert task.chance == pytest.approx(task.mean(scores))


def test_a_certain_model_scores_nought_and_a_shifted_one_does_not(tokenizer):
    ids = torch.tensor(tokenizer(PROSE)["input_ids"])
    task = task_of(tokenizer)

    def knowing(ahead):
        outs = []
        for batch in task.batches:
            out = torch.zeros(*batch.input_ids.shape, len(tokenizer))
            for row, number in enumerate(batch.windows):
                begin = task.blocks[number].begin
                for place in range(out.shape[1]):
                    out[row, place, ids[min(begin + place + ahead, len(ids) - 1)]] = 50.0
            outs.append(out)
        scores = task.score([task.reduce(n, out) for n, out in enumerate(outs)])
        return task.mean(scores)["cross_entropy"]

    assert knowing(1) < 1e-6
    assert knowing(0) > 10
    assert knowing(2) > 10


def test_a_sample_has_the_same_scores_as_in_the_whole(tokenizer, model):
    whole, some = task_of(tokenizer), task_of(tokenizer, examples=5)
    assert some.examples == len(some.tokens) == 5
    all_scores, some_scores = scored(whole, model)[0], scored(some, model)[0]
    by_block = dict(zip(whole.blocks, all_scores["cross_entropy"], strict=True))
    expected = [by_block[block] for block in some.blocks]
    assert some_scores["cross_entropy"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_seen_in_what_is_kept(tokenizer, bad):
    task = task_of(tokenizer)
    out = torch.zeros(*task.batches[0].input_ids.shape, len(tokenizer))
    out[1, -1, 3] = bad
    kept = task.reduce(0, out)
    assert torch.isfinite(kept).tolist() == [True, False, *[True] * (len(out) - 2)]


def test_the_fingerprint_knows_what_a_score_depends_on(tokenizer):
    same = task_of(tokenizer).protocol
    assert same == task_of(tokenizer).protocol
    others = [
        task_of(tokenizer, PROSE + "x"),
        task_of(tokenizer, protocol=replace(PROTOCOL, stride=13)),
        task_of(tokenizer, protocol=replace(PROTOCOL, block=33)),
        task_of(tokenizer, protocol=replace(PROTOCOL, batch_tokens=101)),
        task_of(tokenizer, examples=5),
        task_of(tokenizer_of(vocabulary=350)),
    ]
    prints = {same, *(task.protocol for task in others)}
    assert len(prints) == 7
    # The name of the data is for the reader only.
    renamed = LanguageModelling(Text("other", PROSE), tokenizer, PROTOCOL)
    assert renamed.protocol == same


def test_a_tokeniser_that_drops_bytes_is_refused(tokenizer):
    class Lossy:
        eos_token_id = 0

        class backend_tokenizer:  # noqa: N801
            @staticmethod
            def encode(text, **_):
                return tokenizer.backend_tokenizer.encode(text.lower().replace("é", "e")[1:])

            decode = staticmethod(tokenizer.backend_tokenizer.decode)

    with pytest.raises(UsageError, match="a tokeniser that adds nothing, such as a space in fr"):
        LanguageModelling(Text("prose", PROSE), Lossy(), PROTOCOL)


def test_a_tokeniser_of_pieces_knows_the_bytes_that_its_tokens_spell():
    """SentencePiece's: a space is part of a token, and unknown characters are tokens of bytes."""
    pieces = tokenizer_like("llama")
    text = "the bees — Zürich, 日本\n\nof the\tmill" * 3
    task = LanguageModelling(Text("t", text), pieces, LmProtocol(16, 8, 64))
    first = pieces.backend_tokenizer.encode(text, add_special_tokens=False).tokens[0]
    assert first == "▁the"
    assert sum(task.sizes) == len(text.encode()) - len("the")


def test_every_byte_is_counted_whatever_the_text(tokenizer):
    strange = "naïve 😀 \u202f日本\x00\n\n<|endoftext|> end " * 8
    task = task_of(tokenizer, strange, LmProtocol(16, 8, 64))
    assert sum(task.sizes) in range(len(strange.encode()) - 4, len(strange.encode()))


def test_figures_of_the_metric():
    assert perplexity(math.log(27.0)) == pytest.approx(27.0)
    assert perplexity(1e6) == math.inf
    # 2 tokens of 4 bytes at 1 bit each.
    assert bits_per_byte(math.log(2), 2, 8) == pytest.approx(0.25)
    assert weighted_mean((1.0, 4.0), (3, 1)) == pytest.approx(1.75)
    for values, weights in (((1.0,), (1, 2)), ((), ()), ((1.0,), (0,))):
        with pytest.raises(UsageError):
            weighted_mean(values, weights)


def test_the_metrics_are_known_and_lower_is_better():
    names = [metric.name for metric in KINDS["lm"].metrics]
    assert names == ["cross_entropy", "perplexity", "bits_per_byte"]
    assert not any(metric.higher_is_better for metric in KINDS["lm"].metrics)
    assert METRICS["cross_entropy"].margin == 0.02
    assert {"f1", "em", *names} < set(METRICS)
