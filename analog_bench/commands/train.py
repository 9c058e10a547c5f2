"""`analog-bench zoo train`: train an embedded model anew and make its weights shippable."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from analog_bench.commands.arguments import (
    Verbs,
    add_threads,
    natural,
    positive,
    rate,
)
from analog_bench.commands.arguments import (
    add_verb as _add,
)
from analog_bench.commands.sheet import Line, print_sheet
from analog_bench.errors import UsageError
from analog_bench.tasks.data_folder import DATA_VARIABLE, data_folder
from analog_bench.zoo.specs import ModelSpec, find_embedded

_TRAIN_FILE = Path("squad") / "train-v1.1.json"
_EXTRAS = ("accelerate", "peft")
# Options that only some families' recipes know.
_OWN = {
    "rank": ("bert",),
    "decay_steps": ("gpt2", "mobilebert"),
    "finish": ("gpt2", "mobilebert"),
}


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "train",
        "train an embedded model; a second call goes on from the last checkpoint",
        "analog-bench zoo train bert --data train-v1.1.json --out runs/zoo/bert\n"
        "analog-bench zoo score bert --weights runs/zoo/bert/ship --data squad --record\n"
        "analog-bench zoo train distilgpt2 --steps 3400 --threads 1\n"
        "analog-bench zoo train distilgpt2 --finish --threads 1\n"
        "analog-bench zoo train mobilebert --threads 1",
        run,
    )
    parser.add_argument("model", metavar="MODEL", help="its name: bert, mobilebert or distilgpt2")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help=f"SQuAD v1.1 JSON to train on (default: ${DATA_VARIABLE}/{_TRAIN_FILE.as_posix()})",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the checkpoints (default: runs/zoo/MODEL)"
    )
    parser.add_argument(
        "--ship", type=Path, metavar="FOLDER", help="the weights (default: OUT/ship)"
    )
    unset = "(default: the recipe's)"
    parser.add_argument("--steps", type=positive, metavar="N", help=f"optimiser steps {unset}")
    parser.add_argument(
        "--rank", type=natural, metavar="R", help=f"adapter's rank; 0 trains all weights {unset}"
    )
    parser.add_argument(
        "--decay-steps",
        type=positive,
        metavar="N",
        help=f"further steps, in which the rate falls to zero; not for bert {unset}",
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="let the rate fall from the last checkpoint on, now; not for bert",
    )
    parser.add_argument("--learning-rate", type=rate, metavar="X", help=f"its peak {unset}")
    parser.add_argument(
        "--seed", type=natural, metavar="S", help=f"first weights and order {unset}"
    )
    add_threads(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, write shippable weights, and say where they are."""
    spec = find_embedded(arguments.model)
    data = arguments.data or _default_data()
    out = arguments.out or Path("runs") / "zoo" / spec.name
    ship = arguments.ship or out / "ship"
    _refuse_others(spec, arguments)
    if spec.family == "bert":
        _require_extras()
        _train(spec, arguments, data, out, ship)
    else:
        _train_in_phases(spec, arguments, data, out, ship)
    lines = [Line("checkpoints", str(out)), Line("weights", str(ship))]
    lines.append(Line("next", f"analog-bench zoo score {spec.name} --weights {ship} --record"))
    print_sheet({f"{spec.name} (trained)": lines})
    return 0


def _train(
    spec: ModelSpec, arguments: argparse.Namespace, data: Path, out: Path, ship: Path
) -> None:
    import torch

    from analog_bench.recipes.bert_qa import QaRecipe, described, train
    from analog_bench.tasks.squad import read_squad
    from analog_bench.zoo.base import find_base
    from analog_bench.zoo.embedded import base_state
    from analog_bench.zoo.shipping import ship_adapter, ship_delta
    from analog_bench.zoo.tokenizer import read_tokenizer

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    recipe = replace(QaRecipe(), **_asked(arguments, ("steps", "rank", "learning_rate", "seed")))
    rows = read_squad(data)
    files = find_base()
    base = base_state(files.weights)
    tokenizer = read_tokenizer(
        {"tokenizer.json": files.tokenizer}, spec.family, spec.architecture.positions
    )
    model = train(
        recipe, spec.architecture, base, tokenizer, rows, out, progress=sys.stderr.isatty()
    )
    if recipe.rank:
        adapted: Any = model  # peft is untyped
        adapted.save_pretrained(out / "final")
        ship_adapter(out / "final", ship, described(recipe), {}, dtype="float16")
    else:
        tuned = {name: value.detach().cpu() for name, value in model.state_dict().items()}
        ship_delta(base, tuned, ship, described(recipe), {}, dtype="float16")


def _train_in_phases(
    spec: ModelSpec, arguments: argparse.Namespace, data: Path, out: Path, ship: Path
) -> None:
    if arguments.finish and arguments.steps is not None:
        raise UsageError("--finish goes on from the last checkpoint; leave --steps out")
    import torch

    from analog_bench.commands.train_lm import train_lm
    from analog_bench.commands.train_mobilebert import train_mobilebert
    from analog_bench.recipes.two_phases import steps_made

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    asked = _asked(arguments, ("steps", "decay_steps", "learning_rate", "seed"))
    if arguments.finish:
        asked["steps"] = steps_made(out)
    train = train_lm if spec.family == "gpt2" else train_mobilebert
    train(spec, asked, data, out, ship)


def _asked(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _refuse_others(spec: ModelSpec, arguments: argparse.Namespace) -> None:
    for name, families in _OWN.items():
        if spec.family not in families and getattr(arguments, name) not in (None, False):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is not for {spec.name}: its recipe has no such thing")


def _default_data() -> Path:
    folder = data_folder()
    if folder is None:
        raise UsageError(
            f"no data to train on: give --data a SQuAD v1.1 JSON file, or set {DATA_VARIABLE} to "
            f"a folder with {_TRAIN_FILE.as_posix()}"
        )
    return folder / _TRAIN_FILE


def _require_extras() -> None:
    for name in _EXTRAS:
        try:
            importlib.import_module(name)
        except ImportError as problem:
            raise UsageError(
                f'training needs {name} ({problem}): pip install "analog-bench[train]"'
            ) from None
