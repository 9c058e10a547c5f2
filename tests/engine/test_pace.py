"""How long a case will take, about."""

from dataclasses import replace

import pytest

from analog_bench.analog.layer_manifest import manifest
from analog_bench.engine.pace import Pace
from analog_bench.noise import OutNoise, Pcm, WhiteOutput

FIRST, LAST = "embeddings.word_embeddings", "qa_outputs"
QUERY = "encoder.layer.0.attention.self.query"


@pytest.fixture
def pace(tiny):
    """Every layer takes a second a token."""
    layers = [layer.path for layer in manifest(tiny)]
    return Pace(float(len(layers)), 0.5, {path: float(n) for n, path in enumerate(layers)})


def test_the_clean_model_is_timed_layer_by_layer(tiny, runner_of):
    found = runner_of(tiny).pace()
    begins = [found.begins[layer.path] for layer in manifest(tiny)]
    assert begins == sorted(begins)
    assert 0 < begins[0] < begins[-1] < found.forward
    assert found.scoring > 0
    assert not found.writes


def test_a_case_costs_what_is_not_replayed(tiny, tokens, runner_of, case, pace):
    count = sum(batch.input_ids.numel() for batch in tokens.batches)
    runner, without = runner_of(tiny), runner_of(tiny, replay=False)
    first, last = (case(WhiteOutput(), layer) for layer in (FIRST, LAST))
    assert runner.seconds(first, pace) == (pace.forward + 0.5) * count
    assert runner.seconds(last, pace) == 1.5 * count
    assert without.seconds(last, pace) == without.seconds(first, pace)


def test_noise_that_is_followed_costs_more_passes(tiny, tokens, runner_of, case, pace):
    count = sum(batch.input_ids.numel() for batch in tokens.batches)
    runner, last = runner_of(tiny), case(WhiteOutput(), LAST)
    more = runner.seconds(last, pace, propagation=True) - runner.seconds(last, pace)
    assert more == 1.5 * pace.forward * count


def test_tiles_cost_more_the_more_they_compute(tiny, runner_of, case, pace):
    runner = runner_of(tiny)

    def seconds(noise, *layers, **changed):
        return runner.seconds(replace(case(noise, *layers), **changed), pace)

    white, pcm, noisy = (seconds(noise, QUERY) for noise in (WhiteOutput(), Pcm(), OutNoise()))
    assert white < pcm < noisy
    assert seconds(Pcm(), QUERY, LAST) > pcm
    assert seconds(Pcm(), QUERY, hardware="StandardHWATrainingTorch") > pcm
    assert seconds(OutNoise(), QUERY, tile="cpp") > 10 * noisy


def test_programming_is_short_beside_writing(tiny, runner_of, case, pace):
    runner = runner_of(tiny)
    c = case(Pcm(), QUERY)
    assert runner.seconds(c, replace(pace, writes=True)) < runner.seconds(c, pace)
