"""`analog-bench hwa train`: hardware-aware training of a model."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analog_bench.commands.arguments import (
    Verbs,
    add_json,
    add_lock,
    add_threads,
    natural,
)
from analog_bench.commands.arguments import (
    add_verb as _add,
)
from analog_bench.commands.sheet import Line, print_sheet
from analog_bench.errors import UsageError
from analog_bench.hwa.recipe import CHOICES, PRESETS, HwaRecipe, recipe_for
from analog_bench.tasks.data_folder import DATA_VARIABLE, TRAINING_FILE, training_file
from analog_bench.zoo.lock import read_lock
from analog_bench.zoo.specs import SOURCES, ModelSpec, find, find_embedded

if TYPE_CHECKING:
    from analog_bench.commands.hwa_shipping import Shipped

_HELP = {
    "preset": "the hardware",
    "layers": "what is on tiles",
    "modifier": "noise on the weights while training",
    "modifier_std": "its strength, relative to a tile's largest weight",
    "clip_sigma": "standard deviations at which weights are clipped; 0: as the preset does",
    "optimiser": "aihwkit's AnalogAdam or AnalogSGD",
    "learning_rate": "peak rate of the weights on tiles, or of the adapter",
    "digital_rate": "peak rate of norms and biases",
    "range_rate": "peak rate of input ranges; 0 keeps the first ones",
    "first_ranges": "input ranges to start from",
    "weight_decay": "of the weights on tiles",
    "batch": "windows, or rows of text, a batch",
    "accumulation": "batches a step",
    "steps": "optimiser steps",
    "warmup": "steps of warm-up",
    "decay": "how the rates fall to zero",
    "precision": "of the digital model and of products while training",
    "distillation": "share of the digital model's outputs in the loss; the truth has the rest",
    "temperature": "of the outputs in the loss",
    "states": "weight of the hidden states in the loss",
    "rank": "rank of a low-rank adapter; 0 trains the weights",
    "adapter": "beside the frozen weights in digital, or merged into them",
    "validate_every": "steps between validations",
    "chips": "chips a validation programs",
    "drift_s": "their age in seconds",
    "validation_examples": "held-out questions, or blocks of text",
    "held_out": "whole articles that are only validated on",
    "patience": "validations without improvement before it stops; 0 never stops",
    "max_length": "tokens a window of question and context holds",
    "block": "tokens a row of text predicts",
    "seed": "of everything that is drawn",
}


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "train",
        "train a model to bear analog hardware; a second call goes on from the last checkpoint",
        "analog-bench hwa train bert --threads 1\n"
        "analog-bench hwa train distilgpt2 --layers blocks --steps 300\n"
        "analog-bench hwa train bert --rank 8 --adapter digital\n"
        "analog-bench hwa train bert --zoo hub --batch 4 --accumulation 4",
        run,
    )
    parser.add_argument("model", metavar="MODEL", help="its name, or a locked hub id")
    parser.add_argument("--zoo", choices=SOURCES, default="embedded", help="(default: %(default)s)")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="digital weights in place of the package's own",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help=f"SQuAD v1.1 JSON: questions, or their contexts as text (default: ${DATA_VARIABLE}/"
        f"{TRAINING_FILE.as_posix()})",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the checkpoints (default: runs/hwa/MODEL)"
    )
    parser.add_argument(
        "--ship", type=Path, metavar="FOLDER", help="the HWA weights (default: OUT/ship)"
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="make no further steps: write the best weights so far; other options as before",
    )
    recipe = parser.add_argument_group(
        "recipe", "defaults are the usual ones; those of an embedded model's shipped weights differ"
    )
    for field in fields(HwaRecipe):
        _add_option(recipe, field.name, field.default)
    add_threads(parser)
    add_lock(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, write shippable weights, and say what they are worth."""
    spec = _spec(arguments)
    asked = {field.name: getattr(arguments, field.name) for field in fields(HwaRecipe)}
    recipe = recipe_for(spec, {name: v for name, v in asked.items() if v is not None})
    data = arguments.data or training_file()
    out = arguments.out or Path("runs") / "hwa" / spec.name.replace("/", "--")
    ship = arguments.ship or out / "ship"
    # Only now, since importing it takes seconds: a wrong option is told before that.
    from analog_bench.commands.hwa_shipping import train_and_ship

    shipped = train_and_ship(
        spec,
        recipe,
        data,
        out,
        ship,
        weights=arguments.weights,
        lock=arguments.lock,
        threads=arguments.threads,
        finish=arguments.finish,
    )
    if arguments.json:
        print(json.dumps(shipped.as_dict(), indent=2))
        return 0
    print_sheet({f"{spec.name} (HWA, {recipe.preset})": _lines(shipped, out, ship)})
    return 0


def _lines(shipped: Shipped, out: Path, ship: Path) -> list[Line]:
    name = shipped.metric
    spread = ", ".join(f"{score:.3f}" for score in shipped.chips)
    return [
        Line("steps", f"{shipped.steps} ({shipped.ended}), best at {shipped.best_step}"),
        Line(f"digital {name}", f"{shipped.digital:.3f}"),
        Line(f"direct {name}", f"{shipped.direct:.3f} on chips after {shipped.drift_s:g} s"),
        Line(f"untrained {name}", f"{shipped.start:.3f}, with the first input ranges alone"),
        Line(f"HWA {name}", f"{shipped.hwa:.3f} on chips: {spread}"),
        Line("gap closed", _share(shipped.closed)),
        Line("minutes", f"{shipped.minutes:.1f} of a processor"),
        Line("checkpoints", str(out)),
        Line("weights", str(ship)),
    ]


def _share(closed: float) -> str:
    return f"{100 * closed:.0f} %" if math.isfinite(closed) else "there is none"


def _add_option(group: Any, name: str, usual: object) -> None:
    option, text = f"--{name.replace('_', '-')}", f"{_HELP[name]} (default: {usual})"
    if name == "preset":
        group.add_argument(option, choices=tuple(PRESETS), help=text)
    elif name in CHOICES:
        group.add_argument(option, choices=CHOICES[name], help=text)
    elif isinstance(usual, int):
        group.add_argument(option, type=natural, metavar="N", help=text)
    else:
        group.add_argument(option, type=_number, metavar="X", help=text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a number, 0 or above, is expected, found {text!r}")
    return value


def _spec(arguments: argparse.Namespace) -> ModelSpec:
    if arguments.weights is None:
        return find(arguments.model, arguments.zoo, read_lock(arguments.lock))
    if arguments.zoo != "embedded":
        raise UsageError("--weights is for embedded models; hub models come with their own")
    return find_embedded(arguments.model)
