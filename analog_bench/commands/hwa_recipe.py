"""An option for each hyperparameter of hardware-aware training, named and typed by `HwaRecipe`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any, Literal, get_type_hints

import typer

from analog_bench.hwa.recipe import PRESETS, HwaRecipe

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


def with_recipe_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb an option for each field of `HwaRecipe`; those given arrive as `asked`."""
    kinds: dict[str, Any] = {**get_type_hints(HwaRecipe), "preset": Literal[tuple(PRESETS)]}
    options = []
    for field in fields(HwaRecipe):
        kind = kinds[field.name]
        is_number = kind in (int, float)
        option = typer.Option(
            metavar={int: "N", float: "X"}.get(kind),
            min=0 if is_number else None,
            help=f"{_HELP[field.name]} (default: {field.default})",
        )
        options.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, option],
            )
        )

    @wraps(verb)
    def run(**arguments: Any) -> None:
        given = {option.name: arguments.pop(option.name) for option in options}
        asked = {name: value for name, value in given.items() if value is not None}
        verb(asked=asked, **arguments)

    own = inspect.signature(verb, eval_str=True).parameters.values()
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(parameter for parameter in own if parameter.name != "asked"), *options]
    )
    return run
