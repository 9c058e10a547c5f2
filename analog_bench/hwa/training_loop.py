"""Hardware-aware training: from a digital model to weights that tolerate analog noise."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from analog_bench.analog.compatibility import IDEAL
from analog_bench.analog.input_ranges import calibrate
from analog_bench.analog.random_draws import reproducible
from analog_bench.errors import UsageError
from analog_bench.hwa import checkpoint
from analog_bench.hwa.checkpoint import Checkpoint
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.planned_layers import described, in_int8, layers_on_tiles, rounded_weights
from analog_bench.hwa.trainable_model import Learner, learning, tile_config
from analog_bench.hwa.training_data import TrainingData
from analog_bench.hwa.training_report import Outcome, Progress, Standing
from analog_bench.hwa.validation import Ranges, Validation, digital_score, validate
from analog_bench.noise import Preset
from analog_bench.planning.plan_record import Assignment
from analog_bench.simulators.registry import find_simulator
from analog_bench.zoo.hwa_weights import float_state
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.range_folder import RangeMethod, RangeRecord

BEST = "best.safetensors"
"""The file beside the checkpoints with the parameters that validated best."""
_OBSERVED_BATCHES = 8
WAITS_AFTER = {"cuda": 10}
"""Steps after which a training waits for their losses, by type of device; 1 on others.

