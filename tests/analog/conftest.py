"""Small real models, and the usable tile engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    GPT2Config,
    GPT2LMHeadModel,
    MobileBertConfig,
    MobileBertForQuestionAnswering,
)

from analog_bench.analog.chip import Chip, install
from analog_bench.noise import Noise
from analog_bench.simulators.registry import find_simulator


class OneLayer(nn.Module):
    """A model of a single matrix multiplication without bias."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.dense = nn.Linear(inputs, outputs, bias=False)
        self.dense.weight = nn.Parameter(weight.clone())

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x)


@pytest.fixture(params=["torch", "cpp"])
def tile(request: pytest.FixtureRequest) -> str:
    """Every tile engine that works here."""
    return usable(request.param)


@pytest.fixture
def cpp() -> str:
    return usable("cpp")


def usable(tile: str) -> str:
    status = find_simulator(tile).status
    if not status.usable:
        pytest.skip(status.reason)
    return tile


@pytest.fixture
def one_layer() -> type[OneLayer]:
    return OneLayer


@pytest.fixture
def effective() -> Callable[..., Tensor]:
    """Read the weights that a chip computes with, by products with unit vectors."""

    def read(
        weight: Tensor,
        noise: Noise,
        drift_s: float | None = None,
        tile: str = "torch",
        **setup: object,
    ) -> Tensor:
        model = OneLayer(weight).eval()
        options = {"chip": 0, "seed": 1, "simulator": find_simulator(tile), **setup}
        with install(model, layers=("dense",), noise=noise, **options) as chip:
            return read_weights(model, chip, drift_s)

    return read


def read_weights(model: nn.Module, chip: Chip, drift_s: float | None = None) -> Tensor:
    if drift_s is not None:
        chip.drift_to(drift_s)
    with torch.inference_mode(), chip.reading(batch=0):
        return model(torch.eye(model.dense.in_features)).T


@pytest.fixture(scope="session")
def bert() -> nn.Module:
    torch.manual_seed(1)
    return BertForQuestionAnswering(
        BertConfig(
            vocab_size=60,
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=40,
            max_position_embeddings=32,
        )
    ).eval()


@pytest.fixture(scope="session")
def mobilebert() -> nn.Module:
    torch.manual_seed(2)
    return MobileBertForQuestionAnswering(
        MobileBertConfig(
            vocab_size=60,
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            embedding_size=12,
            intra_bottleneck_size=16,
            max_position_embeddings=32,
            num_feedforward_networks=3,
        )
    ).eval()


@pytest.fixture
def gpt2() -> nn.Module:
    torch.manual_seed(3)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=60,
            n_positions=32,
            n_embd=24,
            n_layer=2,
            n_head=2,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()
