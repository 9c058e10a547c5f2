"""What this environment can do: versions, devices, and whether each tile engine really works."""

from __future__ import annotations

import functools
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.functional import linear

from analog_bench.analog.draws import seeded
from analog_bench.analog.rules import TILE_NAMES
from analog_bench.errors import TileUnavailable
from analog_bench.noise import Tile
from analog_bench.simulators.versions import versions, working_pair

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class TileStatus:
    """Whether a tile engine works here.

    Attributes:
        usable: Whether it does.
        reason: Why not, in one line; empty where it does.
    """

    usable: bool
    reason: str


@dataclass(frozen=True)
class Environment:
    """What results may depend on.

    Attributes:
        versions: Version of `python`, `torch`, `aihwkit`, `transformers`, `datasets`; None where
            not installed.
        devices: `cpu`, and the names of the GPUs.
        threads: Threads that torch computes with.
        torch_tile: Status of the torch tile.
        cpp_tile: Status of the C++ tile.
    """

    versions: dict[str, str | None]
    devices: tuple[str, ...]
    threads: int
    torch_tile: TileStatus
    cpp_tile: TileStatus

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        return {**asdict(self), "devices": list(self.devices)}

    def tile(self, tile: Tile) -> TileStatus:
        """Return a tile engine's status."""
        return self.torch_tile if tile == "torch" else self.cpp_tile


def probe() -> Environment:
    """Look at the environment, and try both tile engines on a small layer.

    Returns:
        The environment. Nothing that aihwkit may throw comes through: it becomes a reason.
    """
    cuda = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return Environment(
        versions=versions(),
        devices=("cpu", *cuda),
        threads=torch.get_num_threads(),
        torch_tile=_tile_status("torch"),
        cpp_tile=_tile_status("cpp"),
    )


def require_tile(tile: Tile, environment: Environment | None = None) -> None:
    """Insist on a tile engine.

    Args:
        tile: The tile engine.
        environment: What `probe` found; without it only this engine is tried, once a process.

    Raises:
        TileUnavailable: It does not work here; the text says why, and what works.
    """
    status = environment.tile(tile) if environment is not None else _tile_status(tile)
    if not status.usable:
        raise TileUnavailable(status.reason)


@functools.lru_cache(maxsize=2)
def _tile_status(tile: Tile) -> TileStatus:
    found = versions()
    if found["aihwkit"] is None:
        return TileStatus(False, f"aihwkit is not installed; install {_advice(found)}")
    name = TILE_NAMES[tile]
    here = f"aihwkit {found['aihwkit']} with torch {found['torch']} on Python {found['python']}"
    try:
        from analog_bench.simulators import aihwkit as kit
    except Exception as problem:  # a broken binary extension may raise anything at all
        wrong = f"{here} does not import ({_one_line(problem)}{_met_at(problem)})"
        return TileStatus(False, f"{wrong}; measured to work: {_advice(found)}")
    try:
        wrong = _try(kit, tile)
    except Exception as problem:  # likewise: what a mismatched extension raises is not declared
        wrong = _one_line(problem) + _met_at(problem)
    if wrong:
        wrong = f"the {name} of {here} fails ({wrong})"
        return TileStatus(False, f"{wrong}; measured to work: {_advice(found)}")
    return TileStatus(True, "")


def _try(kit: Any, tile: Literal["torch", "cpp"]) -> str:
    """Build, program, drift and read a small layer; return what is wrong with the numbers."""
    with seeded(0, _CPU), torch.no_grad():
        digital = nn.Linear(6, 4)
        x = torch.randn(5, 6)
        config = kit.base_config(tile, "ideal")
        config.noise_model = kit.PCMLikeNoiseModel(prog_noise_scale=0.0, read_noise_scale=0.0)
        layer = kit.build(digital, config, None)
        if not torch.allclose(layer(x), digital(x), atol=1e-5):
            return "an ideal product differs from the digital one"
        layer.program_analog_weights()
        layer.drift_analog_weights(86_400.0)
        drifted, bias = layer.get_weights()
        if not torch.allclose(layer(x), linear(x, drifted, bias), atol=1e-5):
            return "a product differs from the programmed weights"
        left = float(drifted.abs().sum() / digital.weight.abs().sum())
        # (86 420 s / 20 s)^-nu, with nu between 0.049 and 0.1 and its scatter.
        if not 0.3 < left < 0.75:
            return f"after a day of drift {left:.0%} of the conductance is left"
    return ""


def _one_line(problem: BaseException) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."


def _met_at(problem: BaseException) -> str:
    """Return where in our door to aihwkit a problem was met: what to mend if it is an interface's.

    An extension that does not load says nothing of our lines, and is not of our making.
    """
    if not isinstance(problem, (ImportError, AttributeError, TypeError)):
        return ""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent.name == "kit"]
    if not ours or frames[-1] is not ours[-1]:
        return ""
    return f", met at analog/kit/{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _advice(found: dict[str, str | None]) -> str:
    return str(working_pair(found["python"] or "3.12"))
