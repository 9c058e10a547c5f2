"""A noise family made from the user's own table of measured devices."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.errors import UsageError
from analog_bench.noise.device_table import DeviceTable, device_table, load_device_table
from analog_bench.noise.noise_family import Noise, family

# The logarithms of 1/f noise need a time well above the duration of a read.
_SHORTEST_T0_S = 1e-6


@family
@dataclass(frozen=True)
class Measured(Noise):
    """Devices measured in a table (`noise.device_table`), interpolated linearly between rows.

    A weight is a pair of devices (aihwkit's `SinglePairConductanceConverter`). The lowest
    conductance of the table represents 0, and the highest, g_max, the largest weight of an output,
    so nothing is extrapolated. With g the target conductance of a device:

    - programming: g_prog = g + N(0, (prog · sigma(g))²), at least 0;
    - drift after t seconds: g_prog ((t + t0)/t0)^−ν with ν = drift · |N(nu_mean(g), nu_std(g)²)|,
      or g_prog · factor(t)^drift, interpolated in ln t between rows of time_s;
    - reads: N(0, (read · r)²) is added once per chip and drift time, with r = read_sigma(g_prog) ·
      g_t/g_prog · √(ln((t + t0 + t_r)/(2 t_r)) / ln((t0 + t_r)/(2 t_r))), t_r = 250 ns. This is
      1/f noise in proportion to the conductance left, and equals the table's value at time 0.

    `prog`, `read` and `drift` scale the values of the table. `t0` is the time in seconds between
    programming and the measurement from which drift and time 0 count. Global drift compensation
    (`compensate`) rescales the outputs, as for `Pcm`. Programming noise may take a conductance
    outside the table; it then has the read noise of the nearest row.
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
        # Results name the table by its content, not its path. Not every table depends on time.
        object.__setattr__(self, "file", load_device_table(self.file))
        known = device_table(self.file)
        object.__setattr__(self, "DRIFTS", known is None or known.depends_on_time)

    @property
    def table(self) -> DeviceTable:
        """The table of this noise.

        Raises:
            UsageError: No table is named, or its file has not been read in this process.
        """
        table = device_table(self.file)
        if table is None:
            what = (
                f"the device table {self.file} is not at hand" if self.file else "no device table"
            )
            raise UsageError(f"{self.NAME}: {what}; name its file: {self.NAME}:FILE.csv")
        return table
