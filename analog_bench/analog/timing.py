"""Times small pieces of work, one turn a line of input: `python -m analog_bench.analog.timing`.

Whoever compares two installations starts one such process in each and lets them take turns, so
that what else the machine does falls on both alike. Every line read is answered with one line of
JSON: name of the work to seconds, and before the first an empty object once all is warm.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import get_args

import torch
from torch import nn

from analog_bench.analog.physics.specimen import numbers, on_chip
from analog_bench.analog.probe import probe
from analog_bench.analog.rules import TORCH_VARIANT
from analog_bench.noise import Ideal, Noise, Pcm, Preset, Tile

_WIDTH, _VECTORS = 256, 128
_DAY_S = 86_400.0
Work = dict[str, Callable[[], object]]


def work(stack: ExitStack) -> Work:
    """Return the pieces of work that this installation can do, by name.

    Args:
        stack: Keeps the chips until it is closed.
    """
    weight, x = numbers(_WIDTH, _WIDTH), numbers(_VECTORS, _WIDTH)
    digital = nn.Linear(_WIDTH, _WIDTH, bias=False)
    found: Work = {"digital product": lambda: digital(x)}
    here = probe()
    for tile in get_args(Tile):
        if here.tile(tile).usable:
            found |= dict(_of_tile(tile, weight, x, stack))
    return found


def _of_tile(
    tile: Tile, weight: torch.Tensor, x: torch.Tensor, stack: ExitStack
) -> Iterator[tuple[str, Callable[[], object]]]:
    on = "torch tile" if tile == "torch" else "C++ tile"
    preset = Preset(TORCH_VARIANT if tile == "torch" else "StandardHWATrainingPreset")
    noises: dict[str, tuple[Noise, float | None]] = {
        "ideal product": (Ideal(), None),
        "product of the preset": (preset, 1.0),
    }
    for name, (noise, input_range) in noises.items():
        model, chip = stack.enter_context(on_chip(weight, noise, tile, input_range=input_range))

        def read(model: nn.Module = model, chip: object = chip) -> None:
            with torch.inference_mode(), chip.reading(batch=0):  # type: ignore[attr-defined]
                model(x)

        yield f"{on}: {name}", read

    def program() -> None:
        with on_chip(weight, Pcm(), tile, drift_s=_DAY_S):
            pass

    yield f"{on}: programming and drift of pcm", program


def main() -> int:
    """Answer lines until there are none."""
    with ExitStack() as stack:
        pieces = work(stack)
        for piece in pieces.values():
            piece()
        print("{}", flush=True)
        for _ in sys.stdin:
            seconds = {}
            for name, piece in pieces.items():
                started = time.perf_counter()
                piece()
                seconds[name] = time.perf_counter() - started
            print(json.dumps(seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
