"""A study may ask how noise travels: the scores stay as they are, with replay and without."""

from __future__ import annotations

import pytest
from msgspec import structs

from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.noise import Pcm, WhiteOutput, WhiteWeight
from tests.architectures import model_of

NAMES = ("bert", "mobilebert", "gpt2", "llama")


@pytest.fixture(params=NAMES)
def model(request):
    return prepare(model_of(request.param))


def products(model):
    return [layer for layer in manifest(model) if layer.block is not None and layer.macs]


def test_scores_are_as_without_and_replay_changes_nothing(model, tokens, runner_of, case, numbers):
    late = [layer.name for layer in products(model) if layer.block == 1]
    c = case(WhiteOutput(0.1), *late)
    found = numbers(runner_of(model).measure(c, [0, 1], propagation=True))
    whole = numbers(runner_of(model, replay=False).measure(c, [0, 1], propagation=True))
    assert found == whole
    plain = numbers(runner_of(model).measure(c, [0, 1]))
    bare = tuple(structs.replace(chip, propagation=None) for chip in found.chips)
    assert structs.replace(found, chips=bare) == plain
    first, second = (chip.propagation for chip in found.chips)
    assert first != second
    assert first.entering.high == first.blocks[0].error.high == 0
    assert first.blocks[1].error.median > 0.01
    assert first.blocks[1].gain is None


def test_noise_on_tiles_is_followed_at_every_drift_time(tokens, runner_of, case):
    model = prepare(model_of("bert"))
    names = [layer.name for layer in products(model)]
    cases = [case(Pcm(compensate=False), *names, drift_s=time) for time in (0.0, 1e6)]
    early, late = runner_of(model).measure_together(cases, [0], propagation=True)
    errors = [r.chips[0].propagation.blocks[-1].error.median for r in (early, late)]
    assert 0 < errors[0] < errors[1]
    block = late.chips[0].propagation.blocks[1]
    assert block.gain.median > 0
    assert block.jacobian_gain.median > 0
    assert late.chips[0].propagation.jacobian == "forward"
    # The model is itself again, and so is what it is held against.
    again = runner_of(model).measure(cases[1], [0], propagation=True)
    assert again.chips[0].propagation == late.chips[0].propagation


def test_noise_behind_the_blocks_is_not_in_the_stream(tokens, runner_of, case):
    model = prepare(model_of("bert"))
    found = runner_of(model).measure(case(WhiteWeight(0.1), "qa_outputs"), [0], propagation=True)
    blocks = found.chips[0].propagation.blocks
    assert [block.error.high for block in blocks] == [0, 0]
    assert found.chips[0].scores != found.digital


def test_embeddings_bring_noise_that_is_only_handed_on(tokens, runner_of, case):
    model = prepare(model_of("gpt2"))
    result = runner_of(model).measure(case(WhiteWeight(0.1), "wte"), [0], propagation=True)
    found = result.chips[0].propagation
    assert found.entering.median > 0
    assert [block.made_here.high for block in found.blocks] == [0, 0]
    assert found.blocks[0].share.median == 0
    assert found.blocks[0].gain.median > 0
