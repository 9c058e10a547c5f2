"""Digital hardware that computes with few bits, simulated."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.errors import UsageError
from analog_bench.noise.noise_family import Noise, family

INT8_BITS = 8
"""Width in bits for which `planning.energy` knows the energy of a digital machine."""


@family
@dataclass(frozen=True)
class Int8(Noise):
    """Digital integer arithmetic: the loss of a layer that is computed in INT8 instead of on tiles.

    Weights are rounded to steps of max|w| / (2^(bits-1) - 1), with the maximum taken over an output
    column (over a row for an embedding, over the whole tensor for a norm). Inputs of matrix
    products are rounded to steps of max|x| / (2^(bits-1) - 1), with the maximum taken over each
    input vector at run time. Both are symmetric, and sums are exact. This is W8A8 with vector-wise
    scales (Dettmers et al., "LLM.int8()", NeurIPS 2022) without its FP16 outliers.
    """

    NAME, WHERE = "int8", "weight"
    RANDOM = False
    bits: int = INT8_BITS

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.bits <= 16:
            raise UsageError(f"int8: bits must be from 2 to 16, found {self.bits}")
