"""Non-idealities around the memory cells at every read: converters, wires, amplifiers."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.errors import UsageError
from analog_bench.noise.noise_family import Noise, family


@family
@dataclass(frozen=True)
class OutNoise(Noise):
    """aihwkit's additive output noise, `forward.out_noise`, drawn at each read.

    `std` is in the tile's normalised output units (the largest weight and input are 1).
    """

    NAME, WHERE = "out_noise", "tile"
    SEVERITY = ("std",)
    std: float = 0.04


@family
@dataclass(frozen=True)
class InpNoise(Noise):
    """aihwkit's additive input noise, `forward.inp_noise`, drawn at each read.

    `std` is in the tile's normalised input units (the largest input is 1).
    """

    NAME, WHERE = "inp_noise", "tile"
    SEVERITY = ("std",)
    std: float = 0.01


@family
@dataclass(frozen=True)
class Quantise(Noise):
    """Input (DAC) and output (ADC) converters of finite resolution and range.

    A converter of b bits has 2^b − 2 steps over its range (aihwkit's `inp_res`, `out_res`), so that
    zero is a level. 0 bits mean a perfect converter. `out_bound` is in normalised output units.
    """

    NAME, WHERE = "quantise", "tile"
    RANDOM = False
    dac_bits: int = 8
    adc_bits: int = 8
    out_bound: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dac_bits", "adc_bits"):
            bits = getattr(self, name)
            if bits != 0 and not 2 <= bits <= 16:
                raise UsageError(f"quantise: {name} must be 0 or from 2 to 16, found {bits}")
        if self.out_bound <= 0:
            raise UsageError(f"quantise: out_bound must be above 0, found {self.out_bound:g}")


@family
@dataclass(frozen=True)
class IrDrop(Noise):
    """Voltage drop along the wires of the crossbar; scale 1 is aihwkit's physical default.

    The torch tile uses the time-dependent model (`TorchInferenceRPUConfigIRDropT`), the C++ tile
    its own fast approximation (`forward.ir_drop`). The two are different models.
    """

    NAME, WHERE = "ir_drop", "tile"
    RANDOM = False
    SEVERITY = ("scale",)
    scale: float = 1.0


@family
@dataclass(frozen=True)
class IrDropShipped(Noise):
    """aihwkit's time-dependent IR drop as shipped: `TorchInferenceRPUConfigIRDropT`.

    `scale` multiplies the wire resistance, which is 0.15 ohms per cell in aihwkit. The model also
    includes the rounding of its counting converter, the half time slice of its trapezoidal rule,
    and the 0.5 mV between its converter's reading and the idle level. These appear in full at any
    scale above 0 (at 0 aihwkit omits them too), so no scale gives a chosen error. `ir_drop` models
    the wires alone. Every device is computed in every time slice; docs/method.md says how slow that
    is.
    """

    NAME, WHERE = "ir_drop_shipped", "tile"
    RANDOM = False
    scale: float = 1.0


@family
@dataclass(frozen=True)
class PcmRead(Noise):
    """PCM read noise drawn at every matrix-vector product: `forward.w_noise` of type PCM_READ.

    `std` is the scale of the noise; it is 0.0175 in `StandardHWATrainingPreset`.
    """

    NAME, WHERE = "pcm_read", "tile"
    SEVERITY = ("std",)
    std: float = 0.0175


@family
@dataclass(frozen=True)
class SShape(Noise):
    """S-shaped non-linearity of the output: `forward.out_nonlinearity`.

    `strength` is relative to the output bound.
    """

    NAME, WHERE = "s_shape", "tile"
    RANDOM = False
    SEVERITY = ("strength",)
    strength: float = 0.5
