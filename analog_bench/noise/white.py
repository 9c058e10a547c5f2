"""White noise on outputs and weights; it needs no tiles, so it acts on any layer."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.noise.noise_family import Noise, family


@family
@dataclass(frozen=True)
class WhiteOutput(Noise):
    """y + N(0, std²), drawn at each read; std is in the units of the layer's output y.

    std = 1 is the experiment that this project started from.
    """

    NAME, WHERE = "white_output", "output"
    SEVERITY = ("std",)
    std: float = 1.0


@family
@dataclass(frozen=True)
class WhiteOutputRel(Noise):
    """y + N(0, (std · RMS(y))²), drawn at each read.

    RMS(y) is taken over the tokens of a batch (padding excluded) and the features of the layer's
    clean output.
    """

    NAME, WHERE = "white_output_rel", "output"
    SEVERITY = ("std",)
    std: float = 0.1


@family
@dataclass(frozen=True)
class WhiteWeight(Noise):
    """W + N(0, (std · max|W| of the output column)²), drawn once per chip.

    A column holds all weights that feed the same output. For an embedding or a norm it is the whole
    tensor.
    """

    NAME, WHERE = "white_weight", "weight"
    DRAWN_ONCE = True
    SEVERITY = ("std",)
    std: float = 0.05
