"""How much faster are layer studies here than with aihwkit's example 24? And two processes?

The other side converts the whole model for every layer, with the noise in one at a time and all
others on perfect tiles. Both sides get the same questions and hardware, and each runs in a process
of its own, preparation included. `sweep` has one chip of every layer on either side: what replay
saves. `precision` has white noise of standard deviation 1 at one layer's outputs, and goes on until
every layer is known to ±1 F1, or what `--precision-target` says: here chips are added layer by
layer, and there a fixed number has to do for the layer that needs most. Its seconds are of CPU.

`--workers 2` should take half as long as one process. Both run the layer study on one thread a
process; a run of one case says what of it is preparation. Run all of it alone on an idle machine:

    pytest bench/bench_speed.py -s [--examples N] [-k workers]
    pytest bench/bench_speed.py -s -k precision --precision-target 3 --layer "encoder.layer.[05].*"
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from analog_bench.session.settings import Settings
from analog_bench.store.run import timeless
from analog_bench.store.run_file import read_run
from analog_bench.study import PrecisionTarget

EXAMPLES, EXAMPLES_OF_MANY_CHIPS = 24, 96

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
    console.print("A chip's pass over all inputs, in digital ones, noise in the first layer:")
    for name, passes in _in_own_process("passes", examples).items():
        console.print(f"  {name}: {passes:.3f}")
    console.print(f"F1 on perfect tiles: {ours['f1']:.2f} and {theirs['f1']:.2f}")
    assert ours["f1"] == pytest.approx(theirs["f1"], abs=1e-9)


def bench_precision_speed(settings: Settings) -> None:
    examples = settings.examples or EXAMPLES_OF_MANY_CHIPS
    target = settings.precision_target or PrecisionTarget(1.0)
    ours = _in_own_process("until_known", examples, target, settings.choice.layers)
    chips = ours["fixed_chips"]
    theirs = _in_own_process("fixed_chips", examples)
    cases = ours["layers"] * (theirs["conversion"] + chips * theirs["chip"])
    together = theirs["preparation"] + cases
    Console().print(
        f"{ours['layers']:.0f} layers, {examples} questions, each until known to "
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


def bench_two_workers(settings: Settings, tmp_path: Path) -> None:
    examples = settings.examples or EXAMPLES_OF_MANY_CHIPS
    one, two = (_layer_study(settings.root, tmp_path, examples, n) for n in (1, 2))
    table = Table(title=f"layer study of bert, {examples} questions, one thread a process")
    for column in ("", "one process", "two workers", "efficiency"):
        table.add_column(column, justify="right" if column else "left")
    for what in ("preparation", "cases", "together"):
        efficiency = f"{one[what] / (2 * two[what]):.2f}"
        table.add_row(f"{what}, s", f"{one[what]:.1f}", f"{two[what]:.1f}", efficiency)
    # Of the processor's time: what waiting for each other and for other programs has no part in.
    work = f"{one['work'] / two['work']:.2f}"
    table.add_row("cases, s of CPU", f"{one['work']:.1f}", f"{two['work']:.1f}", work)
    Console().print(table)
    runs = [read_run(tmp_path / f"{n}.json") for n in (1, 2)]
    same = [[timeless(result) for result in run.results] for run in runs]
    assert same[0] == same[1]


def _layer_study(root: Path, folder: Path, examples: int, processes: int) -> Mapping[str, float]:
    """Run the layer study; return its seconds, and what of them one case of it takes alone."""
    words = ["bench/bench_layer_noise.py", "--model=bert", f"--examples={examples}"]
    words += ["--gate=off", "--report=off", *(["--workers=2"] if processes > 1 else [])]
    alone = [*words, "--layer=qa_outputs", f"--json={folder / f'{processes}-alone.json'}"]
    began, worked = _seconds(root, alone)
    ended, done = _seconds(root, [*words, f"--json={folder / f'{processes}.json'}"])
    return {"preparation": began, "cases": ended - began, "together": ended, "work": done - worked}


def _seconds(root: Path, words: list[str]) -> tuple[float, float]:
    """Run pytest; return its seconds by the clock, and those of all its processes by the CPU."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "pytest", "-q", *words], cwd=root, env=env, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - began, cpu


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
