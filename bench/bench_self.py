"""Does the gate cry wolf, and does it sleep? The suite checks itself on real tiles.

A/A: forty comparisons of the layer study with itself on different chips of the same hardware must
stay silent. A/B: ten per cent more noise on a sensitive layer must be caught. It takes about half
an hour on two cores; name the file to run it:

    pytest bench/bench_self.py -s [--examples N]
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from analog_bench.noise import OutNoise, Pcm
from analog_bench.session.settings import Settings
from analog_bench.study import Budget

# What `bench_layer_noise.py` affords at the smoke budget.
SMOKE = Budget(chips=3, examples=96)
MORE = Budget(chips=10, examples=96)
COMPARISONS, POOL = 40, 24
# Chosen before the first comparison: a layer in the middle, at a noise that costs it half its F1.
SENSITIVE, STD, REPEATS = "encoder.layer.2.output.dense", 0.4, 10

pytestmark = pytest.mark.on_demand


def asked(budget: Budget, settings: Settings) -> Budget:
    """Return a budget with the number of questions that the run was given, if any."""
    return replace(budget, examples=settings.examples or budget.examples)


def bench_equal_hardware_stays_silent(settings: Settings) -> None:
    import self_sides as sides

    budget = asked(SMOKE, settings)
    runner = sides.runner_of(budget.examples or 0, settings.seed)
    measured = sides.pool(runner, Pcm(), POOL, sides.LAYERS)
    loud = fixed = cases_loud = cases_fixed = again = 0
    for samples in sides.equal_hardware(measured, budget, COMPARISONS, settings.seed):
        regressed = sum(verdict.kind == "regressed" for verdict in sides.judged(samples))
        alarms = sum(map(sides.fixed_rule, samples))
        loud, cases_loud = loud + bool(regressed), cases_loud + regressed
        fixed, cases_fixed = fixed + bool(alarms), cases_fixed + alarms
        again += sum(bool(sample.seen.confirmation_chips) for sample in samples)
    table = Table(title=f"A/A: {COMPARISONS} comparisons of {len(measured)} layers, pcm at 1 day")
    for column in ("rule", "comparisons with an alarm", "alarms"):
        table.add_column(column, justify="left" if column == "rule" else "right")
    table.add_row("the gate", str(loud), str(cases_loud))
    table.add_row(f"mean drop above {sides.FIXED_RULE} F1", str(fixed), str(cases_fixed))
    console = Console()
    console.print(table)
    console.print(
        f"unpaired, {SMOKE.chips} chips a side from {POOL} measured; {again} of "
        f"{COMPARISONS * len(measured)} cases were measured again on {2 * SMOKE.chips} fresh "
        f"chips; {sides.seconds(measured):.2f} s a chip"
    )
    assert loud <= COMPARISONS // 20


def bench_more_noise_is_caught(settings: Settings) -> None:
    import self_sides as sides

    runner = sides.runner_of(asked(SMOKE, settings).examples or 0, settings.seed)
    chips = REPEATS * (len(SMOKE.initial_chips) + len(SMOKE.confirmation_chips))
    before, after = (
        sides.pool(runner, OutNoise(std=std), chips, [SENSITIVE])[0] for std in (STD, 1.1 * STD)
    )
    table = Table(title=f"A/B: out_noise {STD:g} -> {1.1 * STD:g} on {SENSITIVE}")
    for column in (
        "chips",
        "initial + confirmation",
        "caught",
        "chips measured a repeat",
        "s a repeat",
    ):
        table.add_column(column, justify="left" if column == "chips" else "right")
    caught = {}
    for budget, paired in ((SMOKE, True), (SMOKE, False), (MORE, False)):
        budget = asked(budget, settings)
        samples = sides.worse_hardware(after, before, budget, REPEATS, paired, settings.seed)
        verdicts = [sides.judged([sample])[0] for sample in samples]
        caught[budget.chips, paired] = sum(verdict.kind == "regressed" for verdict in verdicts)
        spent = sum(len(sample.seen.chips) for sample in samples) / REPEATS
        table.add_row(
            "paired" if paired else "unpaired",
            f"{budget.chips} + {len(budget.confirmation_chips)}",
            f"{caught[budget.chips, paired]} of {REPEATS}",
            f"{spent:.1f}",
            f"{spent * sides.seconds([after]):.1f}",
        )
    Console().print(table)
    assert caught[SMOKE.chips, True] >= REPEATS - 1
