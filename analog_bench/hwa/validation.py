"""Score a model on chips: programmed, aged, and run on held-out examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.training_data import TrainingData
from analog_bench.noise import Preset
from analog_bench.seeds import derive_seed
from analog_bench.simulators.registry import find_simulator

Ranges = Mapping[str, tuple[float, ...]]
"""Layer name to the input range of each of its tiles."""


@dataclass(frozen=True)
class Validation:
    """The main metric on each chip."""

    chips: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the chips."""
        return fmean(self.chips)


def digital_score(model: nn.Module, data: TrainingData) -> float:
    """Return the main metric of a model without any noise."""
    with torch.inference_mode():
        outputs = [_reduced(data, model, n) for n in range(len(data.task.batches))]
    return _score(data, outputs)


def validate(
    model: nn.Module, layers: Sequence[str], ranges: Ranges, data: TrainingData, recipe: HwaRecipe
) -> Validation:
    """Program a digital model on the recipe's number of chips and score them at its drift time.

    The chips are the same at every call, and none of them is measured by a study. A chip whose
    outputs are not finite has an infinitely bad score. The model is not changed.
    """
    seed = derive_seed(recipe.seed, "validation")
    scores = []
    for index in range(recipe.chips):
        with install(
            model,
            layers=layers,
            noise=Preset(recipe.preset),
            chip=index,
            seed=seed,
            simulator=find_simulator(recipe.tile),
            input_ranges=ranges,
        ) as chip:
            chip.drift_to(recipe.drift_s)
            outputs = []
            for number, batch in enumerate(data.task.batches):
                with chip.reading(number, batch.attention_mask), torch.inference_mode():
                    outputs.append(_reduced(data, model, number))
        scores.append(_score(data, outputs))
    return Validation(tuple(scores))


def _reduced(data: TrainingData, model: nn.Module, batch: int) -> Tensor:
    return data.task.reduce(batch, data.task.run(model, batch).float())


def _score(data: TrainingData, reduced: Sequence[Tensor]) -> float:
    outputs = [output.cpu() for output in reduced]
    if not all(bool(torch.isfinite(output).all()) for output in outputs):
        return -math.inf if data.metric.higher_is_better else math.inf
    return data.task.mean(data.task.score(outputs))[data.metric.name]
