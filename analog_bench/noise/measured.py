"""A noise family made of measured devices: the user's own table."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.errors import UsageError
from analog_bench.noise.device_table import DeviceTable, device_table, load_device_table
from analog_bench.noise.noise_family import Noise, family

# The logarithms of 1/f noise need a time well above that of a read.
_SHORTEST_T0_S = 1e-6


@family
@dataclass(frozen=True)
class Measured(Noise):
    """Devices as a table has them (`noise.device_table`), interpolated linearly between its rows.

    A weight is a pair of devices (aihwkit's `SinglePairConductanceConverter`). The table's lowest
    conductance stands for 0, its highest, g_max, for the largest weight of an output, so that
    nothing is extrapolated. With g a device's target:

    - programming: g_prog = g + N(0, (prog · sigma(g))²), at least 0;
    - drift after t seconds: g_prog ((t + t0)/t0)^−ν with ν = drift · |N(nu_mean(g), nu_std(g)²)|,
      or g_prog · factor(t)^drift, between rows of time_s in ln t;
    - reads: N(0, (read · r)²) is added, once a chip and drift time, with r = read_sigma(g_prog) ·
      g_t/g_prog · √(ln((t + t0 + t_r)/(2 t_r)) / ln((t0 + t_r)/(2 t_r))), t_r = 250 ns: 1/f noise
      in proportion to the conductance left, as large as in the table at time 0.

    `prog`, `read` and `drift` scale the table's; `t0` is the time in seconds from programming to
    the measurement that drift counts from, and time 0. Global drift compensation (`compensate`)
    rescales the outputs, as for `Pcm`. Conductances beyond the table's, which programming noise
    reaches, have the read noise of its nearest row.
    """

    NAME, WHERE = "measured", "tile"
    DRIFTS = DRAWN_ONCE = True
    SEVERITY = ("prog", "read", "drift")
    file: str = ""
    prog: float = 1.0
    read: float = 1.0
    drift: float = 1.0
    t0: float = 20.0
    compensate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.t0 < _SHORTEST_T0_S:
            raise UsageError(
                f"{self.NAME}: t0 must be at least {_SHORTEST_T0_S:g} s, found {self.t0:g}"
            )
        # Results name the table, not where it was; and the times change nothing in some.
        object.__setattr__(self, "file", load_device_table(self.file))
        known = device_table(self.file)
        object.__setattr__(self, "DRIFTS", known is None or known.depends_on_time)

    @property
    def table(self) -> DeviceTable:
        """The table; `UsageError` where none is named, or its file was not read here."""
        table = device_table(self.file)
        if table is None:
            what = (
                f"the device table {self.file} is not at hand" if self.file else "no device table"
            )
            raise UsageError(f"{self.NAME}: {what}; name its file: {self.NAME}:FILE.csv")
        return table
