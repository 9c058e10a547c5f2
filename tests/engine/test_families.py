"""Cases of all three families: numbers, noises, coverage, and what a text's scores mean."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.analog.layer_manifest import coverage, manifest, paths_on_tiles, prepare
from analog_bench.analog.layers import find
from analog_bench.engine.runner import Runner
from analog_bench.noise import (
    Ideal,
    Noise,
    OutNoise,
    Pcm,
    Preset,
    WhiteOutput,
    WhiteOutputRel,
    WhiteWeight,
)
from analog_bench.simulators.registry import find_simulator
from analog_bench.simulators.versions import TORCH_VARIANT
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import Text
from analog_bench.tasks.task import Task
from tests import tiny_mobilebert
from tests.overflowing_noise import beyond
from tests.tiny_gpt2 import PROSE, model_of, tokenizer_of

DAY = 86_400.0
# The matrix product, the embedding and the norm that noises act on, and the layer before the head.
LAYERS = {
    "bert": (
        "encoder.layer.0.attention.self.query",
        "embeddings.position_embeddings",
        "encoder.layer.0.output.LayerNorm",
        "encoder.layer.1.output.dense",
    ),
    "mobilebert": (
        "encoder.layer.0.bottleneck.attention.dense",
        "embeddings.position_embeddings",
        "encoder.layer.0.ffn.1.output.LayerNorm",
        "encoder.layer.1.output.bottleneck.dense",
    ),
    "gpt2": ("h.0.attn.c_attn", "wpe", "h.0.ln_2", "h.1.mlp.c_proj"),
}
HEADS = {"bert": "qa_outputs", "mobilebert": "qa_outputs", "gpt2": "lm_head"}


@dataclass(frozen=True)
class Family:
    """A model, what it is measured on, and how to make another runner of the two."""

    name: str
    model: nn.Module
    task: Task

    def runner(self, task: Task | None = None, **options: object) -> Runner:
        return Runner(self.model, task or self.task, **{"seed": 1, "weights": "w", **options})


def prose() -> LanguageModelling:
    """Blocks of 24 tokens, all but the first scored from 12 on, the last one on what is left."""
    text = Text("prose", PROSE[:700])
    return LanguageModelling(text, tokenizer_of(), LmProtocol(24, 12, 100))


def language() -> Family:
    return Family("gpt2", prepare(model_of(tokenizer_of())), prose())


@pytest.fixture(params=["bert", "mobilebert", "gpt2"])
def family(request, tokens) -> Family:
    if request.param == "gpt2":
        return language()
    if request.param == "bert":
        return Family("bert", request.getfixturevalue("tiny"), tokens)
    return Family("mobilebert", tiny_mobilebert.model_of(), tokens)


@pytest.fixture
def cases(family, case):
    """Noises of every place they act in, at depths that go forward."""
    product, embedding, norm, late = LAYERS[family.name]
    return [
        case(WhiteOutput(0.3), embedding),
        case(Pcm(), product, drift_s=DAY),
        case(Preset(TORCH_VARIANT), product, late),
        case(WhiteOutputRel(0.5), norm),
        case(WhiteWeight(), late),
        case(OutNoise(0.5), HEADS[family.name]),
    ]


def test_results_do_not_depend_on_order_replay_or_company(family, cases, numbers):
    runner = family.runner(per_example=True)
    wanted = [numbers(runner.measure(c, range(2))) for c in cases]
    for result in wanted:
        assert result.status == "measured"
        assert all(chip.scores != result.digital for chip in result.chips)
        assert result.chips[0].scores != result.chips[1].scores
    backwards = family.runner(per_example=True)
    again = [numbers(backwards.measure(c, range(2))) for c in reversed(cases)]
    assert again[::-1] == wanted
    without = family.runner(per_example=True, replay=False)
    assert [numbers(without.measure(c, range(2))) for c in cases] == wanted
    alone = [numbers(family.runner(per_example=True).measure(c, range(2))) for c in cases]
    assert alone == wanted
    only = [numbers(family.runner(per_example=True).measure(c, [1])) for c in cases]
    assert [result.chips for result in only] == [result.chips[1:] for result in wanted]


@pytest.mark.parametrize("noise", [Pcm(), WhiteOutput(0.3), WhiteWeight(), OutNoise(0.2)])
@pytest.mark.parametrize("place", ["product", "late", "head"])
def test_a_noise_changes_its_layer_and_leaves_no_trace(family, case, noise: Noise, place: str):
    product, _, _, late = LAYERS[family.name]
    layer = {"product": product, "late": late, "head": HEADS[family.name]}[place]
    modules = dict(family.model.named_modules())
    values = {name: value.clone() for name, value in family.model.state_dict().items()}
    runner = family.runner()
    result = runner.measure(case(noise, layer), range(2))
    assert result.status == "measured"
    assert len({str(result.digital), *(str(chip.scores) for chip in result.chips)}) == 3
    (place,) = find(family.model, [layer])
    with runner.chip(case(noise, layer), 0):
        assert paths_on_tiles(family.model) == ({place.path} if noise.WHERE == "tile" else set())
    assert dict(family.model.named_modules()) == modules
    state = family.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in values.items())
    assert runner.digital().mean == family.runner().digital().mean


def products(family: Family) -> list[str]:
    return [layer.name for layer in manifest(family.model) if layer.kind == "matmul"]


def test_whatever_takes_a_layers_place_is_computed(family, case):
    """Hooks sit on a module, tiles replace it: replay must meet either, in every layer."""
    runner = family.runner()
    for layer in manifest(family.model):
        noises = [WhiteOutput(0.3), *([Pcm()] if layer.kind == "matmul" else [])]
        for noise in noises:
            result = runner.measure(case(noise, layer.name), [0])
            assert result.chips[0].scores != result.digital, (layer.name, noise)


def test_every_product_goes_on_tiles_and_ideal_ones_change_nothing(family, case):
    result = family.runner().measure(case(Ideal(), *products(family)), [0])
    assert result.facts.coverage_weights == result.facts.coverage_macs == 1.0
    main = family.task.metrics[0].name
    assert result.chips[0].scores[main] == pytest.approx(result.digital[main], abs=1e-5)


@pytest.mark.parametrize("with_head", [True, False])
def test_every_product_of_gpt2s_blocks_goes_on_tiles(with_head):
    family = language()
    layers = manifest(family.model)
    blocks = [layer for layer in layers if layer.block is not None]
    names = [name for name in products(family) if with_head or name != "lm_head"]
    assert len(names) == 2 * 4 + with_head
    with install(
        family.model, layers=names, noise=Pcm(), chip=0, seed=1, simulator=find_simulator("torch")
    ):
        whole, inside = coverage(family.model, layers), coverage(family.model, blocks)
    assert (inside.weights, inside.macs) == (1.0, 1.0)
    assert whole.digital == (() if with_head else ("lm_head",))
    head = next(layer.weights for layer in layers if layer.name == "lm_head")
    every = sum(layer.weights for layer in layers if layer.kind == "matmul")
    assert whole.weights == pytest.approx(1.0 if with_head else 1 - head / every)


def test_head_and_embedding_are_perturbed_apart(case):
    family = language()
    runner = family.runner()
    embedding, head = family.model.transformer.wte, family.model.lm_head
    assert torch.equal(embedding.weight, head.weight)
    kept = embedding.weight.clone()
    for noise in (WhiteWeight(), Pcm()):
        with runner.chip(case(noise, "lm_head"), 0):
            assert torch.equal(family.model.transformer.wte.weight, kept)
            assert family.model.transformer.wte is embedding
            on_tiles = noise.WHERE == "tile"
            assert (family.model.lm_head is head) != on_tiles
            assert on_tiles or not torch.equal(head.weight, kept)
    with runner.chip(case(WhiteWeight(), "wte"), 0):
        assert torch.equal(head.weight, kept)
        assert not torch.equal(embedding.weight, kept)
    both = [runner.measure(case(WhiteWeight(), name), [0]) for name in ("wte", "lm_head")]
    assert both[0].chips[0].scores != both[1].chips[0].scores


def test_a_texts_scores_are_weighted_by_tokens(case):
    family = language()
    task = family.task
    assert len(set(task.tokens)) > 1
    text = torch.tensor(tokenizer_of()(PROSE[:700])["input_ids"])
    nats, count = 0.0, 0
    for batch in task.batches:
        for row, ids in zip(batch.windows, batch.input_ids, strict=True):
            block = task.blocks[row]
            with torch.no_grad():
                logits = family.model(input_ids=ids[None]).logits[0]
            targets = text[block.begin + 1 : block.begin + block.length + 1]
            each = -logits.double().log_softmax(-1).gather(1, targets[:, None])[:, 0]
            nats, count = nats + float(each[-block.scored :].sum()), count + block.scored
    result = family.runner(per_example=True).measure(case(WhiteWeight(0.0), "h.0.mlp.c_fc"), [0])
    found = result.chips[0]
    assert found.scores == result.digital
    assert found.scores["cross_entropy"] == pytest.approx(nats / count, rel=1e-6)
    assert found.scores["perplexity"] == math.exp(found.scores["cross_entropy"])
    blocks = found.per_example["cross_entropy"]
    assert len(blocks) == task.examples
    assert sum(blocks) / len(blocks) != pytest.approx(nats / count, rel=1e-6)
    assert result.chance["cross_entropy"] == math.log(len(tokenizer_of()))


class Watched(LanguageModelling):
    """Counts how many batches' logits are alive whenever one is scored."""

    seen: list[weakref.ref[Tensor]]
    most: int

    def reduce(self, batch: int, logits: Tensor) -> Tensor:
        self.seen.append(weakref.ref(logits))
        self.most = max(self.most, sum(ref() is not None for ref in self.seen))
        return super().reduce(batch, logits)


