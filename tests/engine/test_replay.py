"""Replay gives the numbers of a whole forward pass to the bit, and computes nothing clean twice."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import cycle

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.engine.replay import Replay, observe
from analog_bench.errors import UsageError
from analog_bench.noise import Pcm, WhiteOutput, WhiteWeight
from tests.architectures import DECODERS, NAMES, model_of


@pytest.fixture(params=NAMES)
def model(request) -> nn.Module:
    return prepare(model_of(request.param))


def outputs_of(model, tokens) -> list[Tensor]:
    with torch.inference_mode():
        return [tokens.run(model, batch) for batch in range(len(tokens.batches))]


def replay_of(model, tokens, **options) -> Replay:
    return Replay(model, partial(tokens.run, model), len(tokens.batches), **options)


def test_every_layer_has_the_same_numbers_with_and_without(model, tokens, runner_of, case, numbers):
    """Hooks sit on a module, tiles replace it: either is computed, in every layer."""
    replaying = runner_of(model, tokens, per_example=True)
    whole = runner_of(model, tokens, per_example=True, replay=False)
    noises = {"matmul": cycle([Pcm(), WhiteOutput(0.3), WhiteWeight()])}
    noises |= dict.fromkeys(("embedding", "norm"), cycle([WhiteWeight(), WhiteOutput(0.3)]))
    for layer in manifest(model):
        c = case(next(noises[layer.kind]), layer.name)
        result = numbers(replaying.measure(c, [0]))
        assert result == numbers(whole.measure(c, [0])), layer.name
        assert result.chips[0].scores != result.digital, layer.name


def test_every_layer_has_the_clean_bits(model, tokens):
    wanted, replay = outputs_of(model, tokens), replay_of(model, tokens)
    assert all(bool(output.std() > 0.01) for output in wanted)
    layers = [layer.path for layer in manifest(model)]
    # Forward, and back to the beginning: then it starts anew.
    for path in (*layers, layers[1], layers[-1], layers[-1], layers[0]):
        replay.move_to([path])
        assert all(torch.equal(a, b) for a, b in zip(replay.outputs(), wanted, strict=True)), path


def counting(model: nn.Module) -> Counter[str]:
    calls: Counter[str] = Counter()
    for path, module in model.named_modules():
        module.register_forward_pre_hook(lambda _module, _inputs, path=path: calls.update([path]))
    return calls


def test_a_sweep_computes_each_clean_module_once_a_batch(tiny, tokens):
    layers = [layer.path for layer in manifest(tiny)]
    replay = replay_of(tiny, tokens)
    replay.move_to(layers[:1])
    calls = counting(tiny)
    for path in layers:
        replay.move_to([path])
        replay.move_to([path])
    assert {path: calls[path] for path in layers[:-1]} == dict.fromkeys(
        layers[:-1], len(tokens.batches)
    )
    assert calls[layers[-1]] == 0


# Layers of ALBERT and DeBERTa are called several times.
ONCE = [name for name in NAMES if name not in ("albert", "deberta-v2")]


@pytest.mark.parametrize("name", ONCE)
def test_what_lies_before_a_layer_is_not_computed(name, tokens):
    model = model_of(name)
    replay, layers = replay_of(model, tokens), [layer.path for layer in manifest(model)]
    for n, path in enumerate(layers):
        replay.move_to([path])
        calls = counting(model)
        replay.output(1)
        assert [x for x in layers if calls[x]] == layers[n:]


def test_a_module_called_several_times_is_replayed_only_inside_another(tokens):
    model = model_of("albert")
    replay, layers = replay_of(model, tokens), [layer.path for layer in manifest(model)]
    shared = "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn"
    calls = counting(model)
    replay.move_to([shared])
    calls.clear()
    replay.output(1)
    assert calls[shared] == 3
    assert calls["albert.embeddings.word_embeddings"] == 0
    replay.move_to(["qa_outputs"])
    calls.clear()
    replay.output(1)
    assert [path for path in layers if calls[path]] == ["qa_outputs"]


def test_without_replay_every_case_starts_from_the_inputs(tiny, tokens, runner_of, case):
    runner = runner_of(tiny, replay=False)
    calls = counting(tiny)
    manifest(tiny)
    before = calls["bert.embeddings"]
    for _ in range(3):
        runner.measure(case(WhiteWeight(), "qa_outputs"), [0])
    assert calls["bert.embeddings"] - before == len(tokens.batches) * (3 + 1)


def test_one_set_of_activations_lives(tiny, tokens):
    """Of blocks in a row one hidden state is kept, and inside a block what is still read."""
    made: dict[int, weakref.ref[Tensor]] = {}

    def watch(_module: object, _inputs: object, output: object) -> None:
        for tensor in output if isinstance(output, tuple) else (output,):
            if isinstance(tensor, Tensor):
                made[id(tensor)] = weakref.ref(tensor)

    def alive() -> int:
        tensors = [tensor for ref in made.values() if (tensor := ref()) is not None]
        return len({tensor.untyped_storage().data_ptr() for tensor in tensors})

    for module in tiny.modules():
        module.register_forward_hook(watch)
    replay = replay_of(tiny, tokens)
    for layer in manifest(tiny):
        replay.move_to([layer.path])
        # A hidden state, and the query and the key, or what is computed from it.
        assert alive() <= 3 * len(tokens.batches), layer.path
    assert len(made) > 20


class Chained(nn.Module):
    """Modules that are read late, twice or not at all, and one whose output is changed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(4, 4) for _ in range(3))
        self.head = nn.Linear(4, 4)
        self.changing = self.late = False

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        if self.changing:
            first.mul_(2.0)
        second = self.second(first)
        if x.shape[0] > 2:
            return self.head(second) + self.third(second)
        if self.late:
            first = first + second
        return self.head(self.third(second) + first)


