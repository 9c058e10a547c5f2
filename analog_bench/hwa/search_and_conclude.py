"""Run a search of hardware-aware training, from loaded parts to a conclusion."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import torch
from datasets import Dataset

from analog_bench.hwa import search_objective as objective
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.search import SearchResult, Watcher, search
from analog_bench.hwa.search_conclusion import Conclusion, conclude
from analog_bench.hwa.search_storage import SearchPlan
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_report import Progress
from analog_bench.seeds import derive_seed
from analog_bench.simulators.versions import versions
from analog_bench.zoo.model_loading import LoadedModel

SCRATCH = "scratch"
"""The folder inside a search's folder that the current training uses."""


class Display(Watcher, Protocol):
    """Shows the progress of a search."""

    def say(self, heading: str) -> None:
        """Show what is being done now."""

    def tell(self, progress: Progress) -> None:
        """Show the progress of the current training."""


def run_search(
    loaded: LoadedModel,
    rows: Dataset,
    recipe: HwaRecipe,
    out: Path,
    plan: SearchPlan,
    display: Display,
    *,
    kind: objective.Kind = "metric",
    fresh_chips: int = 8,
    wandb: Literal["offline", "online"] | None = None,
) -> tuple[SearchResult, Conclusion | None]:
    """Search in `out`, or resume, and compare the best trial with the default on fresh chips.

    The model must be prepared, and `rows` are SQuAD's training split. The recipe gives the default
    setting and everything that is not searched. The objective's direction and steps and the
    recipe's seed replace the plan's. The conclusion is None if no trial is complete.

    Raises:
        DataError: There is too little data.
        UsageError: The folder belongs to another search, or the search cannot use the recipe.
        StoreError: The search cannot be read or written.
    """
    data = make_data(loaded, rows, recipe)
    made_with = {
        **recipe.described(),
        "model": loaded.spec.name,
        "weights": loaded.weights_sha256,
        "data": data.fingerprint,
        "objective": kind,
        "torch": torch.__version__,
        "aihwkit": versions()["aihwkit"],
    }
    plan = replace(
        plan,
        direction="maximize" if kind == "metric" and data.metric.higher_is_better else "minimize",
        steps=objective.REPORTS,
        seed=recipe.seed,
    )
    fresh = {"seed": derive_seed(recipe.seed, "fresh"), "chips": fresh_chips}
    scratch = out / SCRATCH
    with ExitStack() as stack:
        watchers: list[Watcher] = [display]
        tracker = None
        if wandb is not None:
            from analog_bench.hwa.wandb_tracking import tracking

            group = f"hwa search of {loaded.spec.name}"
            tracker = stack.enter_context(tracking(wandb, out, group, made_with))
            watchers.append(tracker)
        result = search(
            plan,
            objective.SPACE,
            objective.default_setting(recipe),
            objective.objective_of(kind, recipe, loaded, rows, scratch, display.tell),
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