def test_one_batch_of_logits_lives(case):
    family = language()
    task = Watched(Text("prose", PROSE[:700]), tokenizer_of(), LmProtocol(24, 12, 100))
    task.seen, task.most = [], 0
    runner = family.runner(task)
    runner.measure(case(Preset(TORCH_VARIANT), "h.1.mlp.c_fc"), range(2))
    assert len(task.seen) == 3 * len(task.batches) >= 12
    assert task.most == 1


def test_scores_that_are_no_numbers_break_the_case_only(case, numbers):
    runner = language().runner()
    good = case(WhiteWeight(), "h.0.mlp.c_fc")
    wanted = numbers(runner.measure(good, [0]))
    overflowing = case(beyond(WhiteOutput(), std=1e38), "h.0.mlp.c_fc")
    broken = runner.measure(overflowing, [3])
    assert (broken.status, broken.chips) == ("broken", ())
    # What multiplied noise so large: the activation behind it has no name of its own.
    assert broken.reason.startswith("chip 3: the model's outputs are not finite numbers; first ")
    # Logits this far apart are numbers still, and so is their cross-entropy.
    large = runner.measure(case(WhiteOutput(1e5), "lm_head"), [3])
    assert (large.status, large.reason) == ("broken", "chip 3 scored inf for perplexity")
    assert (large.chips, large.digital) == ((), wanted.digital)
    assert numbers(runner.measure(good, [0])) == wanted


def test_a_digital_model_without_finite_losses_is_what_is_broken(case):
    family = language()
    with torch.no_grad():
        family.model.get_submodule("transformer.h.1.mlp.c_fc").weight[0, 0] = torch.inf
    result = family.runner().measure(case(WhiteWeight(), "h.0.mlp.c_fc"), [0])
    assert (result.status, result.chips, result.digital) == ("broken", (), {})
    assert result.reason.startswith("digital: the model's outputs are not finite numbers; first ")
