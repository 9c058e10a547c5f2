"""Probe this environment: versions, devices, and which simulators really work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from analog_bench.simulators.protocol import TileStatus
from analog_bench.simulators.registry import simulators
from analog_bench.simulators.versions import versions


@dataclass(frozen=True)
class Environment:
    """The parts of the environment that results may depend on.

    `versions` holds those of `python`, `torch`, `aihwkit`, `transformers` and `datasets`, None if
    not installed. `threads` is torch's number. `tiles` omits optional simulators that are not
    installed.
    """

    versions: dict[str, str | None]
    devices: tuple[str, ...]
    threads: int
    tiles: Mapping[str, TileStatus]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        return {**asdict(self), "devices": list(self.devices)}


def probe() -> Environment:
    """Inspect the environment, and try every simulator on a small layer."""
    cuda = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return Environment(
        versions=versions(),
        devices=("cpu", *cuda),
        threads=torch.get_num_threads(),
        tiles={
            name: simulator.status
            for name, simulator in simulators().items()
            if simulator.installed or not simulator.optional
        },
    )
