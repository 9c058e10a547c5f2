"""Static input ranges of tiles, fitted to what enters a layer and to what its converters do to it.

The presets' rule takes three standard deviations whatever the layer (`input_ranges`). Activations
of transformers have a few large channels that many tokens depend on: on the embedded BERT that
rule alone costs 20 points of F1, without any device noise. Here each tile gets the range at which
the error it makes on ordinary inputs is smallest: clipping at small ranges, noise at large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import find, weight_of

_TOKENS_A_PASS = 256
_SHRINK = 0.87
_CANDIDATES = 70


@dataclass(frozen=True)
class Converters:
    """What the inputs and outputs of a tile go through, in its normalised units.

    Attributes:
        tile_inputs: Inputs a tile takes at most; 0 where a layer is one tile.
        input_step: Distance between levels of the input converter; the range is 1.
        output_noise: Standard deviation of the output noise, rounding included.
    """

    tile_inputs: int
    input_step: float
    output_noise: float


def fit_input_ranges(
    model: nn.Module, layer_names: Iterable[str], run: Callable[[], object], converters: Converters
) -> dict[str, tuple[float, ...]]:
    """Fit the input range of each tile of some layers.

    For a tile with weights w, range r and inputs x, the expected squared error of a token's outputs
    is taken to be sum_j |w_j|² max(|x_j| - r, 0)² (clipping), plus r² sum_i max|w_i|² noise² and
    r² step²/12 sum_j |w_j|² (converters). It counts relative to the squared norm of the token's
    outputs, so that a few tokens with huge activations do not decide alone; r minimises the mean
    over tokens.

    Args:
        model: The digital model.
        layer_names: Layers to fit.
        run: Computes the model on some batches, one forward pass a batch.
        converters: Of the tiles.

    Returns:
        Layer name to the range of each of its tiles, for the `input_ranges` of `install`.

    Raises:
        UsageError: A name that is no layer of the model.
        ValueError: A layer that `run` never computed.
    """
    names = list(layer_names)
    places = find(model, names)
    seen: list[list[Tensor]] = [[] for _ in places]
    handles = [
        place.module.register_forward_pre_hook(_keeping(rows))
        for place, rows in zip(places, seen, strict=True)
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    found = {}
    for name, place, rows in zip(names, places, seen, strict=True):
        if not rows:
            raise ValueError(f"no input of {name} was seen, so it has no range")
        found[name] = _fitted(weight_of(place.module).detach(), torch.cat(rows), converters)
    return found


def _keeping(rows: list[Tensor]) -> Callable[[object, tuple[Tensor, ...]], None]:
    def keep(_module: object, inputs: tuple[Tensor, ...]) -> None:
        tokens = inputs[0].detach().reshape(-1, inputs[0].shape[-1])
        # Spread over the batch; which ones does not matter, as long as they are always the same.
        rows.append(tokens[:: max(1, len(tokens) // _TOKENS_A_PASS)].float())

    return keep


def _fitted(weight: Tensor, rows: Tensor, converters: Converters) -> tuple[float, ...]:
    outputs = (rows @ weight.T).square().sum(1)
    # A token whose outputs vanish would count for ever.
    shares = 1.0 / outputs.clamp_min(float(outputs.mean()) * 1e-3).clamp_min(1e-12)
    sizes = _split(weight.shape[1], converters.tile_inputs)
    return tuple(
        _best(own, inputs, shares, converters)
        for own, inputs in zip(
            torch.split(weight, sizes, 1), torch.split(rows, sizes, 1), strict=True
        )
    )


def _best(weight: Tensor, inputs: Tensor, shares: Tensor, converters: Converters) -> float:
    columns = weight.square().sum(0)
    largest = weight.abs().amax(1).square().sum()
    noise = largest * converters.output_noise**2 + columns.sum() * converters.input_step**2 / 12.0
    noise = noise * shares.mean()
    magnitude = inputs.abs()
    top = float(magnitude.max())
    if top == 0.0:
        return 1.0
    ranges = [top * _SHRINK**place for place in range(_CANDIDATES)]
    errors = [
        float((((magnitude - r).clamp_min(0.0).square() @ columns) * shares).mean() + noise * r * r)
        for r in ranges
    ]
    return ranges[min(range(_CANDIDATES), key=errors.__getitem__)]


def _split(size: int, limit: int) -> list[int]:
    # As aihwkit's `TileModuleArray.get_split_sizes`.
    parts = 1 if limit <= 0 else -(-size // limit)
    base, extra = divmod(size, parts)
    return [base + (place < extra) for place in range(parts)]
