"""An option for each hyperparameter of hardware-aware training, named and typed by `HwaRecipe`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from analog_bench.commands.options import amount, whole_number
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.session.own_hardware import load_hardware


def with_recipe_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb an option for each field of `HwaRecipe`; those given arrive as `asked`."""
    kinds: dict[str, Any] = get_type_hints(HwaRecipe)
    noted = get_type_hints(HwaRecipe, include_extras=True)
    options = []
    for field in fields(HwaRecipe):
        kind = kinds[field.name]
        *limits, about = noted[field.name].__metadata__
        help = f"{about} (default: {field.default})"
        if kind is int:
            option = whole_number(help, least=limits[0].ge)
        elif kind is float:
            option = amount(help)
        else:
            option = typer.Option(help=help, metavar="PRESET" if kind is str else None)
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
        if "preset" in asked:
            asked["preset"] = load_hardware(asked["preset"])
        verb(asked=asked, **arguments)

    own = inspect.signature(verb, eval_str=True).parameters.values()
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(parameter for parameter in own if parameter.name != "asked"), *options]
    )
    return run
