"""One training from its first step, or its last checkpoint, to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import analog_bench.simulators.aihwkit as kit
from analog_bench.analog.fitted_ranges import fit_input_ranges
from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.hwa import checkpoint
from analog_bench.hwa.checkpoint import Checkpoint
from analog_bench.hwa.data import TrainingData
from analog_bench.hwa.learner import Learner, layers_on_tiles
from analog_bench.hwa.loss import Shares
from analog_bench.hwa.outcome import Outcome, Progress
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.hwa.validation import Ranges, Validation, digital_score, validate
from analog_bench.zoo.hwa import float_state
from analog_bench.zoo.load import LoadedModel

BEST = "best.safetensors"
"""The file beside the checkpoints with the parameters that validated best."""
_OBSERVED_BATCHES = 8


class Course:
    """Where a training stands, and how it goes on."""

    def __init__(
        self,
        recipe: HwaRecipe,
        loaded: LoadedModel,
        data: TrainingData,
        out: Path,
        model: nn.Module,
        tell: Callable[[Progress], None],
    ) -> None:
        self._recipe = recipe
        self._loaded = loaded
        self._data = data
        self._out = out
        self._model = model
        self._tell = tell
        self._shares = Shares(recipe.distillation, recipe.temperature, recipe.states)
        self._facts: dict[str, Any] = {}
        self.layers = layers_on_tiles(model, recipe)

    def begin(self) -> None:
        """Score the digital weights: digital, direct on chips, and with the first input ranges."""
        recipe = self._recipe
        observed = self._observed()
        first = self._fitted() if recipe.first_ranges == "fitted" else observed
        direct = self._validation(observed)
        start = direct if first == observed else self._validation(first)
        self._facts = {
            "step": 0,
            "seconds": 0.0,
            "ended": "",
            "waited": 0,
            "first_ranges": first,
            "digital": digital_score(self._model, self._data),
            "direct": direct.mean,
            "start": start.mean,
            "best": start.mean,
            "best_step": 0,
        }
        self._tell(self._progress(math.nan, start.mean, start.chips))

    def keep_start(self, learner: Learner) -> None:
        """Write down the digital weights, with the first input ranges, as the best so far."""
        self._keep({}, learner.tiles.ranges)
        self._save(learner)

    def first_ranges(self, found: Checkpoint | None) -> Ranges:
        """Return the input ranges that training starts from."""
        facts = self._facts if found is None else found.facts
        return {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in facts["first_ranges"].items()
        }

    def go_on(self, learner: Learner, found: Checkpoint) -> None:
        """Go back to where a checkpoint stands."""
        self._facts = dict(found.facts)
        learner.restore(found.tensors)

    def run(self, learner: Learner, stop: Callable[[Progress], bool], save_steps: int) -> None:
        """Make the steps that are left."""
        recipe, facts = self._recipe, self._facts
        while facts["step"] < recipe.steps and not facts["ended"]:
            began = time.process_time()
            loss = learner.step(facts["step"], self._loaded.model, self._data, self._shares)
            facts["seconds"] += time.process_time() - began
            facts["step"] += 1
            last = facts["step"] == recipe.steps
            if not math.isfinite(loss):
                facts["ended"] = "diverged"
                self._tell(self._progress(loss, None, ()))
            elif last or facts["step"] % recipe.validate_every == 0:
                self._validated(learner, loss, stop)
            else:
                self._tell(self._progress(loss, None, ()))
            if last and not facts["ended"]:
                facts["ended"] = "finished"
            if facts["ended"] or facts["step"] % save_steps == 0:
                self._save(learner)

    def outcome(self) -> Outcome:
        """Return what validated best."""
        best, facts = checkpoint.read(self._out / BEST), self._facts
        return Outcome(
            state={**float_state(self._loaded.model), **best.tensors},
            input_ranges={name: tuple(r) for name, r in best.facts["ranges"].items()},
            layers=self.layers,
            metric=self._data.metric.name,
            digital=facts["digital"],
            direct=facts["direct"],
            start=facts["start"],
            best=best.facts["best"],
            best_step=best.facts["best_step"],
            steps=facts["step"],
            ended=facts["ended"],
            minutes=facts["seconds"] / 60,
        )

    def _validated(self, learner: Learner, loss: float, stop: Callable[[Progress], bool]) -> None:
        facts = self._facts
        with learner.digital() as ranges:
            found = self._validation(ranges)
            if self._is_better(found.mean):
                facts |= {"best": found.mean, "best_step": facts["step"], "waited": 0}
                self._keep(self._changed(), ranges)
            else:
                facts["waited"] += 1
        progress = self._progress(loss, found.mean, found.chips)
        self._tell(progress)
        if stop(progress):
            facts["ended"] = "stopped"
        elif self._recipe.patience and facts["waited"] >= self._recipe.patience:
            facts["ended"] = "patience"

    def _keep(self, changed: dict[str, Tensor], ranges: Ranges) -> None:
        # With its own score: the process may die before the checkpoint that knows it is written.
        facts = {name: self._facts[name] for name in ("best", "best_step")}
        checkpoint.save(self._out / BEST, Checkpoint(changed, {**facts, "ranges": dict(ranges)}))

    def _validation(self, ranges: Ranges) -> Validation:
        return validate(self._model, self.layers, ranges, self._data, self._recipe)

    def _is_better(self, score: float) -> bool:
        gain = score - self._facts["best"]
        return bool(gain > 0 if self._data.metric.higher_is_better else gain < 0)

    def _changed(self) -> dict[str, Tensor]:
        direct = float_state(self._loaded.model)
        return {
            name: tensor
            for name, tensor in float_state(self._model).items()
            if name not in direct or not torch.equal(tensor, direct[name])
        }

    def _save(self, learner: Learner) -> None:
        state = Checkpoint(learner.state(), self._facts)
        checkpoint.save_step(self._out, self._facts["step"], state)

    def _observed(self) -> dict[str, float]:
        if not self._recipe.has_ranges:
            return {}
        return observe_input_ranges(self._model, self.layers, self._look)

    def _fitted(self) -> dict[str, tuple[float, ...]]:
        recipe = self._recipe
        if not recipe.has_ranges:
            return {}
        converters = kit.converters(kit.base_config(recipe.tile, recipe.preset))
        return fit_input_ranges(self._model, self.layers, self._look, converters)

    def _look(self) -> None:
        for number in range(_OBSERVED_BATCHES):
            self._data.show(self._model, number)

    def _progress(self, loss: float, score: float | None, chips: tuple[float, ...]) -> Progress:
        facts = self._facts
        return Progress(
            step=facts["step"],
            steps=self._recipe.steps,
            loss=loss,
            score=score,
            chips=chips,
            best=facts.get("best"),
            digital=facts["digital"],
            seconds=facts["seconds"],
        )
