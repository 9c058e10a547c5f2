"""One call of a search of hardware-aware training, from loaded parts to a conclusion."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import torch
from datasets import Dataset

from analog_bench.hwa import objective
from analog_bench.hwa.conclusion import Conclusion, conclude
from analog_bench.hwa.data import make_data
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.hwa.sampler import SearchPlan
from analog_bench.hwa.search import Watcher, search
from analog_bench.hwa.training import Progress
from analog_bench.hwa.trial import SearchResult
from analog_bench.seeds import derive_seed
from analog_bench.simulators.versions import versions
from analog_bench.zoo.load import LoadedModel

SCRATCH = "scratch"
"""The folder in a search's folder that the training under way uses."""

Sampler: TypeAlias = Literal["tpe", "gp"]
Pruner: TypeAlias = Literal["hyperband", "none"]
WandbMode: TypeAlias = Literal["offline", "online"]


class Display(Watcher, Protocol):
    """Shows a search as it goes."""

    def say(self, heading: str) -> None:
        """Show what is being done now."""

    def tell(self, progress: Progress) -> None:
        """Show where the training under way stands."""


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Attributes:
        objective: What to optimise.
        trials: How many in all.
        sampler: What proposes settings.
        pruner: What stops trials early.
        fresh_chips: Chips on which the default and the best are compared.
        wandb: Where Weights & Biases runs go; None for no such runs.
    """

    objective: objective.Kind = "metric"
    trials: int = 20
    sampler: Sampler = "tpe"
    pruner: Pruner = "hyperband"
    fresh_chips: int = 8
    wandb: WandbMode | None = None


def run_search(
    loaded: LoadedModel,
    rows: Dataset,
    recipe: HwaRecipe,
    out: Path,
    options: SearchOptions,
    display: Display,
) -> tuple[SearchResult, Conclusion | None]:
    """Search, or go on, and compare the best with the default.

    Args:
        loaded: The digital model, prepared.
        rows: SQuAD rows of the training split.
        recipe: The default setting, and everything that is not searched.
        out: Folder of the search.
        options: How to search.
        display: Shows it.

    Returns:
        All trials, and the conclusion; None where no trial is complete.

    Raises:
        DataError: Too little data.
        UsageError: A folder of another search, or a recipe that the search cannot use.
        StoreError: The search cannot be read or written.
    """
    data = make_data(loaded, rows, recipe)
    made_with = {
        **recipe.described(),
        "model": loaded.spec.name,
        "weights": loaded.weights_sha256,
        "data": data.fingerprint,
        "objective": options.objective,
        "torch": torch.__version__,
        "aihwkit": versions()["aihwkit"],
    }
    higher_is_better = options.objective == "metric" and data.metric.higher_is_better
    plan = SearchPlan(
        trials=options.trials,
        direction="maximize" if higher_is_better else "minimize",
        sampler=options.sampler,
        pruner=options.pruner,
        steps=objective.REPORTS,
        seed=recipe.seed,
    )
    fresh = {"seed": derive_seed(recipe.seed, "fresh"), "chips": options.fresh_chips}
    scratch = out / SCRATCH
    with ExitStack() as stack:
        watchers: list[Watcher] = [display]
        tracker = None
        if options.wandb is not None:
            from analog_bench.hwa.tracking import Tracker

            group = f"hwa search of {loaded.spec.name}"
            tracker = stack.enter_context(Tracker(options.wandb, out, group, made_with))
            watchers.append(tracker)
        result = search(
            plan,
            objective.SPACE,
            objective.default_setting(recipe),
            objective.objective_of(options.objective, recipe, loaded, rows, scratch, display.tell),
            out,
            made_with=made_with,
            watchers=watchers,
        )
        display.say("comparing the best with the default on fresh chips")
        conclusion = conclude(
            result,
            out,
            data.metric,
            lambda setting: objective.scores_on_fresh_chips(
                recipe, setting, loaded, rows, scratch, **fresh, tell=display.tell
            ),
            {**made_with, "fresh": fresh},
        )
        if tracker is not None and conclusion is not None:
            tracker.conclude("conclusion", conclusion.as_dict())
    return result, conclusion
