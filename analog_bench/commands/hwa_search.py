"""`analog-bench hwa search`: search the hyperparameters of hardware-aware training."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analog_bench.commands.arguments import (
    Verbs,
    add_json,
    add_lock,
    add_threads,
    natural,
    positive,
)
from analog_bench.commands.arguments import (
    add_verb as _add,
)
from analog_bench.errors import UsageError
from analog_bench.hwa.recipe import HwaRecipe, recipe_for
from analog_bench.tasks.data_folder import DATA_VARIABLE, TRAINING_FILE, training_file
from analog_bench.zoo.lock import read_lock
from analog_bench.zoo.specs import SOURCES, ModelSpec, find, find_embedded

if TYPE_CHECKING:
    from analog_bench.commands.hwa_conclusion import Conclusion
    from analog_bench.hwa.trial import SearchResult


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    usual = HwaRecipe()
    parser = _add(
        verbs,
        "search",
        "search batch size, learning rate, weight decay and noise of hardware-aware training; a "
        "second call goes on",
        "analog-bench hwa search bert --trials 20 --steps 100 --threads 2\n"
        "analog-bench hwa search bert --sampler gp --pruner none --wandb offline",
        run,
    )
    parser.add_argument("model", metavar="MODEL", help="its name, or a locked hub id")
    parser.add_argument("--zoo", choices=SOURCES, default="embedded", help="(default: %(default)s)")
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="weights in place of the package's own"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help=f"SQuAD v1.1 JSON to train on (default: ${DATA_VARIABLE}/{TRAINING_FILE.as_posix()})",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where the search is kept (default: runs/hwa-search/MODEL)",
    )
    parser.add_argument(
        "--trials",
        type=positive,
        default=20,
        metavar="N",
        help="how many in all, those made before included; the first is the default setting "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--sampler",
        choices=("tpe", "gp"),
        default="tpe",
        help="who proposes settings; gp learns from complete trials only (default: %(default)s)",
    )
    parser.add_argument(
        "--pruner",
        choices=("hyperband", "none"),
        default="hyperband",
        help="who stops trials early (default: %(default)s)",
    )
    parser.add_argument(
        "--objective",
        choices=("metric", "loss"),
        default="metric",
        help="the metric of held-out examples on chips after one day, or the training loss, which "
        "favours little noise (default: %(default)s)",
    )
    parser.add_argument(
        "--chips",
        type=positive,
        default=usual.chips,
        metavar="K",
        help="chips a validation programs (default: %(default)s)",
    )
    parser.add_argument(
        "--fresh-chips",
        type=positive,
        default=8,
        metavar="K",
        help="chips on which the default and the best are compared in the end (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=positive,
        default=usual.steps,
        metavar="N",
        help="optimiser steps at the default batch size; other batches see as many examples "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--examples",
        type=positive,
        default=usual.validation_examples,
        metavar="N",
        help="held-out questions, or blocks of text, a validation scores (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=natural, default=usual.seed, metavar="S", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--wandb",
        choices=("offline", "online"),
        help="write each trial as a Weights & Biases run: into OUT, or also to its server "
        "(default: neither)",
    )
    add_threads(parser)
    add_lock(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Search, compare the best with the default, and print both."""
    spec = _spec(arguments)
    recipe = recipe_for(
        spec,
        {
            "steps": arguments.steps,
            "chips": arguments.chips,
            "validation_examples": arguments.examples,
            "seed": arguments.seed,
        },
    )
    data = arguments.data or training_file()
    _require("optuna")
    if arguments.sampler == "gp":
        _require("greenlet")
    if arguments.wandb is not None:
        _require("wandb")
    out = arguments.out or Path("runs") / "hwa-search" / spec.name.replace("/", "--")

    import datasets
    import torch

    from analog_bench.analog.manifest import prepare
    from analog_bench.commands.search_session import Asked, run_search
    from analog_bench.tasks.squad import read_squad
    from analog_bench.zoo.load import load

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    # Each trial parts the data anew, each time with bars that are gone before one sees them.
    datasets.disable_progress_bars()
    rows = read_squad(data)
    loaded = load(spec, lock_path=arguments.lock, shipped=arguments.weights)
    prepare(loaded.model)
    asked = Asked(
        arguments.objective,
        arguments.trials,
        arguments.sampler,
        arguments.pruner,
        arguments.fresh_chips,
        arguments.wandb,
    )
    found, conclusion = run_search(loaded, rows, recipe, out, asked)
    if arguments.json:
        print(json.dumps(_document(spec, found, conclusion, out, arguments), indent=2))
    else:
        _print(spec, found, conclusion, out, arguments)
    return 0


def _document(
    spec: ModelSpec,
    found: SearchResult,
    conclusion: Conclusion | None,
    out: Path,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    from analog_bench.hwa.search_storage import STORAGE

    return {
        "model": spec.name,
        "zoo": spec.source,
        "objective": arguments.objective,
        "direction": found.direction,
        "storage": str(out / STORAGE),
        "trials": [_plain(asdict(trial)) for trial in found.trials],
        "default": 0,
        "best": None if found.best is None else found.best.number,
        "conclusion": None if conclusion is None else conclusion.as_dict(),
    }


def _print(
    spec: ModelSpec,
    found: SearchResult,
    conclusion: Conclusion | None,
    out: Path,
    arguments: argparse.Namespace,
) -> None:
    from analog_bench.hwa.search_storage import STORAGE
    from analog_bench.report.search_table import search_table
    from analog_bench.report.terminal_drawing import show

    title = f"hardware-aware training of {spec.name}: {arguments.objective}"
    show(search_table(found, arguments.objective, title=title))
    told = "no trial is complete" if conclusion is None else conclusion.sentence
    for line in (told, f"trials: {out / STORAGE}"):
        print(line)


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    # JSON knows finite numbers only.
    reports = {
        str(step): value if abs(value) < float("inf") else None
        for step, value in facts["reports"].items()
    }
    return {**facts, "reports": reports}


def _spec(arguments: argparse.Namespace) -> ModelSpec:
    if arguments.weights is None:
        return find(arguments.model, arguments.zoo, read_lock(arguments.lock))
    if arguments.zoo != "embedded":
        raise UsageError("--weights is for embedded models; hub models come with their own")
    return find_embedded(arguments.model)


def _require(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError as problem:
        raise UsageError(
            f"a search needs {name} ({problem}): pip install 'analog-bench[search]'"
        ) from None
