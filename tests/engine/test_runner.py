"""Numbers of a case depend on the case alone, and the model is itself again afterwards."""

from __future__ import annotations

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from analog_bench.analog.layer_manifest import manifest, paths_on_tiles
from analog_bench.errors import UsageError
from analog_bench.noise import (
    Ideal,
    InpNoise,
    IrDrop,
    IrDropShipped,
    Pcm,
    Preset,
    WhiteOutput,
    WhiteOutputRel,
    WhiteWeight,
)
from tests.overflowing_noise import beyond

DAY = 86_400.0
QUERY = "encoder.layer.0.attention.self.query"
DIGITAL = "digital: the model's outputs are not finite numbers"
WIDEN = "encoder.layer.1.intermediate.dense"


@pytest.fixture
def cases(case):
    """One or more of every kind of noise, at depths that go forward."""
    return [
        case(WhiteOutput(0.3), "embeddings.word_embeddings"),
        case(WhiteOutput(0.3), "embeddings.position_embeddings"),
        case(WhiteWeight(), QUERY),
        case(Preset(), "encoder.layer.0.intermediate.dense", "encoder.layer.1.output.dense"),
        case(InpNoise(0.1), "encoder.layer.0.output.dense"),
        case(WhiteOutputRel(0.5), "encoder.layer.1.attention.output.LayerNorm"),
        case(Pcm(), WIDEN, drift_s=DAY),
        case(WhiteWeight(), "qa_outputs"),
    ]


@pytest.fixture
def broken_tiny(tiny) -> nn.Module:
    with torch.no_grad():
        tiny.get_submodule(f"bert.{WIDEN}").weight[3, 4] = torch.nan
    return tiny


def test_results_do_not_depend_on_order_replay_or_company(tiny, runner_of, cases, numbers):
    runner = runner_of(tiny, per_example=True)
    wanted = [numbers(runner.measure(c, range(2))) for c in cases]
    for result in wanted:
        assert result.status == "measured"
        assert all(chip.scores != result.digital for chip in result.chips)
        assert result.chips[0].scores != result.chips[1].scores
    backwards = runner_of(tiny, per_example=True)
    again = [numbers(backwards.measure(c, range(2))) for c in reversed(cases)]
    assert again[::-1] == wanted
    without = runner_of(tiny, per_example=True, replay=False)
    assert [numbers(without.measure(c, range(2))) for c in cases] == wanted
    alone = [numbers(runner_of(tiny, per_example=True).measure(c, range(2))) for c in cases]
    assert alone == wanted
    assert numbers(runner.measure(cases[2], range(2))) == wanted[2]


def test_results_do_not_depend_on_the_chips_asked(tiny, runner_of, cases, numbers):
    for c in cases:
        three = numbers(runner_of(tiny).measure(c, range(3)))
        only = numbers(runner_of(tiny).measure(c, [2]))
        assert only.chips == three.chips[2:]
        assert replace(only, chips=()) == replace(three, chips=())


def test_global_generators_neither_matter_nor_move(tiny, runner_of, cases, numbers):
    for c in cases:
        torch.manual_seed(1)
        first = numbers(runner_of(tiny).measure(c, [0]))
        torch.manual_seed(2)
        before = torch.get_rng_state()
        assert numbers(runner_of(tiny).measure(c, [0])) == first
        assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_is_another_chip(tiny, runner_of, cases):
    for c in cases:
        one, two = (runner_of(tiny, seed=seed).measure(c, [0]) for seed in (1, 2))
        assert one.chips[0].scores != two.chips[0].scores
        assert one.digital == two.digital


def state_of(model: nn.Module) -> list[object]:
    """Everything that could be left behind: modules, parameters, hooks, modes, values."""
    modules = [
        (path, id(m), m.training, len(m._forward_hooks), len(m._forward_pre_hooks))
        for path, m in model.named_modules()
    ]
    parameters = [
        (name, id(p), p.requires_grad, p._version) for name, p in model.named_parameters()
    ]
    return [modules, parameters]


def test_the_model_is_exactly_restored(tiny, runner_of, cases, case):
    values = {name: value.clone() for name, value in tiny.state_dict().items()}
    before = state_of(tiny)
    runner = runner_of(tiny)
    broken = case(beyond(WhiteOutput(), std=1e38), WIDEN)
    for c in (*cases, broken):
        runner.measure(c, [0])
        assert state_of(tiny) == before
    assert all(torch.equal(tiny.state_dict()[name], value) for name, value in values.items())


