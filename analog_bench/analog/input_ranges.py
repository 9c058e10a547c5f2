"""Static input ranges of tiles, observed on clean inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import find

# aihwkit's defaults of `InputRangeParameter.init_std_alpha` and `init_from_data`, which the
# presets keep; a test compares.
STD_ALPHA = 3.0
BATCHES = 100


def observe_input_ranges(
    model: nn.Module, layer_names: Iterable[str], run: Callable[[], object]
) -> dict[str, float]:
    """Observe the input ranges that a preset's tiles would have set themselves from data.

    aihwkit's rule (`InputRangeParameter.init_from_data`): the mean over the first 100 batches of
    3 standard deviations of all values that enter the layer; batches without spread do not count.

    Args:
        model: The digital model.
        layer_names: Layers to observe.
        run: Computes the model on the batches, one forward pass a batch.

    Returns:
        Layer name to range, for the `input_ranges` of `install`.

    Raises:
        UsageError: A name that is no layer of the model.
        ValueError: A layer that `run` never computed.
    """
    names = list(layer_names)
    means = [_RunningMean() for _ in names]
    handles = [
        place.module.register_forward_pre_hook(mean.observe)
        for place, mean in zip(find(model, names), means, strict=True)
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    for name, mean in zip(names, means, strict=True):
        if mean.count == 0:
            raise ValueError(f"no input of {name} was seen, so it has no range")
    return {name: mean.value for name, mean in zip(names, means, strict=True)}


class _RunningMean:
    def __init__(self) -> None:
        self.count = 0
        self.value = 0.0

    def observe(self, _module: object, inputs: tuple[Tensor, ...]) -> None:
        std = float(inputs[0].std())
        if self.count < BATCHES and std > 0:
            self.value = (self.value * self.count + STD_ALPHA * std) / (self.count + 1)
            self.count += 1
