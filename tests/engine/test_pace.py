"""How long a case will take, about."""

from dataclasses import replace

import pytest

from analog_bench.engine.pace import Pace
from analog_bench.noise import OutNoise, Pcm, WhiteOutput

FIRST, LAST = "embeddings.word_embeddings", "qa_outputs"
QUERY = "encoder.layer.0.attention.self.query"
# The embeddings, four stages a block, the head.
STAGES = 1 + 2 * 4 + 1


@pytest.fixture
def pace():
    """Every stage takes a second a token."""
    return Pace((1.0,) * STAGES, 0.5)


def test_the_clean_model_is_timed_stage_by_stage(tiny, runner_of):
    found = runner_of(tiny).pace()
    assert len(found.stages) == STAGES
    assert all(seconds > 0 for seconds in (*found.stages, found.scoring))


def test_a_case_costs_what_lies_behind_it(tiny, tokens, runner_of, case, pace):
    count = sum(batch.input_ids.numel() for batch in tokens.batches)
    runner, without = runner_of(tiny), runner_of(tiny, front=False)
    first, last = (case(WhiteOutput(), layer) for layer in (FIRST, LAST))
    assert runner.seconds(first, pace) == (STAGES + 0.5) * count
    assert runner.seconds(last, pace) == 1.5 * count
    assert without.seconds(last, pace) == without.seconds(first, pace)


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
