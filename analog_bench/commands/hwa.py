"""`analog-bench hwa train` and `hwa search`: hardware-aware training, and how best to train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from analog_bench.commands.hwa_recipe_options import with_recipe_options
from analog_bench.commands.options import (
    LOCK_FILE,
    DeviceOption,
    JsonOption,
    LockOption,
    ModelArgument,
    PlanOption,
    ThreadsOption,
    TrainingDataOption,
    WeightsOption,
    ZooOption,
    find_model,
    load_prepared,
    need_packages,
    new_app,
    read_rows,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json, print_sheet
from analog_bench.hwa.hyperparameters import HwaRecipe, recipe_for
from analog_bench.session.plan_cases import check_weights, planned_training
from analog_bench.study import MOST_CHIPS
from analog_bench.tasks.data_folder import training_file
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.range_folder import read_ranges

if TYPE_CHECKING:
    from analog_bench.hwa.search import SearchResult
    from analog_bench.hwa.search_conclusion import Conclusion

_USUAL = HwaRecipe()
app = new_app(
    "Train models to bear analog hardware, and search how best.",
    "hwa train bert",
    "hwa search bert --trials 20",
)


@app.command(
    epilog=show_examples(
        "hwa train bert --threads 1",
        "hwa train distilgpt2 --layers blocks --steps 300",
        "hwa train bert --rank 8 --adapter digital",
        "hwa train bert --plan runs/plans/bert.json",
        "hwa train bert --device cuda --batch 32",
        "hwa train bert --zoo hub --batch 4 --accumulation 4",
    )
)
@with_recipe_options
def train(
    model: ModelArgument,
    *,
    asked: Mapping[str, Any],
    zoo: ZooOption = "embedded",
    weights: WeightsOption = None,
    data: TrainingDataOption = None,
    plan: PlanOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="the checkpoints (default: runs/hwa/MODEL)"),
    ] = None,
    ship: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="the HWA weights (default: OUT/ship)")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="folder of `analog-bench calibrate` with the input ranges to start from, in place "
            "of --first-ranges",
        ),
    ] = None,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish",
            help="make no further steps: write the best weights so far; other options as before",
        ),
    ] = False,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """Train a model to bear analog hardware; a second call goes on from the last checkpoint.

    Default hyperparameters are the usual ones; those of an embedded model's shipped weights differ.
    """
    spec = find_model(model, zoo, lock, weights)
    planned = None if plan is None else planned_training(plan, spec, asked)
    recipe = recipe_for(spec, asked if planned is None else planned.asked)
    data = data or training_file()
    out = out or Path("runs") / "hwa" / spec.folder_name
    ship = ship or out / "ship"
    first, folder = None, (calibration or Path()) / spec.folder_name
    if calibration is not None:
        first = read_ranges(folder)
        first.check_hardware(recipe.tile, recipe.preset, folder)
    rows = read_rows(data)
    loaded = load_prepared(spec, weights, lock, device, threads)
    if planned is not None:
        check_weights(planned.named, loaded.weights_sha256)
    assignment = None if planned is None else planned.assignment
    from analog_bench.commands.hwa_progress import outcome_lines, show_training
    from analog_bench.hwa.shipping import ship_outcome
    from analog_bench.hwa.training_data import make_data
    from analog_bench.hwa.training_loop import train
    from analog_bench.session.calibrated_ranges import check_ranges

    if first is not None:
        check_ranges(loaded, first, folder)
    made = make_data(loaded, rows, recipe)
    with show_training(made.metric.name) as tell:
        outcome = train(
            recipe, loaded, made, out, tell=tell, finish=finish, first=first, plan=assignment
        )
    shipped = ship_outcome(loaded, recipe, made, outcome, ship)
    if as_json:
        print_json(shipped.as_dict())
    else:
        print_sheet({f"{spec.name} (HWA, {recipe.preset})": outcome_lines(shipped, out, ship)})


@app.command(
    epilog=show_examples(
        "hwa search bert --trials 20 --steps 100 --threads 2",
        "hwa search bert --sampler gp --pruner none --wandb offline",
    )
)
def search(
    model: ModelArgument,
    zoo: ZooOption = "embedded",
    weights: WeightsOption = None,
    data: TrainingDataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="where the search is kept (default: runs/hwa-search/MODEL)"
        ),
    ] = None,
    trials: Annotated[
        int,
        whole_number(
            "how many in all, those made before included; the first is the default setting"
        ),
    ] = 20,
    sampler: Annotated[
        Literal["tpe", "gp"],
        typer.Option(help="who proposes settings; gp learns from complete trials only"),
    ] = "tpe",
    pruner: Annotated[
        Literal["hyperband", "none"], typer.Option(help="who stops trials early")
    ] = "hyperband",
    objective: Annotated[
        Literal["metric", "loss"],
        typer.Option(
            help="the metric of held-out examples on chips after one day, or the training loss, "
            "which favours little noise"
        ),
    ] = "metric",
    chips: Annotated[
        int, whole_number("chips a validation programs", most=MOST_CHIPS, metavar="K")
    ] = _USUAL.chips,
    fresh_chips: Annotated[
        int,
        whole_number(
            "chips on which the default and the best are compared in the end",
            most=MOST_CHIPS,
            metavar="K",
        ),
    ] = 8,
    steps: Annotated[
        int,
        whole_number(
            "optimiser steps at the default batch size; other batches see as many examples"
        ),
    ] = _USUAL.steps,
    examples: Annotated[
        int,
        whole_number("held-out questions, or blocks of text, a validation scores"),
    ] = _USUAL.validation_examples,
    seed: Annotated[
        int, whole_number("of everything that is drawn", least=0, metavar="S")
    ] = _USUAL.seed,
    wandb: Annotated[
        Literal["offline", "online"] | None,
        typer.Option(
            help="write each trial as a Weights & Biases run: into OUT, or also to its server "
            "(default: neither)"
        ),
    ] = None,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """Search batch size, learning rate, weight decay and noise of hardware-aware training.

    A second call goes on with the same search.
    """
    spec = find_model(model, zoo, lock, weights)
    asked = {"steps": steps, "chips": chips, "validation_examples": examples, "seed": seed}
    recipe = recipe_for(spec, asked)
    data = data or training_file()
    wanted = {"optuna": True, "greenlet": sampler == "gp", "wandb": wandb}
    need_packages("a search", "search", *(package for package in wanted if wanted[package]))
    out = out or Path("runs") / "hwa-search" / spec.folder_name
    rows = read_rows(data)
    loaded = load_prepared(spec, weights, lock, device, threads)
    from analog_bench.commands.hwa_progress import SearchDisplay
    from analog_bench.hwa.search_and_conclude import run_search
    from analog_bench.hwa.search_storage import STORAGE, SearchPlan

    plan, display = SearchPlan(trials, sampler=sampler, pruner=pruner), SearchDisplay(trials)
    with display.bars:
        found, conclusion = run_search(
            loaded,
            rows,
            recipe,
            out,
            plan,
            display,
            kind=objective,
            fresh_chips=fresh_chips,
            wandb=wandb,
        )
    if as_json:
        print_json(_document(spec, found, conclusion, objective, out / STORAGE))
        return
    from rich.console import Console

    from analog_bench.report.search_table import search_table

    title = f"hardware-aware training of {spec.name}: {objective}"
    print_blocks(search_table(found, objective, title=title))
    told = "no trial is complete" if conclusion is None else conclusion.sentence
    for line in (told, f"trials: {out / STORAGE}"):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _document(
    spec: ModelSpec, found: SearchResult, conclusion: Conclusion | None, objective: str, file: Path
) -> dict[str, Any]:
    from analog_bench.hwa.search import plain

    return {
        "model": spec.name,
        "zoo": spec.source,
        "objective": objective,
        "direction": found.direction,
        "storage": str(file),
        "trials": [plain(trial) for trial in found.trials],
        "default": 0,
        "best": None if found.best is None else found.best.number,
        "conclusion": None if conclusion is None else conclusion.as_dict(),
    }
