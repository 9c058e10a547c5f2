"""Time-dependent IR drop of a crossbar in closed form.

aihwkit's `AnalogMVMIRDropT` computes, for every input, device and time slice, the Thevenin
equivalent of each column, and integrates the current over time: 512 x 128 numbers an output and
token, which no whole language model can afford. Its equations allow a short cut without any
approximation. Write x for the input, coded in pulse lengths, G+ and G- for a pair's conductances.
A device pair conducts G+ + G- at all times (high, low or idle), so every Thevenin *resistance* is
constant in time; the Thevenin *voltage* of a segment is

    V(t) = (0.4 sum(G+ + G-) + 0.2 sum((G+ - G-) sign(x) [|x| > t])) / sum(G+ + G-),

linear in the pulses. The charge that a column collects is thus linear in the pulse lengths
h(x) = integral of sign(x) [|x| > t] dt, and one matrix holds all of the IR drop:

    charge = h(x) @ A + b.

Voltages: high 0.6 V, low 0.2 V, idle 0.4 V, as in aihwkit. A test compares with aihwkit's own
class to float precision.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

IDLE_V = 0.4
_SWING_V = 0.2
# aihwkit's own guard against columns without any conductance, in µS.
_TINY = 1e-12


class Wire(NamedTuple):
    """A column's wire: ohms between cells, lumped segments, and the converter's voltage in V."""

    resistance_ohm: float
    segments: int
    v_read: float


def pulse_lengths(x: Tensor, t_max: float, steps: int, *, trapezoidal: bool) -> Tensor:
    """Integrate sign(x) [|x| > t] over time, in time slices, for inputs between -1 and 1.

    The trapezoidal rule over the slices, with the first repeated, counts half a slice too much for
    every pulse. Without it, the slices are summed, which is exact.
    """
    times = torch.linspace(0.0, t_max, steps, device=x.device, dtype=x.dtype)
    on = torch.searchsorted(times, x.abs().contiguous()).to(x.dtype)
    if trapezoidal:
        on = torch.where((on > 0) & (on < steps), on + 0.5, on)
    return on * x.sign()


def column_currents(
    g_plus: Tensor, g_minus: Tensor, wire: Wire, steps: int
) -> tuple[Tensor, Tensor]:
    """Return A (rows, columns) and b (columns,) so that charge = h @ A + b.

    Conductances are in µS, shape (rows, columns); the last row is nearest the converter, and the
    number of rows must be a multiple of the wire's segments.
    """
    rows, columns = g_plus.shape
    per_segment = rows // wire.segments
    both = (g_plus + g_minus).double().view(wire.segments, per_segment, columns).sum(1) + _TINY
    wire_mohm = 1e-6 * wire.resistance_ohm * per_segment
    resistance = 1.0 / both[0]
    # Weight of each segment's voltage in the Thevenin voltage at the end of the column so far.
    shares = torch.zeros_like(both)
    shares[0] = 1.0
    for s in range(1, wire.segments):
        above, here = resistance + wire_mohm, 1.0 / both[s]
        resistance = above * here / (above + here)
        shares[: s + 1] *= resistance / above
        shares[s] = resistance / here
    resistance = resistance + 0.5 * wire_mohm
    per_volt = shares / both / resistance
    swing = _SWING_V * (g_plus - g_minus).double()
    matrix = swing * per_volt.repeat_interleave(per_segment, dim=0)
    idle = IDLE_V * (shares * (both - _TINY) / both).sum(0) - wire.v_read
    return matrix.to(g_plus.dtype), (steps * idle / resistance).to(g_plus.dtype)


def charges(lengths: Tensor, g_plus: Tensor, g_minus: Tensor, wire: Wire, steps: int) -> Tensor:
    """Return the charge that every column collects, in µS V time slices, shape (..., columns).

    Even columns are read at the bottom of the tile, odd ones at the top. Pulse lengths have shape
    (..., rows); see `column_currents`.
    """
    even = torch.arange(g_plus.shape[1], device=g_plus.device) % 2 == 0
    down, idle_down = column_currents(g_plus, g_minus, wire, steps)
    up, idle_up = column_currents(g_plus.flip(0), g_minus.flip(0), wire, steps)
    return lengths @ torch.where(even, down, up.flip(0)) + torch.where(even, idle_down, idle_up)
