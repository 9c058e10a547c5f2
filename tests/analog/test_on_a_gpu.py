"""Chips on a GPU that is not there: everything stays on it, and nothing waits for it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.analog.chip import install
from analog_bench.analog.random_draws import summaries
from analog_bench.engine.scores import first_not_finite
from analog_bench.noise import (
    Hermes,
    Noise,
    OutNoise,
    Pcm,
    Preset,
    Quantise,
    ReramWan2022,
    Stuck,
    WhiteOutput,
    WhiteOutputRel,
    WhiteWeight,
)
from analog_bench.simulators.registry import find_simulator
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import Text
from analog_bench.tasks.token_batches import unpadded
from tests.fake_gpu import fake_gpu
from tests.tiny_gpt2 import PROSE, tokenizer_of

LAYERS = ("bert.encoder.layer.0.output.dense", "qa_outputs")


def bert() -> nn.Module:
    config = BertConfig(
        vocab_size=60,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=600,  # two tiles
        max_position_embeddings=32,
    )
    return BertForQuestionAnswering(config).eval()


class NextToken(nn.Module):
    """The least there is of a language model."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, vocabulary)

    def forward(self, input_ids: Tensor, use_cache: bool) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table(input_ids))


def read(noise: Noise) -> Tensor:
    """Program a chip, let it age, and read three inputs."""
    model = bert()
    with install(
        model,
        layers=LAYERS,
        noise=noise,
        chip=0,
        seed=1,
        simulator=find_simulator("torch"),
        input_ranges=dict.fromkeys(LAYERS, 1.0),
    ) as chip:
        if noise.DRIFTS:
            chip.drift_to(86_400.0)
        ids = torch.zeros(3, 9, dtype=torch.long)
        with torch.inference_mode(), chip.reading(0, torch.ones_like(ids)):
            found: Tensor = model(input_ids=ids).start_logits
    return found


@pytest.mark.parametrize(
    "noise",
    [WhiteOutput(), WhiteOutputRel(), WhiteWeight(), Pcm(), ReramWan2022(), Preset(), Stuck()],
    ids=lambda noise: noise.NAME,
)
def test_chips_are_programmed_aged_and_read_on_it_without_waiting(noise):
    with fake_gpu():
        assert read(noise).device.type == "cuda"


@pytest.mark.parametrize(
    ("noise", "waits"),
    [
        # Inputs are scaled by their largest magnitude, and aihwkit asks whether all are 0.
        (Quantise(), DataDependentOutputException),
        (OutNoise(), DataDependentOutputException),
        # Programmed device by device of a sort.
        (Hermes(), DynamicOutputShapeException),
    ],
    ids=lambda value: getattr(value, "NAME", ""),
)
def test_where_aihwkit_waits(noise, waits):
    with fake_gpu(), pytest.raises(waits):
        read(noise)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_gpu_has_more_at_once_and_the_same_protocol(device):
    tokenizer = tokenizer_of()
    text, protocol = Text("prose", 40 * PROSE), LmProtocol(32, 16, 256)
    task = LanguageModelling(text, tokenizer, protocol, device=device)
    longest = max(batch.input_ids.numel() for batch in task.batches)
    assert longest == {"cpu": 256, "cuda": 1024}[device]
    assert task.protocol == LanguageModelling(text, tokenizer, protocol).protocol


def test_a_text_is_computed_and_scored_on_it_without_waiting():
    tokenizer = tokenizer_of()
    task = LanguageModelling(Text("prose", PROSE), tokenizer, LmProtocol(32, 12, 100))
    with fake_gpu() as there, torch.inference_mode():
        model = NextToken(len(tokenizer))
        task._ids = there.from_tensor(task._ids)
        task.batches = [
            unpadded(batch.windows, there.from_tensor(batch.input_ids)) for batch in task.batches
        ]
        found = [task.reduce(n, task.run(model, n)) for n in range(len(task.batches))]
        assert {tensor.device.type for tensor in found} == {"cuda"}


def test_what_is_not_finite_is_found_in_one_look():
    fine, broken = torch.ones(2), torch.tensor([1.0, torch.nan])
    assert first_not_finite([fine, fine]) is None
    assert first_not_finite([fine, broken, fine, broken]) == 1
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        first_not_finite([torch.ones(2, device="cuda")])


def test_fingerprints_are_worked_out_where_the_weights_are():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):  # at the end, four figures
        summaries(torch.ones(2, 3, device="cuda"))
