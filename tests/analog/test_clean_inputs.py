"""The sample of a layer's clean inputs: no padding, evenly spaced, and small."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.clean_inputs import ROWS, Pass, observe_inputs, spread
from analog_bench.errors import UsageError

QUERY = "encoder.layer.0.attention.self.query"


def ids_of(lengths: list[int], longest: int = 0) -> tuple[Tensor, Tensor]:
    longest = longest or max(lengths)
    mask = (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()
    draws = torch.Generator().manual_seed(len(lengths))
    return torch.randint(1, 60, mask.shape, generator=draws) * mask, mask


def pass_of(model: nn.Module, ids: Tensor, mask: Tensor | None) -> Pass:
    def run() -> None:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=mask)

    return Pass(mask, run)


@pytest.mark.parametrize(
    ("count", "most", "wanted"),
    [(5, 4, [0, 1, 3, 4]), (8, 4, [1, 3, 5, 7]), (3, 9, [0, 1, 2]), (0, 4, []), (1, 1, [0])],
)
def test_spread(count: int, most: int, wanted: list[int]) -> None:
    assert spread(count, most) == wanted


def test_every_token_and_no_padding(bert) -> None:
    ids, mask = ids_of([9, 4, 2])
    caught: list[Tensor] = []
    handle = bert.get_submodule(f"bert.{QUERY}").register_forward_pre_hook(
        lambda _module, inputs: caught.append(inputs[0])
    )
    one = pass_of(bert, ids, mask)
    one.run()
    handle.remove()
    names = [QUERY, "embeddings.word_embeddings", "embeddings.position_embeddings"]
    found = observe_inputs(bert, names, [one])
    assert torch.equal(found[QUERY].rows, caught[0][mask.bool()])
    assert torch.equal(found[names[1]].rows, ids[mask.bool()])
    # Computed once for all inputs, so that the mask does not fit it.
    assert torch.equal(found[names[2]].rows, torch.arange(9))
    for inputs in found.values():
        assert inputs.weights.tolist() == [1.0] * len(inputs.rows)


def test_the_sample_is_small_and_stands_for_all(bert) -> None:
    passes = [pass_of(bert, *ids_of([30 - n] * 40)) for n in range(4)]
    names = [QUERY, "embeddings.word_embeddings"]
    found = observe_inputs(bert, names, passes)
    tokens = [int(one.attention_mask.sum()) for one in passes]
    for name in names:
        rows, weights = found[name]
        assert len(rows) == len(weights) == ROWS < sum(tokens) / 8
        assert weights.view(4, -1).sum(1).tolist() == pytest.approx(tokens)
        assert torch.equal(observe_inputs(bert, [name], passes)[name].rows, rows)
    # Nothing else of the activations stays alive.
    assert found[QUERY].rows.untyped_storage().nbytes() == ROWS * 24 * 4


def test_rare_large_outputs_are_not_missed(one_layer) -> None:
    draws = torch.Generator().manual_seed(1)
    rows = torch.randn(2, 4000, 8, generator=draws)
    rows[0, 123] *= 300
    rows[1, 7::1000] *= 100
    model = one_layer(torch.randn(5, 8, generator=draws))
    passes = [Pass(None, lambda half=half: model(half[None])) for half in rows]
    found, weights = observe_inputs(model, ["dense"], passes)["dense"]
    with torch.inference_mode():
        energy = (model(found).double().square().sum(1) * weights).sum()
        whole = model(rows).double().square().sum()
    assert float(energy / whole) == pytest.approx(1, rel=1e-3)
    linear = float((found.double().sum(1) * weights).sum() / weights.sum())
    assert abs(linear - float(rows.mean() * 8)) < 5 * math.sqrt(8 / 400) * 3


def test_wide_outputs_take_fewer_rows(one_layer) -> None:
    model = one_layer(torch.ones(60_000, 2))
    found = observe_inputs(model, ["dense"], [Pass(None, lambda: model(torch.ones(100, 2)))])
    rows, weights = found["dense"]
    assert len(rows) == 2**22 // 60_000
    assert float(weights.sum()) == pytest.approx(100)


def test_a_layer_computed_token_by_token(gpt2) -> None:
    ids, _ = ids_of([6, 6, 6])
    layer = "h.0.ln_1"

    def run() -> None:
        with torch.inference_mode():
            for end in (4, 5, 6):
                gpt2(input_ids=ids[:, :end])

    found = observe_inputs(gpt2, [layer, "wte"], [Pass(None, run)])
    for inputs in found.values():
        assert float(inputs.weights.sum()) == pytest.approx(3 * (4 + 5 + 6))
    assert found[layer].rows.shape[1] == 24
    assert set(found["wte"].rows.tolist()) <= set(ids.flatten().tolist())


def test_mistakes(bert) -> None:
    one = pass_of(bert, *ids_of([5]))
    with pytest.raises(UsageError, match="no layer 'qa_output' in this model"):
        observe_inputs(bert, ["qa_output"], [one])
    with pytest.raises(ValueError, match=f"no input of {QUERY} was seen"):
        observe_inputs(bert, [QUERY], [Pass(None, lambda: None)])
    assert not bert.get_submodule(f"bert.{QUERY}")._forward_pre_hooks
