"""Energy and latency of a model: layers on tiles by a scenario, all else by digital arithmetic.

Energies are in pJ, times in ns. Whole tiles are charged, however few of their cells are used: a
layer of 257 inputs on tiles of 256 rows pays for two. Activation functions are not counted, nor is
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
    """Number format of a digital machine; `mac` names a constant."""

    name: str
    bits: int
    mac: str


INT8 = DigitalFormat("INT8", 8, "mac_int8")
FP16 = DigitalFormat("FP16", 16, "mac_fp16")


class Tiling(NamedTuple):
    """The tiles of a layer, and the share of their cells that hold one of its weights."""

    rows: int
    columns: int
    utilisation: float

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.rows * self.columns


@dataclass(frozen=True)
class LayerEnergy:
    """Energy and time of one layer in one inference.

    Attributes:
        layer: Its shape.
        tiling: Its tiles; None if it is digital.
        mvm_pj: Energy of its tiles.
        digital_pj: Energy of everything else about it.
        ns: Time of its tiles; None if it has none or the time is not published.
    """

    layer: LayerShape
    tiling: Tiling | None
    mvm_pj: float
    digital_pj: float
    ns: float | None

    @property
    def pj(self) -> float:
        """Total energy."""
        return self.mvm_pj + self.digital_pj


@dataclass(frozen=True)
class ModelEnergy:
    """Energy of one inference of a model.

    Attributes:
        scenario: The analog hardware.
        shape: What is computed.
        layers: In the order of computation.
        attention_pj: Energy of the products between tokens, including their softmaxes.
        int8_pj: Energy of the same inference on a digital INT8 machine, by the same model.
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
        """Total energy."""
        return self.attention_pj + sum(layer.pj for layer in self.layers)

    @property
    def pj_per_token(self) -> float:
        """Energy per token."""
        return self.pj / self.shape.tokens

    @property
    def analog_share(self) -> float:
        """The tiles' share of the energy, 0 to 1."""
        return sum(layer.mvm_pj for layer in self.layers) / self.pj

    @property
    def tops_per_watt(self) -> float:
        """Operations of layers and attention, two per multiply-accumulate, per unit of energy."""
        return 2 * self.shape.macs / self.pj

    @property
    def latency_ns(self) -> float | None:
        """Time of all tiles, layer after layer; None without any."""
        return sum(self._stages) if self._stages else None

    @property
    def interval_ns(self) -> float | None:
        """Time between inferences if the layers form a pipeline: that of the slowest stage."""
        return max(self._stages, default=None)

    @property
    def _stages(self) -> list[float]:
        return [layer.ns for layer in self.layers if layer.ns is not None]


def tile(inputs: int, outputs: int, rows: int, columns: int) -> Tiling:
    """Return the tiles of a layer: ⌈inputs/rows⌉ by ⌈outputs/columns⌉."""
    down, across = math.ceil(inputs / rows), math.ceil(outputs / columns)
    return Tiling(down, across, inputs * outputs / (down * across * rows * columns))


def on_tiles(layer: LayerShape, scenario: Scenario, replicas: int = 1) -> LayerEnergy:
    """Return the energy and time of a matrix multiplication on tiles, which all work in parallel.

    With n tiles, r of them one above the other, a vector takes

        n·E_MVM + (r − 1)·out·e_add + out·(e_mul + e_add) + 8·(in + out)·e_near

    for the tiles, the sums of their partial results, the scale and bias of each output, and the
    transport of 8-bit values to and from them. Each of the replicas takes its share of the vectors.
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
    """Return the energy of a layer on a digital machine.

    A matrix multiplication takes MACs·e_MAC, moves its activations to and from near memory, and
    fetches its weights from far memory once per `per_fetch` vectors. A norm takes a fixed energy
    per value. An embedding fetches its rows from far memory.
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
    """Return the energy of attention between tokens, which is always digital.

    It takes MACs·e_MAC (2·n·d per token and block), one exponential per pair of tokens and head,
    and fetches keys and values from far memory once per `per_fetch` tokens.
    """
    fetches = shape.tokens / min(per_fetch, shape.tokens)
    return (
        shape.attention_macs * value_of(form.mac)
        + shape.exponentials * value_of("exponential")
        + fetches * shape.cached * form.bits * value_of(FAR_MEMORY[level])
    )


def digital_total_pj(shape: ModelShape, form: DigitalFormat, level: Level, per_fetch: int) -> float:
    """Return the energy of an inference on a digital machine: only arithmetic and memory."""
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
    """Return the energy of an inference with the named layers on tiles and all else in INT8.

    Args:
        shape: What is computed.
        scenario: The analog hardware.
        analog: Names of the layers on tiles.
        per_fetch: Tokens that a digital machine computes with each weight it fetches: all of the
            inference if None, 1 if it writes token by token.
        replicas: Copies of each layer's tiles that share its vectors.
        in_fp16: Names of the layers that are computed in FP16 unless they are on tiles.
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
