"""The layers of a model in training that are on tiles, and those that compute in INT8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import nn

from analog_bench.analog.chip import install
from analog_bench.analog.layer_manifest import manifest
from analog_bench.analog.layers import find
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.noise import Int8
from analog_bench.planning.plan_record import Assignment, layers_of, name_of


def layers_on_tiles(
    model: nn.Module, recipe: HwaRecipe, plan: Assignment | None = None
) -> tuple[str, ...]:
    """Return the public names of the layers on tiles in model order, by plan or by recipe."""
    if plan is not None:
        return layers_of(plan, "analog")
    return tuple(
        layer.name
        for layer in manifest(model)
        if layer.kind == "matmul" and (recipe.layers == "all" or layer.block is not None)
    )


@contextmanager
def in_int8(model: nn.Module, plan: Assignment | None) -> Iterator[None]:
    """Let a plan's INT8 layers compute in INT8 while the context lasts.

    They are not trained: their weights are rounded once, and restored on exit.
    """
    layers = layers_of(plan, "int8") if plan else ()
    # Rounding draws nothing, so any chip and seed will do.
    with install(model, layers=layers, noise=Int8(), chip=0, seed=0) if layers else nullcontext():
        yield


def rounded_weights(model: nn.Module, plan: Assignment | None) -> set[str]:
    """Return the names of the parameters that are rounded within `in_int8`."""
    layers = layers_of(plan, "int8") if plan else ()
    return {f"{place.path}.weight" for place in find(model, layers)}


def described(recipe: HwaRecipe, plan: Assignment | None) -> dict[str, str | int | float]:
    """Return the recipe as plain values; its layers are the plan's name as in case ids."""
    return recipe.described() | ({} if plan is None else {"layers": name_of(plan)})
