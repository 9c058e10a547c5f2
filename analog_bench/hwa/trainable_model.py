"""The model in training: its layers on tiles, its trainable parameters and their optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analog_bench.analog.random_draws import seeded
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.loss import distillation_loss
from analog_bench.hwa.low_rank import MergedAdapters, add_adapters
from analog_bench.hwa.training_data import TrainingData
from analog_bench.hwa.validation import Ranges
from analog_bench.seeds import derive_seed
from analog_bench.simulators.aihwkit import training_tiles as kit_training
from analog_bench.simulators.trainable_tiles import TrainableTiles, part_of, trainable_tiles


@dataclass(frozen=True, eq=False)
class _Group:
    parameters: tuple[nn.Parameter, ...]
    rate: float
    weight_decay: float = 0.0


class Learner:
    """A model on tiles, and its optimiser; made by `learning`."""

    def __init__(
        self,
        recipe: HwaRecipe,
        model: nn.Module,
        tiles: TrainableTiles,
        adapters: Sequence[nn.Parameter],
        merged: MergedAdapters | None,
    ) -> None:
        self._recipe = recipe
        self._merged = merged
        self.model = model
        self.tiles = tiles
        on_tiles = tiles.learning
        if recipe.rank:
            self._norms: dict[str, nn.Parameter] = {}
            groups = [_Group(tuple(adapters), recipe.learning_rate)]
        else:
            # Norms and biases that are not on tiles learn; digital matrices stay frozen.
            self._norms = {
                name: parameter
                for name, parameter in model.named_parameters()
                if parameter.ndim == 1 and not name.startswith(tiles.paths)
            }
            for parameter in self._norms.values():
                parameter.requires_grad_(True)
            digital = (*on_tiles.digital, *self._norms.values())
            groups = [
                _Group(on_tiles.weights, recipe.learning_rate, recipe.weight_decay),
                _Group(digital, recipe.digital_rate),
            ]
        if recipe.range_rate > 0:
            groups.append(_Group(on_tiles.ranges, recipe.range_rate))
        self._groups = [group for group in groups if group.parameters]
        self._optimiser = kit_training.optimiser(
            recipe.optimiser,
            [
                {"params": list(g.parameters), "lr": g.rate, "weight_decay": g.weight_decay}
                for g in self._groups
            ],
            # Merged weights are clipped as they are written.
            () if merged else on_tiles.contexts,
        )

    def step(self, number: int, teacher: nn.Module, data: TrainingData) -> Tensor:
        """Make one step, counted from 0, and return the loss before it, on the model's device.

        All draws depend only on the step's number, so a training can resume from any step. Nothing
        waits for the device.
        """
        recipe, losses = self._recipe, []
        device = next(self.model.parameters()).device
        with seeded(derive_seed(recipe.seed, "step", number), device):
            for part in range(recipe.accumulation):
                batch = data.batch(number * recipe.accumulation + part, device)
                loss = distillation_loss(self.model, teacher, batch, recipe) / recipe.accumulation
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
            if self._merged is not None:
                self._merged.take_gradients()
            share = recipe.rate(number)
            for group, own in zip(self._optimiser.param_groups, self._groups, strict=False):
                group["lr"] = share * own.rate
            self._optimiser.step()
            self._optimiser.zero_grad(set_to_none=True)
            if self._merged is not None:
                self._merged.write()
        return torch.stack(losses).sum()

    def state(self) -> dict[str, Tensor]:
        """Return all tensors that change in training, by name; not copies."""
        state = {f"tiles/{name}": tensor for name, tensor in self.tiles.state().items()}
        state |= {f"norms/{name}": p.data for name, p in self._norms.items()}
        if self._merged is not None:
            state |= {f"merged/{name}": t for name, t in self._merged.state().items()}
        for number, parameter in enumerate(self._optimised):
            for key, value in self._optimiser.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    state[f"optimiser/{number}/{key}"] = value
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state returned by `state`."""
        self.tiles.restore(part_of(state, "tiles/"))
        for name, tensor in part_of(state, "norms/").items():
            self._norms[name].data.copy_(tensor)
        if self._merged is not None:
            self._merged.restore(part_of(state, "merged/"))
        for number, parameter in enumerate(self._optimised):
            own = part_of(state, f"optimiser/{number}/")
            if own:
                self._optimiser.state[parameter] = {
                    # Adam keeps its step count on the CPU, wherever it computes.
                    key: value.clone() if key == "step" else value.to(parameter.device, copy=True)
                    for key, value in own.items()
                }

    @property
    def _optimised(self) -> list[nn.Parameter]:
        return [parameter for group in self._groups for parameter in group.parameters]


def tile_config(recipe: HwaRecipe) -> Any:
    """Return the configuration of the trainable tiles; see `training_config`.

    Raises:
        UsageError: The hardware cannot be trained on.
    """
    return kit_training.training_config(
        recipe.preset,
        modifier=None if recipe.modifier == "preset" else recipe.modifier,
        modifier_std=recipe.modifier_std,
        clip_sigma=recipe.clip_sigma or None,
        bfloat16=recipe.precision == "bfloat16",
    )


@contextmanager
def learning(
    recipe: HwaRecipe, model: nn.Module, layers: Sequence[str], ranges: Ranges
) -> Iterator[Learner]:
    """Put a digital model's layers on trainable tiles; the model is digital again on exit.

    The model must be prepared and in evaluation mode, and its weights change. `ranges` are the
    initial input ranges, if the preset has them.
    """
    model.requires_grad_(False)
    digital = recipe.rank > 0 and recipe.adapter == "digital"
    adapters: list[nn.Parameter] = []
    if digital:
        for adapter in add_adapters(model, layers, recipe.rank, recipe.seed):
            adapters += list(adapter.parameters())
    config = tile_config(recipe)
    with trainable_tiles(
        model, layers, config, ranges, seed=recipe.seed, learns_weights=not digital
    ) as tiles:
        merged = None
        if recipe.rank and not digital:
            merged = MergedAdapters(tiles, recipe.rank, recipe.seed)
            adapters = merged.parameters
        yield Learner(recipe, model, tiles, adapters, merged)
