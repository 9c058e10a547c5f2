"""Static input ranges of tiles, from a layer's inputs: by rules, or fitted to the tiles.

The presets' rule takes three standard deviations in every layer. Activations of transformers have a
few large channels that many tokens depend on: on the embedded BERT that rule alone costs 20 points
of F1, without any device noise. A fitted range minimises the error of a tile on ordinary inputs:
small ranges clip, large ones add noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analog_bench.analog.layers import modules_of, weight_of
from analog_bench.zoo.layer_names import hooked
from analog_bench.zoo.range_folder import RangeMethod

# aihwkit's defaults of `InputRangeParameter.init_std_alpha` and `init_from_data`, which the presets
# keep; a test compares them.
STD_ALPHA = 3.0
BATCHES = 100

QUANTILE = 0.999
_TOKENS, _TOKENS_A_PASS = 2048, 256
_SHRINK = 0.87
_CANDIDATES = 70


def observe_input_ranges(
    model: nn.Module, layer_names: Iterable[str], run: Callable[[], object]
) -> dict[str, float]:
    """Observe the input ranges that a preset's tiles would set themselves from data.

    aihwkit's rule (`InputRangeParameter.init_from_data`) is the mean over the first 100 batches of
    3 standard deviations of all inputs of the layer; batches without spread are skipped.

    Args:
        model: The model.
        layer_names: The layers.
        run: Runs the model, with one forward pass per batch.

    Returns:
        Input ranges by layer name, for `install`.

    Raises:
        UsageError: A name is not a layer of the model.
        ValueError: `run` never computed a layer.
    """
    # Read only at the end, because each read would wait for a GPU.
    deviations = _observed(model, layer_names, run, torch.std)
    ranges = {}
    for name, stds in deviations.items():
        counted = [std for std in torch.stack(stds).tolist() if std > 0][:BATCHES]
        _check_seen(name, counted)
        ranges[name] = 0.0
        for count, std in enumerate(counted):  # added up as aihwkit does
            ranges[name] = (ranges[name] * count + STD_ALPHA * std) / (count + 1)
    return ranges


@dataclass(frozen=True)
class Converters:
    """The input and output converters of a tile, in its normalised units.

    A tile takes at most `tile_inputs` inputs, any number if 0. `input_step` is the distance between
    levels of the input converter for range 1. `output_noise` is a standard deviation that includes
    rounding.
    """

    tile_inputs: int
    input_step: float
    output_noise: float


def fit_input_ranges(
    model: nn.Module, layer_names: Iterable[str], run: Callable[[], object], converters: Converters
) -> dict[str, tuple[float, ...]]:
    """Fit the input range of each tile of some layers; see `observe_input_ranges`.

    For a tile with weights w, range r and inputs x, the expected squared error of a token's outputs
    is taken to be sum_j |w_j|² max(|x_j| - r, 0)² (clipping), plus r² sum_i max|w_i|² noise² and r²
    step²/12 sum_j |w_j|² (converters). It is divided by the squared norm of the token's outputs, so
    that a few tokens with huge activations do not decide alone. r minimises the mean over tokens.
    """
    names = list(layer_names)
    seen = _inputs(model, names, run)
    return {
        name: _fitted(weight_of(module).detach(), seen[name], converters)
        for name, module in modules_of(model, names).items()
    }


def calibrate(
    model: nn.Module,
    layer_names: Iterable[str],
    run: Callable[[], object],
    method: RangeMethod,
    converters: Converters,
) -> dict[str, tuple[float, ...]]:
    """Return the input ranges of some layers' tiles by a method; see `observe_input_ranges`.

    `sigma` is the presets' own rule, `max` the largest magnitude among the layer's inputs, and
    `quantile` the one that 99.9 % of the magnitudes do not exceed. These give all tiles of a layer
    the same range. `fit` is `fit_input_ranges`, the only method that uses the converters.
    """
    names = list(layer_names)
    if method == "fit":
        return fit_input_ranges(model, names, run, converters)
    if method == "sigma":
        ranges = observe_input_ranges(model, names, run)
    else:
        share = 1.0 if method == "max" else QUANTILE
        ranges = {n: _magnitude(rows, share) for n, rows in _inputs(model, names, run).items()}
    return {
        # If every input is 0, any range will do except 0, which is a divisor.
        name: (ranges[name] or 1.0,)
        * len(_split(weight_of(module).shape[1], converters.tile_inputs))
        for name, module in modules_of(model, names).items()
    }


def _inputs(model: nn.Module, names: Iterable[str], run: Callable[[], object]) -> dict[str, Tensor]:
    """Return some inputs of each layer from every forward pass, shape (tokens, inputs)."""

    def some(inputs: Tensor) -> Tensor:
        tokens = inputs.detach().reshape(-1, inputs.shape[-1])
        # Spread over the batch; any tokens will do as long as they are always the same.
        return tokens[:: max(1, len(tokens) // _TOKENS_A_PASS)].float()

    seen = {name: torch.cat(rows) for name, rows in _observed(model, names, run, some).items()}
    return {name: rows[:: -(-len(rows) // _TOKENS)] for name, rows in seen.items()}


def _observed(
    model: nn.Module,
    names: Iterable[str],
    run: Callable[[], object],
    keep: Callable[[Tensor], Tensor],
) -> dict[str, list[Tensor]]:
    """Run a model and return `keep` of each layer's inputs, pass by pass."""
    modules = modules_of(model, names)
    kept: dict[str, list[Tensor]] = {name: [] for name in modules}

    def see(name: str, _module: object, inputs: tuple[Tensor, ...]) -> None:
        kept[name].append(keep(inputs[0]))

    with hooked(modules, before=see), torch.no_grad():
        run()
    for name, values in kept.items():
        _check_seen(name, values)
    return kept


def _check_seen(name: str, values: Sequence[object]) -> None:
    if not values:
        raise ValueError(f"no input of {name} was seen, so it has no range")


def _magnitude(inputs: Tensor, share: float) -> float:
    """Return the magnitude that this share of the values does not exceed."""
    magnitudes = inputs.abs().flatten()
    return float(magnitudes.kthvalue(max(1, round(share * len(magnitudes)))).values)


def _fitted(weight: Tensor, rows: Tensor, converters: Converters) -> tuple[float, ...]:
    outputs = (rows @ weight.T).square().sum(1)
    # A token whose outputs vanish would otherwise weigh infinitely much.
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