A GPU receives the next steps before it has finished the last; waiting leaves it idle.
"""


def train(
    recipe: HwaRecipe,
    loaded: LoadedModel,
    data: TrainingData,
    out: Path,
    *,
    tell: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[Progress], bool] = lambda progress: False,
    finish: bool = False,
    save_steps: int = 50,
    first: RangeRecord | None = None,
    plan: Assignment | None = None,
) -> Outcome:
    """Train, or resume from the last checkpoint in `out`.

    A resumed training gives the same numbers as an uninterrupted one on the same machine with the
    same number of threads. The C++ tile is the exception, because it draws from its own generators.
    A training begun on another device can be resumed, but gives other numbers.

    Args:
        recipe: The hyperparameters.
        loaded: The digital model, prepared (`layer_manifest.prepare`) and on the device to train
            on. It is the teacher and is not changed.
        data: Data from `training_data.make_data` with the same recipe.
        out: Folder of the checkpoints.
        tell: Called before the first step and after every step (on a GPU for several together).
        stop: Called after every validation; True ends the training there.
        finish: Whether to make no further steps and return the best of what the folder holds.
        save_steps: Steps between checkpoints.
        first: Initial input ranges, of the recipe's hardware and these weights, instead of those
            that the recipe finds on the training data.
        plan: A plan whose analog layers are on tiles, instead of the recipe's, and whose INT8
            layers are rounded.

    Raises:
        TileUnavailable: The recipe's tile engine does not work here.
        UsageError: The checkpoints cannot be read or come from another recipe, model or other data;
            or there are none to finish.
    """
    find_simulator(recipe.tile).require(str(next(loaded.model.parameters()).device))
    tile_config(recipe)  # refused before anything is computed
    made_with = {
        **described(recipe, plan),
        "weights": loaded.weights_sha256,
        "data": data.fingerprint,
    }
    if first is not None:
        made_with["first_ranges"] = first.fingerprint
    claim(out, made_with)
    saved = checkpoint.last(out)
    if finish and saved is None:
        raise UsageError(f"{out} holds no checkpoint to finish from; train first")
    model = copy.deepcopy(loaded.model)
    nn.Module.eval(model)
    loop = _TrainingLoop(recipe, loaded, data, out, model, tell, first, plan)
    with in_int8(model, plan):
        if saved is None:
            loop.start()
        else:
            loop.standing = Standing(**saved.facts)
        if not finish:
            loop.standing.record_device(loop.device)
        with learning(recipe, model, loop.layers, loop.first_ranges) as learner:
            if saved is None:
                loop.save_best({}, learner.tiles.ranges)
                loop.save(learner)
            else:
                learner.restore(saved.tensors)
            if not finish:
                loop.run(learner, stop, save_steps)
    return loop.outcome()


@dataclass(eq=False)
class _TrainingLoop:
    recipe: HwaRecipe
    loaded: LoadedModel
    data: TrainingData
    out: Path
    model: nn.Module
    tell: Callable[[Progress], None]
    first: RangeRecord | None
    plan: Assignment | None
    layers: tuple[str, ...] = field(init=False)
    standing: Standing = field(init=False)
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.layers = layers_on_tiles(self.model, self.recipe, self.plan)
        self.device = next(self.model.parameters()).device

    def start(self) -> None:
        """Score the digital weights: digital, on chips, and on chips with the initial ranges."""
        observed, first = self._starting_ranges()
        direct = self._validate(observed)
        start = direct if first == observed else self._validate(first)
        self.standing = Standing(
            digital=digital_score(self.loaded.model, self.data),
            direct=direct.mean,
            start=start.mean,
            best=start.mean,
            first_ranges=dict(first),
        )
        self._report(math.nan, start)

    def _clock(self) -> float:
        """Return CPU seconds, or elapsed seconds if another device computes."""
        return time.process_time() if self.device.type == "cpu" else time.monotonic()

    @property
    def first_ranges(self) -> Ranges:
        """The input ranges that training starts from."""
        return {name: tuple(ranges) for name, ranges in self.standing.first_ranges.items()}

    def run(self, learner: Learner, stop: Callable[[Progress], bool], save_steps: int) -> None:
        """Make the remaining steps."""
        recipe, now = self.recipe, self.standing
        together = WAITS_AFTER.get(self.device.type, 1)
        while now.step < recipe.steps and not now.ended:
            began, losses = self._clock(), []
            with reproducible(self.device):
                while True:
                    losses.append(learner.step(now.step, self.loaded.model, self.data))
                    now.step += 1
                    last = now.step == recipe.steps
                    validates = last or now.step % recipe.validate_every == 0
                    saves = now.step % save_steps == 0
                    if validates or saves or len(losses) == together:
                        break
                *before, loss = torch.stack(losses).tolist()  # the only wait for the device
            now.seconds += self._clock() - began
            now.step -= len(before)
            for earlier in before:
                if not math.isfinite(earlier):
                    loss = earlier
                    break
                self._report(earlier)
                now.step += 1
            if not math.isfinite(loss):
                now.ended = "diverged"
            if validates and not now.ended:
                self._validate_step(learner, loss, stop)
            else:
                self._report(loss)
            if last and not now.ended:
                now.ended = "finished"
            if now.ended or saves:
                self.save(learner)

    def save(self, learner: Learner) -> None:
        """Write a checkpoint of this step."""
        state = Checkpoint(learner.state(), asdict(self.standing))
        checkpoint.save_step(self.out, self.standing.step, state)

    def save_best(self, changed: dict[str, Tensor], ranges: Ranges) -> None:
        """Write the best parameters so far that differ from the digital model's."""
        # With their score, because the process may die before the next checkpoint is written.
        facts = {"best": self.standing.best, "best_step": self.standing.best_step}
        checkpoint.save(self.out / BEST, Checkpoint(changed, {**facts, "ranges": dict(ranges)}))

    def outcome(self) -> Outcome:
        """Return the result: the weights that validated best."""
        best, now = checkpoint.read(self.out / BEST), self.standing
        return Outcome(
            state={**float_state(self.loaded.model), **best.tensors},
            input_ranges={name: tuple(r) for name, r in best.facts["ranges"].items()},
            layers=self.layers,
            metric=self.data.metric.name,
            digital=now.digital,
            direct=now.direct,
            start=now.start,
            best=best.facts["best"],
            best_step=best.facts["best_step"],
            steps=now.step,
            ended=now.ended,
            minutes=now.seconds / 60,
            devices=tuple(now.devices),
            plan=self.plan,
        )

    def _validate_step(
        self, learner: Learner, loss: float, stop: Callable[[Progress], bool]
    ) -> None:
        now = self.standing
        with learner.tiles.digital() as ranges:
            scores = self._validate(ranges)
            gain = self.data.metric.gain(scores.mean - now.best)
            if gain > 0:
                now.best, now.best_step, now.waited = scores.mean, now.step, 0
                self.save_best(self._changed_parameters(), ranges)
            else:
                now.waited += 1
        if stop(self._report(loss, scores)):
            now.ended = "stopped"
        elif self.recipe.patience and now.waited >= self.recipe.patience:
            now.ended = "patience"

    def _validate(self, ranges: Ranges) -> Validation:
        return validate(self.model, self.layers, ranges, self.data, self.recipe)

    def _changed_parameters(self) -> dict[str, Tensor]:
        direct, own = float_state(self.loaded.model), float_state(self.model)
        for name in rounded_weights(self.model, self.plan):
            del own[name]
        return {n: t for n, t in own.items() if n not in direct or not torch.equal(t, direct[n])}

    def _starting_ranges(self) -> tuple[Ranges, Ranges]:
        """Return the input ranges by the preset's rule, and those that training starts from."""
        recipe = self.recipe
        if not recipe.has_ranges:
            return {}, {}
        converters = find_simulator(recipe.tile).converters(Preset(recipe.preset), IDEAL)

        def run_batches() -> None:
            for number in range(_OBSERVED_BATCHES):
                self.data.run_batch(self.model, number)

        def found(method: RangeMethod) -> Ranges:
            return calibrate(self.model, self.layers, run_batches, method, converters)

        direct = found("sigma")
        if self.first is not None:
            return direct, {name: self.first.input_ranges[name] for name in self.layers}
        return direct, direct if recipe.first_ranges == "sigma" else found(recipe.first_ranges)

    def _report(self, loss: float, scores: Validation | None = None) -> Progress:
        now = self.standing
        progress = Progress(
            step=now.step,
            steps=self.recipe.steps,
            loss=loss,
            score=None if scores is None else scores.mean,
            chips=() if scores is None else scores.chips,
            best=now.best,
            digital=now.digital,
            seconds=now.seconds,
        )
        self.tell(progress)
        return progress
