"""Time small pieces of work, a turn per line of input: `python -m analog_bench.simulators.timing`.

To compare two installations, start one such process in each and let them take turns, so that the
machine's other load affects both alike. Once warm, the process prints one line of JSON with the
work it cannot do: name to reason. It answers every line of input with one line of JSON: name to
seconds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from analog_bench.noise import Ideal, Noise, Pcm, Preset
from analog_bench.simulators.engine_trial import reason_of
from analog_bench.simulators.physics.specimen import numbers, on_chip
from analog_bench.simulators.registry import find_simulator, label_of
from analog_bench.simulators.versions import CPP, TORCH

_WIDTH, _VECTORS = 256, 128
_DAY_S = 86_400.0
_TRIES = 7
Piece = Callable[[], object]


def work(stack: ExitStack) -> tuple[dict[str, Piece], dict[str, str]]:
    """Return the work this installation can do, each done once, and reasons for the rest."""
    weight, x = numbers(_WIDTH, _WIDTH), numbers(_VECTORS, _WIDTH)
    digital = nn.Linear(_WIDTH, _WIDTH, bias=False)
    can: dict[str, Piece] = {"digital product": lambda: digital(x)}
    cannot: dict[str, str] = {}
    for tile in (TORCH, CPP):
        if not find_simulator(tile).status.usable:
            continue
        for name, prepare in _of_tile(tile, weight, x, stack).items():
            try:
                piece = prepare()
                piece()
            except Exception as problem:  # aihwkit does not declare what its parts raise
                cannot[f"{label_of(tile)}: {name}"] = reason_of(problem)
            else:
                can[f"{label_of(tile)}: {name}"] = piece
    return can, cannot


def _of_tile(
    tile: str, weight: Tensor, x: Tensor, stack: ExitStack
) -> dict[str, Callable[[], Piece]]:

    def reading(noise: Noise, input_range: float | None = None) -> Piece:
        model, chip = stack.enter_context(on_chip(weight, noise, tile, input_range=input_range))

        def read() -> None:
            with torch.inference_mode(), chip.reading(batch=0):
                model(x)

        return read

    def program() -> None:
        with on_chip(weight, Pcm(), tile, drift_s=_DAY_S):
            pass

    return {
        "ideal product": lambda: reading(Ideal()),
        "preset's product": lambda: reading(Preset(_standard(tile)), input_range=1.0),
        "pcm programmed, drifted": lambda: program,
    }


def _standard(tile: str) -> str:
    """Return an engine's preset with input ranges, as real hardware has."""
    return next(name for name, has_ranges in find_simulator(tile).presets.items() if has_ranges)


def shortest(piece: Piece) -> float:
    """Return the seconds of the shortest of a few tries.

    Other processes, and the caches they fill, can only make a try longer.
    """

    def seconds() -> float:
        started = time.perf_counter()
        piece()
        return time.perf_counter() - started

    return min(seconds() for _ in range(_TRIES))


def main() -> int:
    """Answer lines until the input ends."""
    with ExitStack() as stack:
        pieces, impossible = work(stack)
        print(json.dumps(impossible), flush=True)
        for _ in sys.stdin:
            print(json.dumps({name: shortest(piece) for name, piece in pieces.items()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