@pytest.fixture
def chained():
    torch.manual_seed(1)
    return Chained()


def run_chained(model, batch):
    return model(torch.ones(batch + 1, 4))


def test_only_what_is_still_read_is_kept(chained):
    seen = observe(chained, partial(run_chained, chained, 0))
    before = {name: seen.before(seen.begin_of([name])) for name in ("second", "third", "head")}
    assert before == {
        "second": {"first": True},
        "third": {"first": True, "second": True},
        "head": {"first": True, "second": False, "third": True},
    }
    replay = Replay(chained, partial(run_chained, chained), 2)
    replay.move_to(["head"])
    assert torch.equal(replay.output(1), run_chained(chained, 1))
    chained.third, chained.second = chained.second, chained.third
    with pytest.raises(UsageError, match="does not compute nothing"):
        replay.move_to(["nothing"])


def test_an_output_that_is_changed_in_place_is_computed_anew(chained):
    chained.changing = True
    seen = observe(chained, partial(run_chained, chained, 0))
    assert list(seen.before(seen.begin_of(["head"]))) == ["second", "third"]
    replay = Replay(chained, partial(run_chained, chained), 1)
    replay.move_to(["head"])
    for _ in range(2):
        assert torch.equal(replay.output(0), run_chained(chained, 0))


def test_another_order_in_another_batch_is_refused(chained):
    # Batches of 3 and 1 inputs: the last one is observed.
    replay = Replay(chained, lambda batch: run_chained(chained, 2 - 2 * batch), 2)
    with pytest.raises(UsageError, match="in another order for another batch; use --replay off"):
        replay.move_to(["head"])
    off = Replay(chained, lambda batch: run_chained(chained, 2 - 2 * batch), 2, enabled=False)
    off.move_to(["head"])
    assert torch.equal(off.output(0), run_chained(chained, 2))


def test_padding_is_not_attended_to(tiny, tokens):
    batch = tokens.batches[1]
    other = torch.where(batch.attention_mask == 1, batch.input_ids, 13)
    before, after = (
        tiny(**replace(batch, input_ids=ids).inputs_of(tiny)).start_logits
        for ids in (batch.input_ids, other)
    )
    kept = batch.attention_mask.bool()
    assert torch.equal(before[kept], after[kept])
    assert not torch.equal(before, after)


def test_reading_what_is_not_kept_is_no_number(chained):
    replay = Replay(chained, partial(run_chained, chained), 1)
    replay.move_to(["head"])
    chained.late = True
    assert bool(replay.output(0).isnan().all())


@pytest.mark.parametrize("name", DECODERS)
def test_language_models_do_not_look_ahead(name, tokens):
    model = model_of(name)
    ids = tokens.batches[0].input_ids
    changed = ids.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 60
    with torch.inference_mode():
        before, after = (model(input_ids=x).logits for x in (ids, changed))
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5:], after[:, 5:])
