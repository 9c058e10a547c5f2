"""Energy and latency of a model: what is on tiles by a scenario, all else by digital arithmetic.

Energies are in pJ, times in ns. Whole tiles are charged, however little of them is used: a layer of
257 inputs on tiles of 256 rows pays for two. Activation functions are not counted, and neither is
the time of anything digital.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from analog_bench.planning.constants import value_of
from analog_bench.planning.scenarios import FAR_MEMORY, Level, Scenario
from analog_bench.zoo.model_shape import LayerShape, ModelShape

_ACTIVATION_BITS = 8


class DigitalFormat(NamedTuple):
    """Numbers that a digital machine computes with; `mac` names a constant."""

    name: str
    bits: int
    mac: str


INT8 = DigitalFormat("INT8", 8, "mac_int8")
FP16 = DigitalFormat("FP16", 16, "mac_fp16")


class Tiling(NamedTuple):
    """Tiles of a layer, and the share of their cells that hold a weight of it."""

    rows: int
    columns: int
    utilisation: float

    @property
    def tiles(self) -> int:
        """How many there are."""
        return self.rows * self.columns


@dataclass(frozen=True)
class LayerEnergy:
    """What one layer takes in one inference.

    Attributes:
        layer: Its shape.
        tiling: Its tiles; None where it is digital.
        mvm_pj: Energy of its tiles.
        digital_pj: Energy of everything else about it.
        ns: Time of its tiles; None where it has none, or it is not published.
    """

    layer: LayerShape
    tiling: Tiling | None
    mvm_pj: float
    digital_pj: float
    ns: float | None

    @property
    def pj(self) -> float:
        """All of its energy."""
        return self.mvm_pj + self.digital_pj


@dataclass(frozen=True)
class ModelEnergy:
    """What one inference of a model takes.

    Attributes:
        scenario: The analog hardware.
        shape: What is computed.
        layers: In the order of computation.
        attention_pj: Energy of the products of tokens with each other, with their softmaxes.
        int8_pj: Energy of the same inference on a digital machine, by the same model.
        fp16_pj: The same in FP16.
    """

    scenario: Scenario
    shape: ModelShape
    layers: tuple[LayerEnergy, ...]
    attention_pj: float
    int8_pj: float
    fp16_pj: float

    @property
    def pj(self) -> float:
        """All of its energy."""
        return self.attention_pj + sum(layer.pj for layer in self.layers)

    @property
    def pj_per_token(self) -> float:
        """Energy of one token of it."""
        return self.pj / self.shape.tokens

    @property
    def analog_share(self) -> float:
        """The tiles' share of the energy, 0 to 1."""
        return sum(layer.mvm_pj for layer in self.layers) / self.pj

    @property
    def tops_per_watt(self) -> float:
        """Operations, two a multiply-accumulate, by energy: those of layers and attention."""
        return 2 * self.shape.macs / self.pj

    @property
    def latency_ns(self) -> float | None:
        """Time of all tiles, layer after layer."""
        return sum(self._stages) if self._stages else None

    @property
    def interval_ns(self) -> float | None:
        """Time from one inference to the next where layers are a pipeline: the slowest stage's."""
        return max(self._stages, default=None)

    @property
    def _stages(self) -> list[float]:
        return [layer.ns for layer in self.layers if layer.ns is not None]


def tile(inputs: int, outputs: int, rows: int, columns: int) -> Tiling:
    """Return the tiles of a layer: ⌈inputs/rows⌉ by ⌈outputs/columns⌉."""
    down, across = math.ceil(inputs / rows), math.ceil(outputs / columns)
    return Tiling(down, across, inputs * outputs / (down * across * rows * columns))


