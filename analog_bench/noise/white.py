"""White noise on outputs and weights: needs no tiles, so it acts on any layer."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.noise.noise_family import Noise, family


@family
@dataclass(frozen=True)
class WhiteOutput(Noise):
    """y + N(0, std²), drawn anew at each read; std in the units of the layer's output y.

    std = 1 is the experiment this project grew from.
    """

    NAME, WHERE = "white_output", "output"
    SEVERITY = ("std",)
    std: float = 1.0


@family
@dataclass(frozen=True)
class WhiteOutputRel(Noise):
    """y + N(0, (std · RMS(y))²), drawn anew at each read.

    RMS(y) is that of the layer's clean output over the tokens (padding excluded) and features of a
    batch.
    """

    NAME, WHERE = "white_output_rel", "output"
    SEVERITY = ("std",)
    std: float = 0.1


@family
@dataclass(frozen=True)
class WhiteWeight(Noise):
    """W + N(0, (std · max|W| of the output column)²), drawn once a chip.

    The column is all weights that feed the same output (for an embedding or a norm: the whole
    tensor).
    """

    NAME, WHERE = "white_weight", "weight"
    DRAWN_ONCE = True
    SEVERITY = ("std",)
    std: float = 0.05
