"""How much faster is replay than converting the whole model for every layer?

The whole model's side is the procedure of aihwkit's example 24, with the noise in one layer at a
time and all others on perfect tiles. Both sides get the same questions, cases and hardware, and
each runs in a process of its own, preparation included. Run it alone on an idle machine:

    pytest bench/bench_speed.py -s [--examples N]
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

import pytest
from rich.console import Console
from rich.table import Table

from analog_bench.session.settings import Settings

EXAMPLES = 24

pytestmark = pytest.mark.on_demand


def bench_sweep_speed(settings: Settings) -> None:
    examples = settings.examples or EXAMPLES
    ours, theirs = (_in_own_process(side, examples) for side in ("replay", "whole_model"))
    table = Table(title=f"pcm at 1 day, one layer at a time, {examples} questions")
    for column in ("", "replay", "whole model", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    for what, unit in (("preparation", "s"), ("cases", "s"), ("together", "s"), ("peak", "MiB")):
        a, b = ours[what], theirs[what]
        table.add_row(f"{what}, {unit}", f"{a:.2f}", f"{b:.2f}", f"{b / a:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"{ours['layers']:.0f} layers, {ours['threads']:.0f} threads; of the whole model's cases "
        f"{theirs['layers']:.0f} were measured, spread over the depth, and scaled: they all cost "
        "the same."
    )
    for noise in ("white_weight", "white_output"):
        console.print(f"{noise} at the first layer: {ours[noise]:.3f} of a digital forward pass")
    console.print(f"F1 on perfect tiles: {ours['f1']:.2f} and {theirs['f1']:.2f}")
    assert ours["f1"] == pytest.approx(theirs["f1"], abs=1e-9)


def _in_own_process(side: str, examples: int) -> Mapping[str, float]:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_run, side, examples).result()


def _run(side: str, examples: int) -> dict[str, float]:
    # Not at the top: collection needs neither torch nor aihwkit, and a process that has them
    # loaded would pass its peak memory on to those it starts.
    import speed_sides

    found: dict[str, float] = getattr(speed_sides, side)(examples)
    return found
