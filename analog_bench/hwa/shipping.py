"""Write the outcome of a training as HWA weights, with a record of their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from analog_bench.errors import UsageError
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.planned_layers import described, in_int8
from analog_bench.hwa.training_data import TrainingData
from analog_bench.hwa.training_report import Outcome
from analog_bench.hwa.validation import Validation, validate
from analog_bench.simulators.versions import versions
from analog_bench.zoo.hwa_weights import load_hwa, ship_hwa, write_hwa_record
from analog_bench.zoo.model_loading import LoadedModel


@dataclass(frozen=True)
class Shipped:
    """HWA weights that were written to a folder.

    Attributes:
        zoo: Where the model came from.
        hwa: Scores of the weights as written, on held-out training data and chips of age `drift_s`.
        weights: Fingerprint of the HWA weights.
    """

    model: str
    zoo: str
    outcome: Outcome
    hwa: Validation
    drift_s: float
    weights: str
    folder: Path

    @property
    def closed(self) -> float:
        """Share of the gap between calibrated and digital that training closes."""
        return self.outcome.closed_by(self.hwa.mean)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no numbers that are not finite."""
        names = ("digital", "direct", "start", "best_step", "steps", "ended", "minutes")
        return {
            "model": self.model,
            "zoo": self.zoo,
            "metric": self.outcome.metric,
            "drift_s": self.drift_s,
            **{name: getattr(self.outcome, name) for name in names},
            "hwa": self.hwa.mean,
            "chips": self.hwa.chips,
            "closed": self.closed if math.isfinite(self.closed) else None,
            "weights": self.weights,
            "ship": str(self.folder),
        }


def ship_outcome(
    loaded: LoadedModel, recipe: HwaRecipe, data: TrainingData, outcome: Outcome, ship: Path
) -> Shipped:
    """Write the best weights of a training into `ship`, and score them as written.

    Raises:
        UsageError: The training diverged before anything was better than the start, or the weights
            have no finite score.
        WeightsError: The folder holds other weights.
    """
    if outcome.ended == "diverged" and not outcome.best_step:
        raise UsageError(
            f"the loss is not a finite number at step {outcome.steps}, and nothing was better than "
            f"the start; use a smaller --learning-rate than {recipe.learning_rate:g} and another "
            "--out"
        )
    made_with: dict[str, str | int | float | bool] = {
        **described(recipe, outcome.plan),
        "data": f"SQuAD v1.1 train, {data.fingerprint}",
        "torch": str(torch.__version__),
        "aihwkit": versions()["aihwkit"] or "unknown",
        "device": ", ".join(outcome.devices),
        "minutes": round(outcome.minutes, 1),
    }
    record = ship_hwa(
        loaded, outcome.state, ship, input_ranges=outcome.input_ranges, recipe=made_with, results={}
    )
    hwa = load_hwa(loaded, ship)
    with in_int8(hwa.model, outcome.plan):
        validated = validate(hwa.model, outcome.layers, hwa.input_ranges, data, recipe)
    if not math.isfinite(validated.mean):
        raise UsageError(
            f"the best weights, now in {ship}, score {validated.mean} on chips, which is no finite "
            "number: they are damaged or too large; train anew with another --out"
        )
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
        outcome=outcome,
        hwa=validated,
        drift_s=recipe.drift_s,
        weights=hwa.weights_sha256,
        folder=ship,
    )
