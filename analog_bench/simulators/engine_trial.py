"""Try a simulator on a small layer, and report a failure in one line."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import linear

from analog_bench.analog.compatibility import IDEAL, needs_input_ranges
from analog_bench.analog.random_draws import seeded
from analog_bench.analog.tile_protocol import TileSimulator
from analog_bench.noise import Ideal, Noise, Pcm

_CPU = torch.device("cpu")


def try_out(simulator: TileSimulator, *, drifts: bool) -> str:
    """Build, program, drift and read a small layer, with `Pcm` if it `drifts`, else `Ideal`.

    Returns:
        What is wrong with the numbers; empty if they are right.
    """
    noise = Pcm(prog=0.0, read=0.0, compensate=False) if drifts else Ideal()
    with seeded(0, _CPU), torch.no_grad():
        digital = nn.Linear(6, 4)
        x = torch.randn(5, 6)
        tiles = simulator.build(digital, noise, IDEAL, None)
        if not torch.allclose(tiles.module(x), digital(x), atol=1e-5):
            return "an ideal product differs from the digital one"
        tiles.program()
        tiles.drift(86_400.0)
        left = (tiles.module(torch.eye(6)) - digital.bias).T
        if not torch.allclose(tiles.module(x), linear(x, left, digital.bias), atol=1e-5):
            return "a product differs from the programmed weights"
        share = float(left.abs().sum() / digital.weight.abs().sum())
        tiles.release()
        # With drift (86 420 s / 20 s)^-nu, nu between 0.049 and 0.1 and its scatter.
        if not (0.3 < share < 0.75 if drifts else 0.999 < share < 1.001):
            return f"after a day {share:.0%} of the conductance is left"
    return ""


def try_hardware(simulator: TileSimulator, noise: Noise, hardware: str, drift_s: float) -> str:
    """Build, program, drift and read a small layer with a noise on some hardware.

    Returns:
        The simulator's error; empty if it works.
    """
    has_ranges = needs_input_ranges(noise, hardware, simulator)
    with seeded(0, _CPU), torch.no_grad():
        try:
            tiles = simulator.build(nn.Linear(6, 4), noise, hardware, 1.0 if has_ranges else None)
            tiles.program()
            tiles.drift(drift_s)
            tiles.module(torch.randn(5, 6))
            tiles.release()
        except Exception as problem:  # a user's configuration may run a user's code
            return reason_of(problem)
    return ""


def spelt(problem: BaseException) -> str:
    """Return an exception's text in one line, and our line that met an unknown interface.

    If an extension does not load, no line of ours is named, because it is not at fault.
    """
    text = " ".join(str(problem).split()) or type(problem).__name__
    text = text if len(text) <= 160 else f"{text[:157]}..."
    room = Path(__file__).parent
    last = traceback.extract_tb(problem.__traceback__)[-1]
    ours = room in Path(last.filename).parents
    if not ours or not isinstance(problem, (ImportError, AttributeError, TypeError)):
        return text
    return f"{text}, met at simulators/{Path(last.filename).relative_to(room)}:{last.lineno}"


def reason_of(problem: Exception) -> str:
    """Return an exception's class and text in one line: `TypeError: no argument q`."""
    text = " ".join(str(problem).split())
    name = type(problem).__name__
    return f"{name}: {text}" if text else name
