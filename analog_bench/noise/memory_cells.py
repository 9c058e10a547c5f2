"""Non-idealities of the memory cells: programming noise, drift, faults."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.errors import UsageError
from analog_bench.noise.noise_family import Noise, family


@family
@dataclass(frozen=True)
class Pcm(Noise):
    """Phase-change memory after Nandakumar et al. (ICECS 2019): aihwkit's `PCMLikeNoiseModel`.

    `prog` scales the programming noise and `drift` the drift exponents, both drawn once per chip.
    `read` scales the accumulated 1/f read noise, drawn once per chip and drift time. Global drift
    compensation (`compensate`) rescales the outputs.
    """

    NAME, WHERE = "pcm", "tile"
    DRIFTS = DRAWN_ONCE = True
    SEVERITY = ("prog", "read", "drift")
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    compensate: bool = True


@family
@dataclass(frozen=True)
class Hermes(Noise):
    """PCM of the IBM HERMES chip (Le Gallo et al., Nat. Electron. 2023): `HermesNoiseModel`.

    The parameters are those of `Pcm`, and `devices`, the number of devices per weight (1 or 2).
    """

    NAME, WHERE = "hermes", "tile"
    DRIFTS = DRAWN_ONCE = True
    SEVERITY = ("prog", "read", "drift")
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    devices: int = 2
    compensate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.devices not in (1, 2):
            raise UsageError(f"hermes: devices must be 1 or 2, found {self.devices}")


@family
@dataclass(frozen=True)
class ReramWan2022(Noise):
    """ReRAM after Wan et al. (Nature 2022): aihwkit's `ReRamWan2022NoiseModel`, times `scale`.

    The model was fitted at 1 s, 1 day and 2 days and is defined at no other drift time.
    """

    NAME, WHERE = "reram_wan2022", "tile"
    DRIFTS = DRAWN_ONCE = True
    TIMES = (1.0, 86_400.0, 172_800.0)
    SEVERITY = ("scale",)
    scale: float = 1.0


@family
@dataclass(frozen=True)
class ReramCmo(Noise):
    """Filamentary CMO/HfOx ReRAM (IBM Research Zurich): aihwkit's `ReRamCMONoiseModel`.

    `prog` scales the programming noise, `read` the read noise and `drift` the conductance
    relaxation. `acceptance` is the acceptance range of program-and-verify in percent of the target:
    0.2 or 2.
    """

    NAME, WHERE = "reram_cmo", "tile"
    DRIFTS = DRAWN_ONCE = True
    SEVERITY = ("prog", "read", "drift")
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    acceptance: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.acceptance not in (0.2, 2.0):
            raise UsageError(f"reram_cmo: acceptance must be 0.2 or 2, found {self.acceptance:g}")


@family
@dataclass(frozen=True)
class Stuck(Noise):
    """Devices stuck from programming on: a share at 0, another at the tile's largest magnitude.

    Both signs of the largest magnitude are equally likely.
    """

    NAME, WHERE = "stuck", "tile"
    DRAWN_ONCE = True
    SEVERITY = ("p_zero", "p_max")
    p_zero: float = 0.01
    p_max: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p_zero + self.p_max > 1:
            raise UsageError(
                f"stuck: p_zero and p_max are shares, their sum "
                f"{self.p_zero + self.p_max:.12g} is above 1"
            )
