"""A model that writes on a chip: texts, their scores under the digital model, and fresh reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analog_bench.analog.layer_manifest import manifest, paths_on_tiles, prepare
from analog_bench.engine.runner import Runner
from analog_bench.noise import Ideal, OutNoise, Pcm, Preset, WhiteOutput, WhiteOutputRel
from analog_bench.tasks.decoding import Sampling, write
from analog_bench.tasks.text_generation import TextGeneration
from tests.tiny_gpt2 import model_of, tokenizer_of

DAY = 86_400.0
PROMPT = "The red fox"
TOKENS = 14


def runner_of(model, judge, tokenizer, **options):
    sampling = Sampling(TOKENS)
    task = TextGeneration(PROMPT, tokenizer, judge, texts=3, sampling=sampling)
    return Runner(model, task, **{"seed": 1, "weights": "w", "per_example": True, **options})


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture(scope="module")
def model(tokenizer):
    return prepare(model_of(tokenizer))


@pytest.fixture
def runner(model, tokenizer):
    return runner_of(model, model, tokenizer)


@pytest.fixture
def whole(case, model):
    """Make a case of the whole model, or of its matrix products where the noise is of tiles."""

    def make(noise, drift_s=0.0):
        kinds = ("matmul",) if noise.WHERE == "tile" else ("matmul", "norm", "embedding")
        layers = [layer.name for layer in manifest(model) if layer.kind in kinds]
        return case(noise, *layers, drift_s=drift_s)

    return make


def test_perfect_tiles_write_the_digital_texts(runner, whole):
    result = runner.measure(whole(Ideal()), [0])
    assert result.status == "measured", result.reason
    (chip,) = result.chips
    assert chip.texts == result.digital_texts
    assert chip.scores == pytest.approx(result.digital)
    assert len(set(chip.texts)) == 3
    assert all(text.startswith(PROMPT) and len(text) > len(PROMPT) for text in chip.texts)
    assert result.facts.coverage_weights == 1.0


@pytest.mark.parametrize("noise", [Pcm(), Preset()], ids=str)
def test_chips_write_texts_of_their_own_whatever_was_measured_before(
    runner, model, tokenizer, whole, numbers, noise
):
    aged = whole(noise, DAY)
    first = numbers(runner.measure(aged, range(2)))
    one, other = first.chips
    assert len({one.texts, other.texts, first.digital_texts}) == 3
    assert one.scores != other.scores
    runner.measure(whole(OutNoise(0.5)), [0])
    young = numbers(runner.measure(whole(noise, 1.0), [1]))
    assert young.chips[0].fingerprint == other.fingerprint
    assert young.chips[0].texts != other.texts
    assert numbers(runner.measure(aged, [1])).chips == (other,)
    alone = runner_of(model, model, tokenizer, replay=False)
    assert numbers(alone.measure(aged, range(2))) == first
    assert not paths_on_tiles(model)


@pytest.mark.parametrize(
    ("noise", "layers"),
    [
        (OutNoise(0.3), ("lm_head",)),
        (WhiteOutput(1.0), ("wpe",)),
        (WhiteOutput(0.5), ("h.0.attn.c_attn", "ln_f")),
        (WhiteOutputRel(0.5), ("h.1.mlp.c_fc",)),
    ],
    ids=str,
)
def test_every_text_and_every_token_is_a_read_of_its_own(runner, model, case, noise, layers):
    """The same picks and the same prompt in every row: only reads can make the texts differ."""
    prompts = torch.tensor([[0, 70, 80]] * 2)
    draws = torch.full((2, 40), 0.3, dtype=torch.float64)
    greedy = Sampling(40, top_k=1)
    clean = write(model, prompts, draws, greedy, end=0)
    assert torch.equal(clean[0], clean[1])
    with runner.chip(case(noise, *layers), 0) as chip:
        with chip.reading(0):
            noisy = write(model, prompts, draws, greedy, end=0)
        with chip.reading(0):
            assert torch.equal(write(model, prompts, draws, greedy, end=0), noisy)
    assert not torch.equal(noisy[0], noisy[1])


def test_reads_differ_from_token_to_token(runner, model, case):
    seen = []
    with runner.chip(case(OutNoise(0.3), "h.0.mlp.c_fc"), 0) as chip:
        layer = model.get_submodule("transformer.h.0.mlp.c_fc")
        one = torch.ones(2, 1, layer.in_features)
        handle = layer.register_forward_pre_hook(lambda _module, _inputs: (one,))
        layer.register_forward_hook(lambda _module, _inputs, out: seen.append(out.clone()))
        with chip.reading(0):
            write(
                model,
                torch.tensor([[70], [70]]),
                torch.zeros(2, 5, dtype=torch.float64),
                Sampling(5),
                end=0,
            )
        handle.remove()
    rows = [tuple(row.flatten().tolist()) for out in seen for row in out]
    assert len(rows) == len(set(rows)) == 10


def test_the_digital_model_judges_whatever_other_weights_write(model, tokenizer, whole):
    direct = runner_of(model, model, tokenizer)
    other = prepare(model_of(tokenizer, seed=8))
    tuned = runner_of(other, model, tokenizer, digital=direct.digital(), weights="v")
    case = replace(whole(Ideal()), variant="hwa")
    result = tuned.measure(case, [0])
    assert result.digital_texts == direct.digital().texts
    assert result.digital == direct.digital().mean
    own = runner_of(other, other, tokenizer).measure(case, [0])
    assert own.chips[0].texts == result.chips[0].texts != result.digital_texts
    # Its own judgement of its texts is kinder.
    name = "generation_perplexity"
    assert own.chips[0].scores[name] < result.chips[0].scores[name]
    assert own.chips[0].scores["repetition"] == result.chips[0].scores["repetition"]


def test_what_is_no_number_is_broken(tokenizer, whole):
    sick = prepare(model_of(tokenizer))
    judge = prepare(model_of(tokenizer))
    with torch.no_grad():
        sick.transformer.h[1].mlp.c_fc.weight[3, 4] = torch.nan
    digital = runner_of(judge, judge, tokenizer).digital()
    result = runner_of(sick, judge, tokenizer, digital=digital).measure(whole(Pcm()), [0])
    assert result.status == "broken"
    assert "not finite numbers; first those of h.1.mlp.c_fc" in result.reason
    assert result.chips == ()


def test_a_digital_model_that_cannot_write_is_what_is_broken(tokenizer, whole):
    model = prepare(model_of(tokenizer))
    with torch.no_grad():
        model.lm_head.weight[5] = torch.nan
    result = runner_of(model, model, tokenizer).measure(whole(Ideal()), [0])
    assert (result.status, result.chips, result.digital) == ("broken", (), {})
    assert result.reason.startswith("digital: the model's outputs are not finite numbers; first ")
    assert result.digital_texts == ()
