"""What digital hardware does to a layer: arithmetic in few bits, simulated."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.errors import UsageError
from analog_bench.noise.noise_family import Noise, family

INT8_BITS = 8
"""The bits that the energy of a digital INT8 machine is known at (`planning.energy`)."""


@family
@dataclass(frozen=True)
class Int8(Noise):
    """Digital arithmetic in integers: what a layer loses that is not on tiles, but in INT8.

    Weights are rounded to steps of max|w| / (2^(bits-1) - 1) of their output column (an embedding:
    of their row; a norm: of the tensor), inputs of matrix products to steps of max|x| / (2^(bits-1)
    - 1) of their vector, found anew for each; both symmetric, sums are exact (W8A8 with vector-wise
    scales: Dettmers et al., "LLM.int8()", NeurIPS 2022, without its outliers in FP16).
    """

    NAME, WHERE = "int8", "weight"
    RANDOM = False
    bits: int = INT8_BITS

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.bits <= 16:
            raise UsageError(f"int8: bits must be from 2 to 16, found {self.bits}")
