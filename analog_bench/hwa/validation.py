"""How well a model does on chips: programmed afresh, aged, and scored on held-out examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.hwa.data import TrainingData
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.noise import Preset
from analog_bench.seeds import derive_seed
from analog_bench.simulators.registry import find_simulator

Ranges = Mapping[str, float | tuple[float, ...]]
"""Layer name to input range: one for all its tiles, or one for each."""


@dataclass(frozen=True)
class Validation:
    """Scores of one state of a model.

    Attributes:
        chips: The main metric on each chip.
    """

    chips: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the chips."""
        return fmean(self.chips)


def digital_score(model: nn.Module, data: TrainingData) -> float:
    """Return the main metric of a model without any noise."""
    with torch.inference_mode():
        outputs = [
            data.task.reduce(n, data.output(model, n)) for n in range(len(data.task.batches))
        ]
    return _scored(data, outputs)


def validate(
    model: nn.Module,
    layers: Sequence[str],
    ranges: Ranges,
    data: TrainingData,
    recipe: HwaRecipe,
) -> Validation:
    """Program a digital model on fresh chips and score them at the recipe's drift time.

    The chips are the same at every call, and other ones than any study measures. A chip whose
    outputs are not finite numbers has the worst score there is.

    Args:
        model: The digital model in evaluation mode; it is itself again afterwards.
        layers: What goes on tiles.
        ranges: Input ranges of its tiles, where the preset has them.
        data: Held-out examples.
        recipe: The hardware, the number of chips and their age.
    """
    seed = derive_seed(recipe.seed, "validation")
    found = []
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
                    outputs.append(data.task.reduce(number, data.output(model, number)))
        found.append(_scored(data, outputs))
    return Validation(tuple(found))


def _scored(data: TrainingData, outputs: Sequence[Tensor]) -> float:
    if not all(bool(torch.isfinite(output).all()) for output in outputs):
        return -math.inf if data.metric.higher_is_better else math.inf
    return data.task.mean(data.task.score(outputs))[data.metric.name]
