"""What chips are told of clean inputs: ranges that were given or seen, severities solved for."""

import pytest

from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.engine.scores import Scores
from analog_bench.noise import EqualError, Pcm, Preset, WhiteWeight
from analog_bench.zoo.adapter import Adapter, add_adapter

QUERY = "encoder.layer.0.attention.self.query"
WIDEN = "encoder.layer.1.intermediate.dense"


@pytest.fixture
def observed(tiny, tokens):
    def run():
        for batch in tokens.batches:
            tiny(batch.input_ids, batch.attention_mask, batch.token_type_ids)

    return observe_input_ranges(tiny, [WIDEN], run)[WIDEN]


def test_given_ranges_hold_in_place_of_observed_ones(tiny, runner_of, case, numbers, observed):
    c = case(Preset(), WIDEN)
    seen = numbers(runner_of(tiny).measure(c, [0]))
    same = runner_of(tiny, input_ranges=lambda case: {WIDEN: (observed,)})
    assert numbers(same.measure(c, [0])) == seen
    narrow = runner_of(tiny, input_ranges=lambda case: {WIDEN: (observed / 20,)})
    assert numbers(narrow.measure(c, [0])) != seen
    # Nothing that has no ranges is touched by them; what was not given is observed.
    pcm = case(Pcm(), WIDEN)
    assert numbers(narrow.measure(pcm, [0])) == numbers(runner_of(tiny).measure(pcm, [0]))
    other = case(Preset(), QUERY)
    assert numbers(narrow.measure(other, [0])) == numbers(runner_of(tiny).measure(other, [0]))


def test_ranges_seen_for_one_case_serve_the_next(tiny, runner_of, case, numbers):
    both = case(Preset(), QUERY, WIDEN)
    fresh = numbers(runner_of(tiny).measure(both, [0]))
    used = runner_of(tiny)
    used.measure(case(Preset(), WIDEN), [0])
    assert numbers(used.measure(both, [0])) == fresh


@pytest.mark.parametrize("family", ["white_weight", "out_noise"])
def test_a_solved_severity_is_the_familys_own(tiny, runner_of, case, family):
    runner = runner_of(tiny)
    equal = case(EqualError(family, 0.3), WIDEN)
    with runner.chip(equal, 0) as chip:
        (solved,) = chip.solved.values()
    itself = runner.measure(case(solved, WIDEN), [0]).chips[0]
    result = runner.measure(equal, [0])
    assert result.chips[0].scores == itself.scores != result.digital
    assert family == solved.NAME


def test_results_of_other_weights_are_compared_with_the_digital_model(tiny, runner_of, case):
    digital = Scores({"mean": 12.5}, {"mean": (12.5,) * 6})
    runner = runner_of(tiny, digital=digital, weights="hwa")
    result = runner.measure(case(WhiteWeight(), WIDEN), [0])
    assert (result.digital, result.weights) == ({"mean": 12.5}, "hwa")
    assert result.chips[0].scores != result.digital
    assert runner.skipped(case(WhiteWeight(), WIDEN), "no").digital == {"mean": 12.5}


def test_adapters_do_not_make_a_layer_deeper(tiny, runner_of, case):
    plain = runner_of(tiny).skipped(case(WhiteWeight(), WIDEN), "").facts
    layer = tiny.get_submodule("bert.encoder.layer.0.intermediate.dense")
    add_adapter(layer, Adapter(layer.in_features, layer.out_features, 2))
    assert runner_of(tiny).skipped(case(WhiteWeight(), WIDEN), "").facts == plain
