"""Progress reports of a training, and its result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from analog_bench.planning.plan_record import Assignment

Ending = Literal["", "finished", "patience", "stopped", "diverged"]


@dataclass(frozen=True)
class Progress:
    """The state of a training after a step.

    Attributes:
        loss: Training loss of the last step; NaN before the first.
        score: Mean validation score over the chips; None if this step was not validated. At step 0
            it is that of the digital weights with the initial input ranges.
        best: The best score so far, step 0 included; None before any.
        seconds: CPU time spent on steps so far; elapsed time on another device.
    """

    step: int
    steps: int
    loss: float
    score: float | None
    chips: tuple[float, ...]
    best: float | None
    digital: float
    seconds: float


@dataclass
class Standing:
    """The state of a training, as stored in its checkpoints."""

    digital: float
    direct: float
    start: float
    best: float
    first_ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_step: int = 0
    step: int = 0
    seconds: float = 0.0
    waited: int = 0  # validations since the last improvement
    ended: Ending = ""
    devices: list[str] = field(default_factory=list)

    def record_device(self, device: torch.device) -> None:
        """Note the device of the next steps, unless the last ones were made there."""
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        if self.devices[-1:] != [name]:
            self.devices.append(name)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a training.

    Attributes:
        state: Parameters of the model that validated best, adapters included, for `ship_hwa`.
        input_ranges: Its input ranges, one per tile.
        layers: Public names of the layers that were on tiles.
        direct: Score of the digital weights on chips, with input ranges by the preset's rule: mean
            over chips at the recipe's drift time.
        start: The same with the initial input ranges.
        best_step: The step that validated best; 0 if no step was better than the start.
        ended: Why there are no further steps: all made (`finished`), no improvement (`patience`),
            `stopped` by the caller, or `diverged` (the loss is not finite).
        minutes: CPU time spent on steps; elapsed time on another device.
        devices: The devices that computed the steps, in order: `cpu`, or a GPU's name.
        plan: The treatment of each layer; None if the recipe's layers were on tiles.
    """

    state: dict[str, Tensor]
    input_ranges: dict[str, tuple[float, ...]]
    layers: tuple[str, ...]
    metric: str
    digital: float
    direct: float
    start: float
    best: float
    best_step: int
    steps: int
    ended: Ending
    minutes: float
    devices: tuple[str, ...] = ()
    plan: Assignment | None = None

    def closed_by(self, score: float) -> float:
        """Return the share of the gap left by calibration that a score closes.

        0 is as good as the start, which training gets from calibration, and 1 as good as digital.
        NaN if there is no gap.
        """
        gap = self.digital - self.start
        return (score - self.start) / gap if gap else math.nan
