"""The noise families: what can go wrong in a layer, as frozen dataclasses with physical parameters.

A family says *what* happens, in units and with a source; `analog_bench.analog` knows *how* to make
it happen on a model. This module imports neither torch nor aihwkit, so that collecting thousands of
cases takes milliseconds. Adding a family is one class here (decorated with `family`), one handler
in `analog_bench.analog`, one test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, TypeVar

from analog_bench.errors import UsageError, did_you_mean

Where = Literal["output", "weight", "tile"]
Tile = Literal["torch", "cpp"]


@dataclass(frozen=True)
class Noise:
    """Base of all families.

    Attributes:
        NAME: The family's name on the command line and in results.
        WHERE: What it acts on: a layer's `output`, a layer's `weight`, or an aihwkit `tile`.
        TILES: The tile engines that can realise it (none are needed outside `tile`).
        DRIFTS: Whether the drift time changes anything.
        DRAWN_ONCE: Whether something is fixed at programming, so that chips differ beyond reads.
    """

    NAME: ClassVar[str]
    WHERE: ClassVar[Where]
    TILES: ClassVar[tuple[Tile, ...]] = ()
    DRIFTS: ClassVar[bool] = False
    DRAWN_ONCE: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(
                    f"{self.NAME}: {field.name} must be a finite number, found {value}"
                )

    def __str__(self) -> str:
        """Return the spelling that `parse_noise` reads, e.g. `white_output:std=1`."""
        given = ",".join(f"{f.name}={_spelt(getattr(self, f.name))}" for f in fields(self))
        return f"{self.NAME}:{given}" if given else self.NAME


N = TypeVar("N", bound=type[Noise])
_FAMILIES: dict[str, type[Noise]] = {}


def family(cls: N) -> N:
    """Register a family under its `NAME`; used as a class decorator."""
    if cls.NAME in _FAMILIES:
        raise ValueError(f"two noise families are called {cls.NAME!r}")
    _FAMILIES[cls.NAME] = cls
    return cls


def families() -> dict[str, type[Noise]]:
    """Return every registered family by name."""
    return dict(_FAMILIES)


def parse_noise(text: str) -> Noise:
    """Read `NAME` or `NAME:parameter=value,...`; a lone value is the first parameter's.

    Args:
        text: For example `white_output:std=1`, `white_output:1`, `pcm:prog=1,drift=0`, `ideal`.

    Returns:
        The family with its parameters; those not named keep their defaults.

    Raises:
        UsageError: Unknown family or parameter, a value of the wrong kind, or one out of range.
    """
    name, _, rest = text.partition(":")
    cls = _FAMILIES.get(name.strip())
    if cls is None:
        raise UsageError(f"no noise family {name.strip()!r}; {did_you_mean(name, _FAMILIES)}")
    known = {f.name: getattr(cls, f.name) for f in fields(cls)}
    values: dict[str, float | int | bool | str] = {}
    for n, part in enumerate(p for p in rest.split(",") if p.strip()):
        key, equals, value = part.partition("=")
        if not equals and n == 0 and known:
            key, value = next(iter(known)), part
        key = key.strip()
        if key not in known:
            raise UsageError(f"noise {name!r} has no parameter {key!r}; {did_you_mean(key, known)}")
        if key in values:
            raise UsageError(f"noise {text!r} gives {key!r} twice")
        values[key] = _value(cls.NAME, key, value.strip(), known[key])
    return cls(**values)


@family
@dataclass(frozen=True)
class Ideal(Noise):
    """Everything perfect: the layer sits on a tile that computes exactly. Must equal digital."""

    NAME: ClassVar[str] = "ideal"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")


@family
@dataclass(frozen=True)
class WhiteOutput(Noise):
    """y + N(0, std²), drawn anew at each read. std = 1 is the experiment this project grew from.

    Attributes:
        std: Standard deviation, in the units of the layer's output y.
    """

    NAME: ClassVar[str] = "white_output"
    WHERE: ClassVar[Where] = "output"
    std: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "std")


@family
@dataclass(frozen=True)
class WhiteOutputRel(Noise):
    """y + N(0, (std · RMS(y))²), drawn anew at each read.

    Attributes:
        std: Standard deviation in units of the root mean square of the layer's clean output, taken
            over the tokens (padding excluded) and features of a batch.
    """

    NAME: ClassVar[str] = "white_output_rel"
    WHERE: ClassVar[Where] = "output"
    std: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "std")


@family
@dataclass(frozen=True)
class WhiteWeight(Noise):
    """W + N(0, (std · max|W| of the output column)²), drawn once a chip.

    Attributes:
        std: Standard deviation in units of the largest magnitude among the weights that feed the
            same output (for an embedding or a norm: the whole tensor's).
    """

    NAME: ClassVar[str] = "white_weight"
    WHERE: ClassVar[Where] = "weight"
    DRAWN_ONCE: ClassVar[bool] = True
    std: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "std")


@family
@dataclass(frozen=True)
class OutNoise(Noise):
    """aihwkit's additive output noise, `forward.out_noise`, drawn at each read.

    Attributes:
        std: Standard deviation in the tile's normalised output units (largest weight and largest
            input are 1).
    """

    NAME: ClassVar[str] = "out_noise"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    std: float = 0.04

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "std")


@family
@dataclass(frozen=True)
class InpNoise(Noise):
    """aihwkit's additive input noise, `forward.inp_noise`, drawn at each read.

    Attributes:
        std: Standard deviation in the tile's normalised input units (largest input is 1).
    """

    NAME: ClassVar[str] = "inp_noise"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    std: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "std")


@family
@dataclass(frozen=True)
class Quantise(Noise):
    """Input (DAC) and output (ADC) converters of finite resolution and range.

    A converter of b bits has 2^b − 2 steps over its range (aihwkit's `inp_res`, `out_res`), so
    that zero is a level.

    Attributes:
        dac_bits: Resolution of the input converter; 0 means perfect.
        adc_bits: Resolution of the output converter; 0 means perfect.
        out_bound: Range of the output converter, in the tile's normalised output units.
    """

    NAME: ClassVar[str] = "quantise"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
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
class Pcm(Noise):
    """Phase-change memory after Nandakumar et al. (ICECS 2019): aihwkit's `PCMLikeNoiseModel`.

    Attributes:
        prog: Scale of the programming noise (drawn once a chip).
        read: Scale of the accumulated 1/f read noise (drawn once a chip and drift time).
        drift: Scale of the drift exponents (drawn once a chip).
        compensate: Whether global drift compensation rescales the outputs.
    """

    NAME: ClassVar[str] = "pcm"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    DRIFTS: ClassVar[bool] = True
    DRAWN_ONCE: ClassVar[bool] = True
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    compensate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "prog", "read", "drift")


@family
@dataclass(frozen=True)
class Hermes(Noise):
    """PCM of the IBM HERMES chip (Le Gallo et al., Nat. Electron. 2023): `HermesNoiseModel`.

    Attributes:
        prog: Scale of the programming noise.
        read: Scale of the accumulated read noise.
        drift: Scale of the drift exponents.
        devices: Devices a weight, 1 or 2.
        compensate: Whether global drift compensation rescales the outputs.
    """

    NAME: ClassVar[str] = "hermes"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    DRIFTS: ClassVar[bool] = True
    DRAWN_ONCE: ClassVar[bool] = True
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    devices: int = 2
    compensate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "prog", "read", "drift")
        if self.devices not in (1, 2):
            raise UsageError(f"hermes: devices must be 1 or 2, found {self.devices}")


@family
@dataclass(frozen=True)
class ReramWan2022(Noise):
    """ReRAM after Wan et al. (Nature 2022): aihwkit's `ReRamWan2022NoiseModel`.

    The model is a fit at 1 s, 1 day and 2 days; other drift times do not exist for it.

    Attributes:
        scale: Scale of the noise.
    """

    NAME: ClassVar[str] = "reram_wan2022"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    DRIFTS: ClassVar[bool] = True
    DRAWN_ONCE: ClassVar[bool] = True
    TIMES: ClassVar[tuple[float, ...]] = (1.0, 86_400.0, 172_800.0)
    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "scale")


@family
@dataclass(frozen=True)
class ReramCmo(Noise):
    """Filamentary CMO/HfOx ReRAM (IBM Research Zurich): aihwkit's `ReRamCMONoiseModel`.

    Attributes:
        prog: Scale of the programming noise.
        read: Scale of the read noise.
        drift: Scale of the conductance relaxation.
        acceptance: Acceptance range of program-and-verify, percent of the target: 0.2 or 2.
    """

    NAME: ClassVar[str] = "reram_cmo"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    DRIFTS: ClassVar[bool] = True
    DRAWN_ONCE: ClassVar[bool] = True
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    acceptance: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "prog", "read", "drift")
        if self.acceptance not in (0.2, 2.0):
            raise UsageError(f"reram_cmo: acceptance must be 0.2 or 2, found {self.acceptance:g}")


@family
@dataclass(frozen=True)
class IrDrop(Noise):
    """Voltage drop along the wires of the crossbar.

    On the torch tile the time-dependent model (`TorchInferenceRPUConfigIRDropT`), on the C++ tile
    its own fast approximation (`forward.ir_drop`); the two are different models.

    Attributes:
        scale: Scale of the drop; 1 is the physical default of aihwkit.
    """

    NAME: ClassVar[str] = "ir_drop"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "scale")


@family
@dataclass(frozen=True)
class PcmRead(Noise):
    """PCM read noise drawn at every matrix-vector product: `forward.w_noise` of type PCM_READ.

    Attributes:
        std: Scale of the noise; 0.0175 is the value of `StandardHWATrainingPreset`.
    """

    NAME: ClassVar[str] = "pcm_read"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("cpp",)
    std: float = 0.0175

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "std")


@family
@dataclass(frozen=True)
class SShape(Noise):
    """S-shaped non-linearity of the output: `forward.out_nonlinearity`.

    Attributes:
        strength: aihwkit's `out_nonlinearity`, relative to the output bound.
    """

    NAME: ClassVar[str] = "s_shape"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("cpp",)
    strength: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "strength")


@family
@dataclass(frozen=True)
class Stuck(Noise):
    """Stuck devices, drawn once a chip.

    Attributes:
        p_zero: Share of the weights stuck at 0.
        p_max: Share stuck at the largest magnitude of the tile, with either sign equally likely.
    """

    NAME: ClassVar[str] = "stuck"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    DRAWN_ONCE: ClassVar[bool] = True
    p_zero: float = 0.01
    p_max: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least_zero(self, "p_zero", "p_max")
        if self.p_zero + self.p_max > 1:
            raise UsageError(
                f"stuck: p_zero and p_max are shares, their sum {self.p_zero + self.p_max:g} "
                "is above 1"
            )


@family
@dataclass(frozen=True)
class Preset(Noise):
    """A complete hardware preset, exactly as aihwkit (or this project's variant of it) defines it.

    Attributes:
        name: An inference preset of aihwkit, such as `StandardHWATrainingPreset`, or
            `StandardHWATrainingTorch`, the same without the two terms the torch tile refuses.
    """

    NAME: ClassVar[str] = "preset"
    WHERE: ClassVar[Where] = "tile"
    TILES: ClassVar[tuple[Tile, ...]] = ("torch", "cpp")
    DRIFTS: ClassVar[bool] = True
    DRAWN_ONCE: ClassVar[bool] = True
    name: str = "StandardHWATrainingTorch"


def _at_least_zero(noise: Noise, *names: str) -> None:
    for name in names:
        value = getattr(noise, name)
        if value < 0:
            raise UsageError(f"{noise.NAME}: {name} must be at least 0, found {value:g}")


def _spelt(value: float | int | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _value(
    name: str, key: str, text: str, default: float | int | bool | str
) -> float | int | bool | str:
    kind: Callable[[str], float | int | bool | str] = (
        _yes_or_no if isinstance(default, bool) else type(default)
    )
    try:
        return kind(text)
    except ValueError:
        wanted = {bool: "yes or no", int: "a whole number", float: "a number"}[type(default)]
        raise UsageError(f"{name}: {key} must be {wanted}, found {text!r}") from None


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"