def test_a_mistake_in_a_case_leaves_the_model_whole(tiny, runner_of, case, numbers, cases):
    runner = runner_of(tiny)
    before, wanted = state_of(tiny), numbers(runner.measure(cases[2], [0]))
    with pytest.raises(UsageError, match="only matrix multiplications go on tiles"):
        runner.measure(case(Pcm(), QUERY, "encoder.layer.0.output.LayerNorm"), [0])
    assert state_of(tiny) == before
    assert numbers(runner.measure(cases[2], [0])) == wanted


def test_weights_that_are_no_numbers_break_the_case(broken_tiny, runner_of, case):
    result = runner_of(broken_tiny).measure(case(WhiteWeight(), QUERY), [4])
    assert result.status == "broken"
    assert result.reason == f"{DIGITAL}; first those of {WIDEN}"
    assert (result.chips, result.digital) == ((), {})


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 3e38], ids=str)
def test_one_input_that_has_no_finite_output_breaks_the_digital_model(
    tiny, tokens, runner_of, case, value
):
    with torch.no_grad():
        tiny.bert.embeddings.word_embeddings.weight[tokens.batches[1].input_ids[0, 3]] = value
    runner = runner_of(tiny)
    for noise in (WhiteOutput(), Pcm()):
        result = runner.measure(case(noise, QUERY), range(2))
        assert (result.status, result.chips, result.digital) == ("broken", (), {})
        assert result.reason.startswith(f"{DIGITAL}; first those of embeddings.")
    # What HWA weights are compared with is as it is.
    other = runner_of(tiny, digital=runner.digital()).measure(case(Pcm(), QUERY), range(2))
    assert (other.status, other.digital) == ("broken", {})


def test_embedded_model_with_a_weight_that_is_no_number(embedded, questions, runner_of, case):
    weight = embedded.model.bert.encoder.layer[5].output.dense.weight
    kept = weight.detach()[0, 0].clone()
    with torch.no_grad():
        weight[0, 0] = torch.nan
    try:
        result = runner_of(embedded.model, questions).measure(
            case(WhiteWeight(), "qa_outputs"), [0]
        )
    finally:
        with torch.no_grad():
            weight[0, 0] = kept
    assert (result.status, result.chips) == ("broken", ())
    # It is none of the case's layers, and lies in what is replayed.
    assert result.reason == f"{DIGITAL}; first those of encoder.layer.5.output.dense"


def test_a_noise_that_overflows_breaks_the_case_only(tiny, runner_of, case, numbers):
    runner = runner_of(tiny)
    good = case(WhiteWeight(), "qa_outputs")
    wanted = numbers(runner.measure(good, [0]))
    result = runner.measure(case(beyond(WhiteWeight(), std=1e38), WIDEN), [0])
    assert result.status == "broken"
    assert result.reason.endswith(f"; first those of {WIDEN}")
    assert result.digital == wanted.digital
    assert numbers(runner.measure(good, [0])) == wanted


def test_coverage_is_the_share_of_exactly_that_layer(embedded, questions, runner_of, case):
    products = [layer for layer in manifest(embedded.model) if layer.kind == "matmul"]
    assert len(products) == 37
    whole = sum(layer.weights for layer in products)
    runner = runner_of(embedded.model, questions)
    for layer in (products[5], products[-1]):
        result = runner.measure(case(Pcm(), layer.name), [0])
        assert result.facts.coverage_weights == layer.weights / whole
        assert result.facts.coverage_macs == layer.macs / whole
    white = runner.measure(case(WhiteOutput(), products[-1].name), [0])
    assert (white.facts.coverage_weights, white.facts.coverage_macs) == (0.0, 0.0)


def test_facts_of_one_and_of_several_layers(tiny, runner_of, case):
    layers = {layer.name: n for n, layer in enumerate(manifest(tiny))}
    runner = runner_of(tiny)
    one = runner.measure(case(WhiteWeight(), WIDEN), [0]).facts
    weight = tiny.get_submodule(f"bert.{WIDEN}").weight.detach()
    assert (one.kind, one.weights, one.depth) == ("matmul", 24 * 40, layers[WIDEN])
    assert one.weight_max == float(weight.abs().max())
    assert one.weight_std == pytest.approx(float(weight.double().std(unbiased=False)))
    assert sum(one.histogram.counts) == one.weights
    assert max(-one.histogram.low, one.histogram.high) == one.weight_max
    both = runner.measure(case(WhiteWeight(), WIDEN, QUERY), [0]).facts
    assert both.histogram is None
    assert (both.kind, both.weights) == ("several", 24 * 40 + 24 * 24)
    assert both.depth == layers[QUERY]


