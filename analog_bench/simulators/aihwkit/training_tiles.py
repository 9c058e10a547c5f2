"""Tiles that learn: their configuration, a trainable layer, its parameters, the optimisers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from aihwkit.nn import AnalogLinear
from aihwkit.optim import AnalogAdam, AnalogSGD
from aihwkit.simulator.parameters.enums import WeightClipType, WeightModifierType, WeightRemapType
from aihwkit.simulator.tiles.torch_tile import TorchSimulatorTile
from torch import Tensor, nn

from analog_bench.analog.tile_protocol import InputRange
from analog_bench.errors import UsageError
from analog_bench.simulators.aihwkit.config import base_config, has_input_range, tile_of
from analog_bench.simulators.aihwkit.layer import set_input_ranges
from analog_bench.simulators.aihwkit.product import Bfloat16Tile, StepModule, StepTile
from analog_bench.simulators.versions import TORCH

OPTIMISERS = {"adam": AnalogAdam, "sgd": AnalogSGD}
_MODIFIERS = {
    "none": WeightModifierType.NONE,
    "add_normal": WeightModifierType.ADD_NORMAL,
    "mult_normal": WeightModifierType.MULT_NORMAL,
    "prog_noise": WeightModifierType.PROG_NOISE,
    "pcm_noise": WeightModifierType.PCM_NOISE,
}
_SETTLED = 1e6


@dataclass(frozen=True, eq=False)
class TileParameters:
    """The parameters of layers on tiles: `digital` are biases and output scales.

    Weights are in the tiles' normalised units, one tensor a tile; empty where frozen. By the
    contexts aihwkit's optimisers find the tiles to clip and remap. Input ranges have shape (1,) a
    tile.
    """

    weights: tuple[nn.Parameter, ...]
    contexts: tuple[nn.Parameter, ...]
    ranges: tuple[nn.Parameter, ...]
    digital: tuple[nn.Parameter, ...]


def training_config(
    preset: str,
    *,
    modifier: str | None,
    modifier_std: float,
    clip_sigma: float | None,
    bfloat16: bool,
) -> Any:
    """Return a preset's configuration for training, with its own modifier and clipping where None.

    The modifier is the noise on the weights at every step, a name of `_MODIFIERS`; its std is
    relative to a tile's largest weight. Weights are clipped after every step at `clip_sigma`
    standard deviations of a tile (aihwkit's `LAYER_GAUSSIAN`). Only torch tiles take `bfloat16`.

    Raises:
        UsageError: Hardware with a torch tile of its own.
    """
    config = base_config(TORCH, preset)
    if modifier is not None:
        config.modifier.type = _MODIFIERS[modifier]
        config.modifier.std_dev = modifier_std
    if clip_sigma is not None:
        config.clip.type = WeightClipType.LAYER_GAUSSIAN
        config.clip.sigma = clip_sigma
        config.clip.fixed_value = -1.0
    if tile_of(config) == TORCH:
        if config.simulator_tile_class is not TorchSimulatorTile:
            kind = config.simulator_tile_class.__name__
            raise UsageError(
                f"{preset} computes in {kind}, and training in TorchSimulatorTile only"
            )
        config.simulator_tile_class = Bfloat16Tile if bfloat16 else StepTile
        config.tile_class = StepModule
    return config


def frozen(config: Any) -> Any:
    """Return the configuration for weights that do not learn: neither clipped nor remapped."""
    config.clip.type = WeightClipType.NONE
    config.remap.type = WeightRemapType.NONE
    return config


def trainable(linear: nn.Linear, config: Any, ranges: InputRange | None) -> Any:
    """Map a layer onto tiles that learn: an `AnalogLinear` in training mode.

    Draws from torch's global generators. Input ranges, where the configuration has them, start at
    `ranges` and are not taken from data; another number of them than tiles is a `UsageError`.
    """
    layer = AnalogLinear.from_digital(linear, config).train()
    for tile in layer.analog_tiles():
        if has_input_range(config):
            # aihwkit would overwrite the range by what it sees in its first batches.
            tile.input_range_update_idx.data.fill_(_SETTLED)
            tile.input_range_update_idx.requires_grad_(False)
        if tile.device.type != "cpu" and tile.mapping_scales is not None:
            # The gradient's hook still holds the scales of the processor, where aihwkit maps.
            tile.set_scales(tile.mapping_scales)
    if has_input_range(config):
        set_input_ranges(layer, ranges)
    return layer


def tile_parameters(layer: Any) -> TileParameters:
    """Return the parameters of a layer that `trainable` made, sorted by what they are."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in layer.named_parameters():
        found.setdefault(_sort(name), []).append(parameter)
    return TileParameters(
        *(tuple(found.get(sort, ())) for sort in ("weight", "context", "range", "digital"))
    )


def training_state(layer: Any) -> dict[str, Tensor]:
    """Return every tensor of a layer that training changes, by name; not copies."""
    state = {n: p.data for n, p in layer.named_parameters() if _sort(n) not in ("context", "")}
    state |= {n: b for n, b in layer.named_buffers() if n.endswith("mapping_scales")}
    return state


def restore(layer: Any, state: Mapping[str, Tensor]) -> None:
    """Put a layer of the same configuration back into a state that `training_state` returned."""
    # First the scales, for which aihwkit sets up the gradients anew and forgets output scales.
    for path, tile in layer.named_modules():
        scales = state.get(f"{path}.mapping_scales")
        if scales is not None:
            tile.set_scales(scales.to(tile.device, copy=True))
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name in state:
                parameter.data.copy_(state[name])


def read_back(layer: Any) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of the digital layer that a layer on tiles stands for."""
    weight, bias = layer.get_weights()
    return weight.detach(), None if bias is None else bias.detach()


def read_ranges(layer: Any) -> tuple[float, ...]:
    """Return the input range of each tile; empty where there are none."""
    tiles = list(layer.analog_tiles())
    if any(tile.input_range is None for tile in tiles):
        return ()
    return tuple(abs(float(tile.input_range.detach())) for tile in tiles)


def write_weights(layer: Any, weight: Tensor) -> None:
    """Write a weight, (outputs, inputs), onto the tiles, clipped as after an optimiser's step."""
    layer.analog_module.set_weights(weight, None)
    for tile in layer.analog_tiles():
        tile.post_update_step()


def weight_gradient(layer: Any) -> Tensor:
    """Return the gradient by the layer's weight, (outputs, inputs), from the torch tiles'."""
    module = layer.analog_module
    tiles = list(layer.analog_tiles())
    # aihwkit divides a tile's gradient by its scales squared, so that in the layer's units an
    # update is that of a digital layer.
    parts = [tile.tile.weight.grad * tile.get_scales().view(-1, 1) for tile in tiles]
    columns = len(getattr(module, "out_sizes", (0,)))
    rows = [torch.cat(parts[n : n + columns], 0) for n in range(0, len(parts), columns)]
    return torch.cat(rows, 1)


def optimiser(
    name: str, groups: Sequence[Mapping[str, Any]], contexts: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return the optimiser of that name in `OPTIMISERS` for parameter groups.

    It clips, remaps and (C++ tile) gives new noise to the tiles of `contexts` after each step.
    """
    handles = list(contexts)
    extra = [{"params": handles, "lr": 0.0}] if handles else []
    options = {"betas": (0.9, 0.98)} if name == "adam" else {"momentum": 0.9}
    made: torch.optim.Optimizer = OPTIMISERS[name]([*groups, *extra], lr=1e-3, **options)
    return made


def _sort(name: str) -> str:
    if name.endswith(("tile.weight", "shared_weights")):
        return "weight"
    if name.endswith("analog_ctx"):
        return "context"
    if name.endswith("input_range"):
        return "range"
    return "" if name.endswith("input_range_update_idx") else "digital"
