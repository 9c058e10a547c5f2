"""The objective of a search: the training loss, or the score of the trained weights.

Every trial sees as many examples as the default setting, so a larger batch makes fewer steps. With
equal steps the largest batch would win by computing the most.

The loss as an objective favours little noise on the weights, because that is easier to learn with.
The metric on chips at the recipe's drift time does not.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, TypeAlias

from datasets import Dataset
from optuna.distributions import FloatDistribution, IntDistribution

from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.search import Objective, Report, Setting, Space
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_loop import train
from analog_bench.hwa.training_report import Progress
from analog_bench.hwa.validation import validate
from analog_bench.seeds import derive_seed
from analog_bench.zoo.hwa_weights import load_hwa, ship_hwa
from analog_bench.zoo.model_loading import LoadedModel

Kind: TypeAlias = Literal["loss", "metric"]

SPACE: Space = {
    "batch": IntDistribution(2, 32, log=True),
    "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
    "weight_decay": FloatDistribution(0.0, 0.1),
    "modifier_std": FloatDistribution(0.0, 0.15),
}
"""The searched hyperparameters: fields of `HwaRecipe`."""
REPORTS = 9
"""Validations, and so reports, per training; Hyperband's rungs are at 1, 3 and 9 of them."""


def default_setting(recipe: HwaRecipe) -> dict[str, float]:
    """Return a recipe as a point of `SPACE`."""
    return {name: getattr(recipe, name) for name in SPACE}


def with_setting(recipe: HwaRecipe, setting: Setting) -> HwaRecipe:
    """Return a recipe with another setting that sees as many examples.

    It validates at most `REPORTS` times, and only its last step ends it.

    Raises:
        UsageError: The recipe cannot take the setting.
    """
    steps = max(1, round(recipe.steps * recipe.batch / setting["batch"]))
    chosen: dict[str, Any] = {**setting, "batch": int(setting["batch"])}
    return replace(
        recipe,
        **chosen,
        steps=steps,
        warmup=round(recipe.warmup * steps / recipe.steps),
        validate_every=-(-steps // REPORTS),
        patience=0,
    )


def objective_of(
    kind: Kind,
    recipe: HwaRecipe,
    loaded: LoadedModel,
    rows: Dataset,
    scratch: Path,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Objective:
    """Return an objective for `search.search`; its value is NaN if the training diverged.

    The `loss` is the mean training loss over the last ninth of a training. The `metric` is the best
    mean score over the recipe's chips at its drift time, over all validations except the one before
    the first step, which is the same for every setting. The recipe gives the default setting and
    everything that is not searched. The model must be prepared, and `rows` are SQuAD's training
    split. `scratch` is emptied before each training and removed after it. `tell` receives the
    progress of each step.
    """

    def objective(setting: Setting, report: Report) -> float:
        chosen = with_setting(recipe, setting)
        data = make_data(loaded, rows, chosen)
        losses: list[float] = []
        values: list[float] = []

        def record(progress: Progress) -> None:
            if progress.step > 0:
                losses.append(progress.loss)
            tell(progress)

        def stop(progress: Progress) -> bool:
            score = math.nan if progress.score is None else progress.score
            values.append(score if kind == "metric" else fmean(losses))
            losses.clear()
            return report(REPORTS * progress.step // progress.steps, values[-1])

        with _empty(scratch):
            outcome = train(
                chosen, loaded, data, scratch, tell=record, stop=stop, save_steps=chosen.steps
            )
        if outcome.ended == "diverged":
            return math.nan
        if kind == "loss":
            return values[-1]
        return max(values) if data.metric.higher_is_better else min(values)

    return objective


def scores_on_fresh_chips(
    recipe: HwaRecipe,
    setting: Setting,
    loaded: LoadedModel,
    rows: Dataset,
    scratch: Path,
    *,
    seed: int,
    chips: int,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> tuple[float, ...]:
    """Train with a setting again, and score the best weights on chips that no validation has seen.

    The best trial of a search is partly the luckiest, so its own score is too good (the winner's
    curse). Here order, noise and chips are drawn from another seed than the recipe's. Settings
    measured with the same seed share their chips and can be compared chip by chip. Scores are at
    the recipe's drift time, for the weights that validated best, which may be the direct weights.
    They are NaN if the training diverged.
    """
    chosen = replace(with_setting(recipe, setting), seed=derive_seed(seed, "training"))
    data = make_data(loaded, rows, chosen)
    with _empty(scratch):
        outcome = train(chosen, loaded, data, scratch, tell=tell, save_steps=chosen.steps)
        if outcome.ended == "diverged":
            return (math.nan,) * chips
        ship, ranges = scratch / "weights", outcome.input_ranges
        ship_hwa(
            loaded, outcome.state, ship, input_ranges=ranges, recipe={}, results={}, dtype="float16"
        )
        model = load_hwa(loaded, ship).model
    fresh = replace(chosen, seed=derive_seed(seed, "chips"), chips=chips)
    return validate(model, outcome.layers, ranges, data, fresh).chips


@contextmanager
def _empty(folder: Path) -> Iterator[None]:
    # After an interruption a trial starts over, so that its reports are the same.
    shutil.rmtree(folder, ignore_errors=True)
    yield
    shutil.rmtree(folder, ignore_errors=True)
