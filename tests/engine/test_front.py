"""The front computes each clean stage once, keeps one set of activations, and loses no bit."""

from __future__ import annotations

import weakref
from collections import Counter

import torch
from torch import Tensor, nn

from analog_bench.analog.manifest import manifest
from analog_bench.engine.bert_walk import bert_walk
from analog_bench.engine.front import Front
from analog_bench.engine.walk import Stage, State, Walk
from analog_bench.noise import WhiteWeight


def counting(model: nn.Module) -> Counter[str]:
    calls: Counter[str] = Counter()
    for layer in manifest(model):
        model.get_submodule(layer.path).register_forward_pre_hook(
            lambda _module, _inputs, path=layer.path: calls.update([path])
        )
    return calls


def test_a_sweep_computes_each_clean_stage_once_a_batch(tiny, tokens):
    layers = manifest(tiny)
    calls = counting(tiny)
    walk = bert_walk(tiny)
    front = Front(walk, tokens.batches)
    for layer in layers:
        front.move_to(walk.first_stage([layer.path]))
        front.move_to(front.stage)
    last = walk.stages[-1].layers
    clean = [layer.path for layer in layers if layer.path not in last]
    assert calls == dict.fromkeys(clean, len(tokens.batches))


def test_a_whole_sweep_of_cases_computes_nothing_clean_twice(tiny, tokens, runner_of, case):
    layers = manifest(tiny)
    runner, walk = runner_of(tiny), bert_walk(tiny)
    calls = counting(tiny)
    stages = {layer.path: walk.first_stage([layer.path]) for layer in layers}
    for layer in layers:
        runner.measure(case(WhiteWeight(), layer.name), [0, 1])
    for path, stage in stages.items():
        noisy = 2 * sum(other <= stage for other in stages.values())
        digital, moved = 1, int(stage < len(walk.stages) - 1)
        assert calls[path] == len(tokens.batches) * (noisy + digital + moved), path


def test_without_the_front_every_case_starts_from_the_inputs(tiny, tokens, runner_of, case):
    runner = runner_of(tiny, front=False)
    calls = counting(tiny)
    for _ in range(3):
        runner.measure(case(WhiteWeight(), "qa_outputs"), [0])
    first = "bert.embeddings.word_embeddings"
    assert calls[first] == len(tokens.batches) * (3 + 1)


def test_any_order_of_moves_gives_the_same_outputs(tiny, tokens):
    walk = bert_walk(tiny)
    front = Front(walk, tokens.batches)
    front.move_to(0)
    wanted = list(front.outputs())
    for stage in (3, 3, 9, 2, 0, len(walk.stages) - 1, 5):
        front.move_to(stage)
        assert front.stage == stage
        assert all(torch.equal(a, b) for a, b in zip(front.outputs(), wanted, strict=True))
        assert torch.equal(front.output(1), wanted[1])


def test_one_set_of_activations_lives(tiny, tokens):
    made: list[weakref.ref[Tensor]] = []
    peaks = [0]

    def alive() -> int:
        return len({id(tensor) for ref in made if (tensor := ref()) is not None})

    def watched(stage: Stage) -> Stage:
        def run(state: State) -> State:
            after = stage.run(state)
            made.extend(weakref.ref(tensor) for tensor in after.values())
            peaks.append(alive())
            return after

        return Stage(stage.layers, run)

    walk, batches = bert_walk(tiny), 4 * len(tokens.batches)
    front = Front(Walk(walk.begin, tuple(map(watched, walk.stages))), 4 * tokens.batches)
    for stage in (*range(len(walk.stages)), 4):
        front.move_to(stage)
        for batch in range(batches):
            front.output(batch)
        # At most three a batch: a hidden state, what is computed from it, and the bias.
        assert bool(stage) * batches <= alive() <= 3 * batches
    assert len(made) > 20 * batches
    # While a batch runs to the end, its state before and behind a stage live besides the front.
    assert max(peaks) <= 3 * (batches + 2)
