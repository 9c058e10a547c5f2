"""How much faster are layer studies here than converting the whole model for every layer?

The other side is the procedure of aihwkit's example 24, with the noise in one layer at a time and
all others on perfect tiles. Both sides get the same questions and hardware, and each runs in a
process of its own, preparation included. `bench_sweep_speed` has one chip of every layer on either
side: what replay saves. `bench_precision_speed` goes on until every layer is known to ±1 F1, or
what `--precision-target` says: here chips are added layer by layer, while a fixed number has to do
for the layer that needs most. Run it alone on an idle machine:

    pytest bench/bench_speed.py -s [--examples N]
    pytest bench/bench_speed.py -s -k precision --precision-target 3 --layer "encoder.layer.[05].*"

The second takes minutes, the first without `-k` an hour on two idle cores.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

import pytest
from rich.console import Console
from rich.table import Table

from analog_bench.session.settings import Settings
from analog_bench.study import PrecisionTarget

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


def bench_precision_speed(settings: Settings) -> None:
    examples = settings.examples or EXAMPLES
    target = settings.precision_target or PrecisionTarget(1.0)
    ours = _in_own_process("until_known", examples, target, settings.choice.layers)
    chips = ours["fixed_chips"]
    theirs = _in_own_process("fixed_chips", examples)
    cases = ours["layers"] * (theirs["conversion"] + chips * theirs["chip"])
    together = theirs["preparation"] + cases
    Console().print(
        f"{ours['layers']:.0f} layers, pcm at 1 day, {examples} questions, each until known to "
        f"±{target}, {ours['threads']:.0f} threads\n"
        f"here: {ours['fewest']:.0f} to {ours['most']:.0f} chips a layer, {ours['chips']:.0f} in "
        f"all, {ours['together']:.1f} s; {ours['missed']:.0f} layers not reached\n"
        f"fixed: {chips:.0f} chips a layer, which the layer of the widest spread "
        f"({ours['spread']:.2f} points) needs, {ours['layers'] * chips:.0f} in all, "
        f"{together:.1f} s, scaled from {theirs['measured']:.0f} chips that were measured "
        f"({theirs['chip']:.2f} s each)\n"
        f"ratio: {together / ours['together']:.1f}"
    )
    assert together > ours["together"]


def _in_own_process(side: str, *args: object) -> Mapping[str, float]:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_run, side, *args).result()


def _run(side: str, *args: object) -> dict[str, float]:
    # Not at the top: collection needs neither torch nor aihwkit, and a process that has them
    # loaded would pass its peak memory on to those it starts.
    import speed_sides

    found: dict[str, float] = getattr(speed_sides, side)(*args)
    return found
