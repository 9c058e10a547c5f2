"""Generated text: pure in model, prompt and draws; its perplexity and repetition in closed form."""

import math

import pytest
import torch

from analog_bench.errors import UsageError
from analog_bench.tasks.decoding import BROKEN, PROMPT, Prompt, Sampling, draws_of, until_end, write
from analog_bench.tasks.lm_metric import repetition, text_nats
from tests.tiny_gpt2 import model_of, tokenizer_of


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture(scope="module")
def model(tokenizer):
    return model_of(tokenizer)


@pytest.fixture(scope="module")
def prompt(tokenizer):
    return Prompt.of(PROMPT, tokenizer)


FEW = Sampling(tokens=20)


def written(model, prompt, draws, sampling):
    """Write one text for each row of draws."""
    starts = torch.tensor([prompt.ids] * len(draws))
    return write(model, starts, draws, sampling, end=prompt.end).tolist()


def texts_of(model, prompt, sampling=FEW, seed=1, texts=1):
    return written(model, prompt, draws_of(prompt.text, seed, texts, sampling.tokens), sampling)


def test_a_prompt_is_read_as_the_beginning_of_a_text(tokenizer, prompt):
    assert prompt.ids == (0, *tokenizer(PROMPT)["input_ids"])
    assert (prompt.text, prompt.end) == (PROMPT, 0)


def test_the_same_seed_writes_the_same_text_and_another_another(model, prompt):
    first = texts_of(model, prompt)
    torch.manual_seed(99)
    assert texts_of(model, prompt) == first
    assert len(first[0]) == 20
    assert texts_of(model, prompt, seed=2) != first


def test_torchs_generator_is_left_alone(model, prompt):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    texts_of(model, prompt)
    assert torch.equal(torch.rand(1), expected)


def test_texts_have_draws_of_their_own_however_many_there_are():
    few, many = draws_of(PROMPT, 1, 2, 8), draws_of(PROMPT, 1, 5, 8)
    assert torch.equal(many[:2], few)
    assert len({tuple(row) for row in many.tolist()}) == 5
    assert not torch.equal(draws_of("Twice", 1, 2, 8), few)


def test_texts_together_are_the_texts_one_by_one(model, prompt):
    # Warm enough that some end early.
    sampling = Sampling(40, temperature=3.0, top_k=400)
    draws = draws_of(PROMPT, 3, 24, sampling.tokens)
    together = written(model, prompt, draws, sampling)
    alone = [written(model, prompt, draws[n : n + 1], sampling)[0] for n in range(len(draws))]
    assert together == alone
    assert len({tuple(text) for text in together}) == len(together)
    assert any(0 in text for text in together)
    assert not all(0 in text for text in together)


def test_the_likeliest_token_alone_is_greedy_decoding(model, prompt):
    (found,) = texts_of(model, prompt, Sampling(tokens=12, top_k=1))
    start = torch.tensor([prompt.ids])
    theirs = model.generate(start, max_new_tokens=12, do_sample=False, pad_token_id=0)
    assert found == theirs[0, start.shape[1] :].tolist()


def test_every_pick_is_the_drawn_quantile_of_the_top_k(model, prompt):
    sampling = Sampling(tokens=15, temperature=0.7, top_k=6)
    draws = draws_of(PROMPT, 4, 1, 15)
    (found,) = written(model, prompt, draws, sampling)
    ids = [*prompt.ids]
    for token, draw in zip(found, draws[0].tolist(), strict=True):
        with torch.no_grad():
            likeliest = model(torch.tensor([ids])).logits[0, -1].double().topk(6)
        shares = torch.softmax(likeliest.values / 0.7, 0).cumsum(0)
        assert token == likeliest.indices[int((shares <= draw).sum())]
        ids.append(token)
    # As cold as can be, sampling is greedy.
    greedy = texts_of(model, prompt, Sampling(15, top_k=1))
    assert texts_of(model, prompt, Sampling(15, 1e-6, 6)) == greedy
    assert [found] != greedy


def test_equal_logits_stand_in_the_order_of_tokens(tokenizer, prompt):
    model = model_of(tokenizer)
    with torch.no_grad():
        for parameter in model.transformer.ln_f.parameters():
            parameter.zero_()
    # All logits are 0: the first three tokens are the likeliest three.
    draws = torch.tensor([[0.0, 0.5, 0.99]], dtype=torch.float64)
    assert written(model, prompt, draws.flip(1), Sampling(3, top_k=3)) == [[2, 1, 0]]


def test_picks_follow_the_models_probabilities(tokenizer, model):
    prompt = Prompt.of(tokenizer.decode([70]), tokenizer)
    assert prompt.ids == (0, 70)
    with torch.no_grad():
        logits = model(torch.tensor([[0, 70]])).logits[0, -1].double()
    shares = torch.softmax(logits / 0.2, 0)
    sampling = Sampling(tokens=1, temperature=0.2, top_k=len(shares))
    counts = torch.zeros(len(shares), dtype=torch.float64)
    for (token,) in texts_of(model, prompt, sampling, texts=400):
        counts[token] += 1
    likely = shares > 0.02
    assert likely.sum() >= 3
    spread = (400 * shares * (1 - shares)).sqrt()
    assert ((counts - 400 * shares).abs()[likely] < 4 * spread[likely]).all()


def test_a_text_ends_where_the_model_says(model, prompt):
    texts = texts_of(model, prompt, Sampling(40, 3.0, 400), texts=60)
    ended = [text for text in texts if 0 in text]
    assert ended
    for text in ended:
        kept = until_end(text, 0)
        assert kept[-1] == 0
        assert 0 not in kept[:-1]
        assert set(text[len(kept) :]) <= {0}
    assert until_end([5, 6], 0) == (5, 6)


def test_logits_that_are_no_numbers_break_the_text(tokenizer, prompt):
    model = model_of(tokenizer)
    with torch.no_grad():
        model.transformer.ln_f.bias[0] = math.nan
    assert texts_of(model, prompt) == [[BROKEN] * 20]


def test_nats_are_those_of_the_written_tokens_alone(tokenizer, model, prompt):
    (text,) = texts_of(model, prompt)
    ids = torch.tensor([[*prompt.ids, *text]])
    labels = ids.clone()
    labels[0, : len(prompt.ids)] = -100
    with torch.no_grad():
        loss = float(model(ids, labels=labels).loss)
    assert text_nats(model, prompt.ids, text) == pytest.approx(loss, rel=1e-5)
    judge = model_of(tokenizer, seed=8)
    assert text_nats(judge, prompt.ids, text) > text_nats(model, prompt.ids, text) + 0.1


def test_repetition_in_closed_form():
    assert repetition(range(50)) == 0.0
    # 47 n-grams of one kind.
    assert repetition([7] * 50) == pytest.approx(1 - 1 / 47)
    # A cycle of 5: five kinds.
    assert repetition([1, 2, 3, 4, 5] * 10) == pytest.approx(1 - 5 / 47)
    assert repetition([1, 2, 1, 2], n=2) == pytest.approx(1 - 2 / 3)
    assert repetition([1, 2, 3]) == repetition([]) == 0.0


@pytest.mark.parametrize("wrong", [(0, 1.0, 5), (5, 0.0, 5), (5, math.nan, 5), (5, 1.0, 0)])
def test_sampling_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError, match="generation needs"):
        Sampling(*wrong)
