"""An option for each hyperparameter of hardware-aware training, named and typed by `HwaRecipe`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any, Literal, get_type_hints

import typer

from analog_bench.commands.options import amount, whole_number
from analog_bench.hwa.hyperparameters import PRESETS, HwaRecipe


def with_recipe_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb an option for each field of `HwaRecipe`; those given arrive as `asked`."""
    kinds: dict[str, Any] = {**get_type_hints(HwaRecipe), "preset": Literal[tuple(PRESETS)]}
    noted = get_type_hints(HwaRecipe, include_extras=True)
    options = []
    for field in fields(HwaRecipe):
        kind = kinds[field.name]
        *limits, about = noted[field.name].__metadata__
        help = f"{about} (default: {field.default})"
        if kind is int:
            option = whole_number(help, least=limits[0].ge)
        else:
            option = amount(help) if kind is float else typer.Option(help=help)
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
