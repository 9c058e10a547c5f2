"""The embedded BERT on a few real questions, and tiny random BERTs on random tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.noise import Noise
from analog_bench.records import Metric, Result
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.token_batches import Batch
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_loading import LoadedModel, load
from analog_bench.zoo.model_specs import find

LOCK = Path("zoo.lock.json")


class MeanLogits:
    """A task whose scores show any change of any bit of a question's logits."""

    name = data = "random tokens"
    protocol = "mean logits"
    metrics = (Metric("mean", "1", True, 0.1),)
    by_token = False

    def __init__(self, batches: list[Batch]) -> None:
        self.chance: dict[str, float] = {}
        self.batches = batches
        self.examples = sum(len(batch.windows) for batch in batches)

    def score(self, logits: Sequence[Tensor]) -> dict[str, tuple[float, ...]]:
        means = [out.double().mean(dim=(1, 2)) for out in logits]
        return {"mean": tuple(torch.cat(means).tolist())}

    def run(self, model: nn.Module, batch: int) -> Tensor:
        inputs = self.batches[batch].inputs_of(model)
        if hasattr(model, "lm_head"):
            inputs.pop("token_type_ids", None)
        out = model(**inputs)
        if "logits" in out:
            return out.logits
        return torch.stack([out.start_logits, out.end_logits], dim=-1)

    def reduce(self, batch: int, logits: Tensor) -> Tensor:
        return logits

    def mean(self, per_example: Mapping[str, Sequence[float]]) -> dict[str, float]:
        return {name: fmean(scores) for name, scores in per_example.items()}

    def texts(self, reduced: Sequence[Tensor]) -> tuple[str, ...]:
        return ()


@pytest.fixture(scope="session")
def embedded() -> LoadedModel:
    return load(find("bert", "embedded", read_lock(LOCK)), lock_path=LOCK)


@pytest.fixture(scope="session")
def questions(embedded: LoadedModel) -> QuestionAnswering:
    found = load_questions("embedded", examples=8, data_folder=None, lock=LOCK)
    small = QaProtocol(batch_tokens=600)
    return QuestionAnswering(found.name, found.rows, embedded.tokenizer, small)


@pytest.fixture
def tiny() -> nn.Module:
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=60,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=40,
        max_position_embeddings=32,
        # Larger than usual, so that noise in any layer shows in the logits.
        initializer_range=0.3,
    )
    return BertForQuestionAnswering(config).eval()


@pytest.fixture(scope="session")
def tokens() -> MeanLogits:
    """Three batches: without padding, with padding, and of a single input."""
    draws = torch.Generator().manual_seed(7)
    batches = []
    for n, lengths in enumerate(([9, 9], [8, 5, 3], [6])):
        longest = max(lengths)
        ids = torch.randint(1, 60, (len(lengths), longest), generator=draws)
        mask = (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()
        types = (torch.arange(longest) > 2).long() * mask
        windows = tuple(range(10 * n, 10 * n + len(lengths)))
        batches.append(Batch(windows, ids * mask, types, mask))
    return MeanLogits(batches)


@pytest.fixture
def case() -> Callable[..., Case]:
    """Make a case of one or several layers."""

    def make(noise: Noise, *layers: str, drift_s: float = 0.0, hardware: str = "ideal") -> Case:
        return Case(
            study="test",
            model="bert",
            layers=layers,
            noise=noise,
            drift_s=drift_s,
            tile="torch",
            hardware=hardware,
            variant="direct",
            group=layers[0] if len(layers) == 1 else "several",
        )

    return make


@pytest.fixture
def runner_of(tokens: MeanLogits) -> Callable[..., Runner]:
    """Make a runner, on the random tokens where no task is given."""

    def make(model: nn.Module, task: object = tokens, **options: object) -> Runner:
        return Runner(model, task, **{"seed": 1, "weights": "w", **options})

    return make


@pytest.fixture
def numbers() -> Callable[[Result], Result]:
    """Return a result without what depends on the clock."""

    def strip(result: Result) -> Result:
        return replace(result, chips=tuple(replace(chip, seconds=0.0) for chip in result.chips))

    return strip
