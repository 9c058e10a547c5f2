"""Generated text: pure in model, prompt and seed; its perplexity and repetition in closed form."""

import math

import pytest
import torch

from analog_bench.errors import UsageError
from analog_bench.tasks.generation import (
    PROMPT,
    Generated,
    Sampling,
    generate,
    repetition,
    text_perplexity,
)
from tests.tiny_gpt2 import model_of, tokenizer_of


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture(scope="module")
def model(tokenizer):
    return model_of(tokenizer)


FEW = Sampling(tokens=20)


def test_the_same_seed_writes_the_same_text_and_another_another(model, tokenizer):
    first = generate(model, tokenizer, seed=1, sampling=FEW)
    torch.manual_seed(99)
    assert generate(model, tokenizer, seed=1, sampling=FEW) == first
    assert generate(model, tokenizer, seed=2, sampling=FEW).ids != first.ids
    assert first.prompt == PROMPT
    assert first.text == tokenizer.decode(first.ids)
    assert len(first.ids) == 20
    assert not first.broken


def test_torchs_generator_is_left_alone(model, tokenizer):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    generate(model, tokenizer, seed=1, sampling=FEW)
    assert torch.equal(torch.rand(1), expected)


def test_the_likeliest_token_alone_is_greedy_decoding(model, tokenizer):
    found = generate(model, tokenizer, seed=3, sampling=Sampling(tokens=12, top_k=1))
    start = torch.tensor([found.prompt_ids])
    theirs = model.generate(start, max_new_tokens=12, do_sample=False, pad_token_id=0)
    assert found.prompt_ids == (0, *tokenizer(PROMPT)["input_ids"])
    assert list(found.ids) == theirs[0, start.shape[1] :].tolist()


def test_every_pick_is_the_drawn_quantile_of_the_top_k(model, tokenizer):
    sampling = Sampling(tokens=15, temperature=0.7, top_k=6)
    found = generate(model, tokenizer, seed=4, sampling=sampling)
    lowest = generate(model, tokenizer, seed=4, sampling=Sampling(15, 1e-6, 6))
    ids = [*found.prompt_ids]
    for token in found.ids:
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        assert token in logits.topk(6).indices.tolist()
        ids.append(token)
    # As cold as can be, sampling is greedy.
    greedy = generate(model, tokenizer, seed=4, sampling=Sampling(15, top_k=1))
    assert lowest.ids == greedy.ids
    assert found.ids != greedy.ids


def test_picks_follow_the_models_probabilities(tokenizer):
    model = model_of(tokenizer)
    with torch.no_grad():
        logits = model(torch.tensor([[0, 70]])).logits[0, -1].double()
    shares = torch.softmax(logits / 0.2, 0)
    sampling = Sampling(tokens=1, temperature=0.2, top_k=len(shares))
    prompt = tokenizer.decode([70])
    picked = [generate(model, tokenizer, prompt, seed=s, sampling=sampling).ids for s in range(400)]
    counts = torch.zeros(len(shares), dtype=torch.float64)
    for ids in picked:
        counts[ids[0] if ids else 0] += 1
    likely = shares > 0.02
    assert likely.sum() >= 3
    spread = (400 * shares * (1 - shares)).sqrt()
    assert ((counts - 400 * shares).abs()[likely] < 4 * spread[likely]).all()


def test_a_text_ends_where_the_model_says(tokenizer):
    model = model_of(tokenizer)
    ending = next(
        found
        for seed in range(200)
        if len(
            (found := generate(model, tokenizer, seed=seed, sampling=Sampling(40, 3.0, 400))).ids
        )
        < 40
    )
    assert 0 not in ending.ids
    assert not ending.broken


def test_logits_that_are_no_numbers_end_the_text(tokenizer):
    model = model_of(tokenizer)
    with torch.no_grad():
        model.transformer.ln_f.bias[0] = math.nan
    found = generate(model, tokenizer, seed=1, sampling=FEW)
    assert (found.ids, found.text, found.broken) == ((), "", True)
    assert math.isnan(text_perplexity(model, found))


def test_perplexity_is_that_of_the_written_tokens_alone(model, tokenizer):
    found = generate(model, tokenizer, seed=1, sampling=FEW)
    ids = torch.tensor([[*found.prompt_ids, *found.ids]])
    labels = ids.clone()
    labels[0, : len(found.prompt_ids)] = -100
    with torch.no_grad():
        loss = float(model(ids, labels=labels).loss)
    assert text_perplexity(model, found) == pytest.approx(math.exp(loss), rel=1e-5)
    judge = model_of(tokenizer, seed=8)
    assert text_perplexity(judge, found) > 2 * text_perplexity(model, found)


def test_repetition_in_closed_form():
    assert repetition(range(50)) == 0.0
    # 47 n-grams of one kind.
    assert repetition([7] * 50) == pytest.approx(1 - 1 / 47)
    # A cycle of 5: five kinds.
    assert repetition([1, 2, 3, 4, 5] * 10) == pytest.approx(1 - 5 / 47)
    assert repetition([1, 2, 1, 2], n=2) == pytest.approx(1 - 2 / 3)
    assert repetition([1, 2, 3]) == repetition([]) == 0.0


def test_a_text_longer_than_the_model_is_refused(model, tokenizer):
    with pytest.raises(UsageError, match="more than the 64 positions"):
        generate(model, tokenizer, seed=1, sampling=Sampling(tokens=64))
    fits = Sampling(tokens=64 - 1 - len(tokenizer(PROMPT)["input_ids"]), top_k=1)
    assert isinstance(generate(model, tokenizer, seed=1, sampling=fits), Generated)


@pytest.mark.parametrize("wrong", [(0, 1.0, 5), (5, 0.0, 5), (5, math.nan, 5), (5, 1.0, 0)])
def test_sampling_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError, match="generation needs"):
        Sampling(*wrong)
