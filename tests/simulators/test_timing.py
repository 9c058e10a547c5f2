"""The worker that times small pieces of work: what it can do, what it cannot, and its lines."""

from __future__ import annotations

import io
import json
import sys
from contextlib import ExitStack

import pytest

from analog_bench.simulators import timing
from analog_bench.simulators.registry import find_simulator

TILES = [
    find_simulator(tile).label for tile in ("torch", "cpp") if find_simulator(tile).status.usable
]


def test_one_line_a_turn(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n"))
    assert timing.main() == 0
    impossible, *turns = map(json.loads, capsys.readouterr().out.splitlines())
    assert impossible == {}
    assert len(turns) == 2
    for turn in turns:
        assert list(turn) == [
            "digital product",
            *(
                f"{tile}: {name}"
                for tile in TILES
                for name in ("ideal product", "preset's product", "pcm programmed, drifted")
            ),
        ]
        assert min(turn.values()) > 0


def test_work_that_a_release_cannot_do_is_named(monkeypatch):
    monkeypatch.setattr(timing, "_standard", lambda tile: "NoSuchPreset")
    with ExitStack() as stack:
        can, cannot = timing.work(stack)
    assert set(cannot) == {f"{tile}: preset's product" for tile in TILES}
    assert all("NoSuchPreset" in reason for reason in cannot.values())
    assert len(can) == 1 + 2 * len(TILES)


@pytest.mark.parametrize("tile", TILES)
def test_pieces_do_what_their_names_say(tile, monkeypatch):
    drifted = []
    real = timing.on_chip

    def spy(weight, noise, engine, **how):
        drifted.append((noise.NAME, engine, how.get("drift_s")))
        return real(weight, noise, engine, **how)

    monkeypatch.setattr(timing, "on_chip", spy)
    with ExitStack() as stack:
        can, _ = timing.work(stack)
        drifted.clear()
        can[f"{tile}: pcm programmed, drifted"]()
        can[f"{tile}: ideal product"]()
    # A product reads a chip that is there; only the last piece programs one.
    assert [(name, seconds) for name, _, seconds in drifted] == [("pcm", 86_400.0)]
