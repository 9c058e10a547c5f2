"""From the outcome of a training to HWA weights with a record of what they score."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from analog_bench.errors import UsageError
from analog_bench.hwa.data import TrainingData
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.hwa.training import Outcome
from analog_bench.hwa.validation import validate
from analog_bench.simulators.versions import versions
from analog_bench.zoo.hwa import load_hwa, ship_hwa, write_hwa_record
from analog_bench.zoo.load import LoadedModel


@dataclass(frozen=True)
class Shipped:
    """What was trained and written. Scores are on held-out training data.

    Attributes:
        model: The model's name.
        zoo: Where it came from.
        metric: What scores are in.
        drift_s: Age of the chips at which scores were taken.
        digital: Score of the digital model.
        direct: Mean over chips of the digital weights.
        start: The same with the input ranges that training started from.
        hwa: Mean over the same chips of the weights as they were written.
        chips: Its score on each chip.
        closed: Share of the gap between direct and digital that is closed.
        best_step: The step the weights are from.
        steps: Steps made.
        ended: Why there were no further ones; empty where there could be.
        minutes: Processor time spent on steps.
        weights: Fingerprint of the HWA weights.
        ship: The folder with the weights.
    """

    model: str
    zoo: str
    metric: str
    drift_s: float
    digital: float
    direct: float
    start: float
    hwa: float
    chips: tuple[float, ...]
    closed: float
    best_step: int
    steps: int
    ended: str
    minutes: float
    weights: str
    ship: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which knows no numbers that are not finite."""
        facts = asdict(self)
        return {**facts, "closed": self.closed if math.isfinite(self.closed) else None}


def ship_outcome(
    loaded: LoadedModel, recipe: HwaRecipe, data: TrainingData, outcome: Outcome, ship: Path
) -> Shipped:
    """Write the best weights of a training into `ship`, and score them as they were written.

    Raises:
        UsageError: The training diverged before anything was better than the start.
        WeightsError: The folder holds other weights.
    """
    if outcome.ended == "diverged" and not outcome.best_step:
        raise UsageError(
            f"the loss is not a finite number at step {outcome.steps}, and nothing was better than "
            f"the start; use a smaller --learning-rate than {recipe.learning_rate:g} and another "
            "--out"
        )
    described: dict[str, str | int | float | bool] = {
        **recipe.described(),
        "data": f"SQuAD v1.1 train, {data.fingerprint}",
        "torch": str(torch.__version__),
        "aihwkit": versions()["aihwkit"] or "unknown",
        "processor_minutes": round(outcome.minutes, 1),
    }
    record = ship_hwa(
        loaded,
        outcome.state,
        ship,
        input_ranges=outcome.input_ranges,
        recipe=described,
        results={},
    )
    hwa = load_hwa(loaded, ship)
    validated = validate(hwa.model, outcome.layers, hwa.input_ranges, data, recipe)
    name = f"held_out_{outcome.metric}"
    results: dict[str, str | int | float | bool] = {
        f"{name}_digital": round(outcome.digital, 4),
        f"{name}_direct": round(outcome.direct, 4),
        f"{name}_start": round(outcome.start, 4),
        f"{name}_hwa": round(validated.mean, 4),
        "held_out_protocol": data.task.protocol,
        "chips": recipe.chips,
        "drift_s": recipe.drift_s,
        "best_step": outcome.best_step,
        "steps": outcome.steps,
    }
    write_hwa_record(ship, msgspec.structs.replace(record, results=results))
    return Shipped(
        model=loaded.spec.name,
        zoo=loaded.spec.source,
        metric=outcome.metric,
        drift_s=recipe.drift_s,
        digital=outcome.digital,
        direct=outcome.direct,
        start=outcome.start,
        hwa=validated.mean,
        chips=validated.chips,
        closed=outcome.closed_by(validated.mean),
        best_step=outcome.best_step,
        steps=outcome.steps,
        ended=outcome.ended,
        minutes=outcome.minutes,
        weights=hwa.weights_sha256,
        ship=str(ship),
    )