def on_tiles(layer: LayerShape, scenario: Scenario, replicas: int = 1) -> LayerEnergy:
    """Return what a matrix multiplication takes on tiles, all of which work at the same time.

    With n tiles, r of them one above the other, a vector takes

        n·E_MVM + (r − 1)·out·e_add + out·(e_mul + e_add) + 8·(in + out)·e_near

    for the tiles, the sums of their parts, the scale and bias of each output, and bringing values
    of 8 bits to and from them. Of so many replicas each takes its share of the vectors.
    """
    tiling = tile(layer.inputs, layer.outputs, scenario.rows, scenario.columns)
    add, multiply = value_of("add"), value_of("multiply")
    digital = layer.outputs * ((tiling.rows - 1) * add + multiply + add)
    digital += _moved_pj(layer, _ACTIVATION_BITS, scenario.near_pj_per_bit)
    return LayerEnergy(
        layer=layer,
        tiling=tiling,
        mvm_pj=layer.vectors * tiling.tiles * scenario.mvm_pj,
        digital_pj=layer.vectors * digital,
        ns=None if scenario.mvm_ns is None else layer.vectors * scenario.mvm_ns / replicas,
    )


def digital_pj(layer: LayerShape, form: DigitalFormat, level: Level, per_fetch: int) -> float:
    """Return what a layer takes on a digital machine.

    A matrix multiplication: MACs·e_MAC, its activations to and from near memory, and its weights
    from far memory, once for so many vectors. A norm: so much a value. An embedding: its rows from
    far memory.
    """
    far = value_of(FAR_MEMORY[level])
    if layer.kind == "norm":
        return layer.vectors * layer.outputs * value_of("normalised_value")
    if layer.kind == "embedding":
        return layer.vectors * layer.outputs * form.bits * far
    fetched = layer.vectors / min(per_fetch, layer.vectors) * layer.weights * form.bits * far
    moved = layer.vectors * _moved_pj(layer, form.bits, value_of("sram"))
    return layer.macs * value_of(form.mac) + fetched + moved


def attention_pj(shape: ModelShape, form: DigitalFormat, level: Level, per_fetch: int) -> float:
    """Return what tokens take to look at each other, which is always digital.

    MACs·e_MAC, 2·n·d a token and block; an exponential a pair of tokens and head; keys and values
    from far memory, once for so many tokens.
    """
    fetches = shape.tokens / min(per_fetch, shape.tokens)
    return (
        shape.attention_macs * value_of(form.mac)
        + shape.exponentials * value_of("exponential")
        + fetches * shape.cached * form.bits * value_of(FAR_MEMORY[level])
    )


def digital_total_pj(shape: ModelShape, form: DigitalFormat, level: Level, per_fetch: int) -> float:
    """Return what an inference takes on a digital machine: arithmetic and memory, no more."""
    return attention_pj(shape, form, level, per_fetch) + sum(
        digital_pj(layer, form, level, per_fetch) for layer in shape.layers
    )


def model_energy(
    shape: ModelShape,
    scenario: Scenario,
    analog: Collection[str],
    *,
    per_fetch: int | None = None,
    replicas: int = 1,
    in_fp16: Collection[str] = (),
) -> ModelEnergy:
    """Return what an inference takes with the named layers on tiles, and all else in INT8.

    Layers `in_fp16`, of those that are not on tiles, are in FP16 instead.
    `per_fetch` is how many tokens a digital machine computes with each weight that it fetches: all
    of the inference where None, 1 where it writes token by token.
    """
    per_fetch, level = per_fetch or shape.tokens, scenario.level

    def digital(layer: LayerShape) -> float:
        form = FP16 if layer.name in in_fp16 else INT8
        return digital_pj(layer, form, level, per_fetch)

    layers = (
        on_tiles(layer, scenario, replicas)
        if layer.kind == "matmul" and layer.name in analog
        else LayerEnergy(layer, None, 0.0, digital(layer), None)
        for layer in shape.layers
    )
    return ModelEnergy(
        scenario=scenario,
        shape=shape,
        layers=tuple(layers),
        attention_pj=attention_pj(shape, INT8, level, per_fetch),
        int8_pj=digital_total_pj(shape, INT8, level, per_fetch),
        fp16_pj=digital_total_pj(shape, FP16, level, per_fetch),
    )


def _moved_pj(layer: LayerShape, bits: int, pj_per_bit: float) -> float:
    return (layer.inputs + layer.outputs) * bits * pj_per_bit