def test_ideal_tiles_everywhere_score_as_the_digital_model(embedded, questions, runner_of, case):
    names = [layer.name for layer in manifest(embedded.model) if layer.kind == "matmul"]
    runner = runner_of(embedded.model, questions, per_example=True)
    result = runner.measure(case(Ideal(), *names), [0])
    assert result.facts.coverage_weights == 1.0
    assert result.chips[0].scores == result.digital
    assert result.chips[0].per_example == runner.digital().per_example
    assert 0 < result.digital["f1"] <= 100


def test_the_digital_score_is_the_same_from_any_depth(tiny, runner_of, case):
    whole = runner_of(tiny).digital()
    late = runner_of(tiny)
    late.measure(case(WhiteWeight(), "qa_outputs"), [0])
    assert late.digital() == whole


def test_one_chip_drifts(tiny, runner_of, case):
    """The same devices at every time; without drift, time changes the read noise only."""
    runner = runner_of(tiny)
    pcm = Pcm(compensate=False, read=0.0)
    young, old = (
        runner.measure(case(pcm, WIDEN, drift_s=t), [1]).chips[0] for t in (0.0, 3600 * DAY)
    )
    assert young.fingerprint == old.fingerprint != ()
    assert young.scores != old.scores
    still = Pcm(drift=0.0, read=0.0, compensate=False)
    before, after = (
        runner.measure(case(still, WIDEN, drift_s=t), [1]).chips[0] for t in (0.0, 3600 * DAY)
    )
    assert before.scores == after.scores


def test_scores_of_examples_are_kept_on_request(tiny, runner_of, case, tokens):
    c = case(WhiteWeight(), WIDEN)
    kept, plain = (runner_of(tiny, per_example=on).measure(c, [0]) for on in (True, False))
    with_them, without = kept.chips[0], plain.chips[0]
    assert kept.digital["mean"] == pytest.approx(sum(kept.digital_per_example["mean"]) / 6)
    assert plain.digital_per_example == {}
    assert len(with_them.per_example["mean"]) == tokens.examples == 6
    assert without.per_example == {}
    mean = sum(with_them.per_example["mean"]) / 6
    assert with_them.scores["mean"] == without.scores["mean"] == pytest.approx(mean)


def test_ir_drop_as_shipped_is_measured_in_a_layer_like_any_noise(tiny, runner_of, case):
    runner = runner_of(tiny)
    noises = (Ideal(), IrDrop(), IrDropShipped())
    ideal, wires, shipped = (runner.measure(case(noise, WIDEN), [0]) for noise in noises)
    assert shipped.status == "measured"
    assert len({result.score("mean") for result in (ideal, wires, shipped)}) == 3


def test_a_skipped_case_says_why(tiny, runner_of, case):
    runner = runner_of(tiny)
    result = runner.skipped(case(Pcm(), WIDEN), "no tile here")
    assert (result.status, result.reason, result.chips) == ("skipped", "no tile here", ())
    assert result.digital == runner.digital().mean
    assert result.facts.weights == 24 * 40
    assert result.facts.coverage_weights == 0.0


def test_results_name_tile_and_noise(tiny, runner_of, case):
    runner = runner_of(tiny)
    tile = runner.measure(case(Pcm(), WIDEN, drift_s=1.0), [0])
    white = runner.measure(case(WhiteOutput(), WIDEN), [0])
    assert (tile.tile, tile.drift_s, white.tile) == ("torch", 1.0, "none")
    assert tile.noise == str(Pcm())
    assert (tile.weights, tile.seed, tile.protocol) == ("w", 1, "mean logits")


def test_a_chip_for_as_long_as_it_is_looked_at(tiny, runner_of, case):
    runner = runner_of(tiny)
    for c in (case(Pcm(), WIDEN), case(Preset(), WIDEN)):
        with runner.chip(c, 0) as chip:
            assert chip.fingerprint
            assert paths_on_tiles(tiny) == {f"bert.{WIDEN}"}
        assert not paths_on_tiles(tiny)
