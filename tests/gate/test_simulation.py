"""The fast part of `python -m tests.gate.simulation`: where the gate had been wrong, its power."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.gate.simulation import Design, equivalent_at_margin, false_alarms, found, night

NIGHTS = 100
# Where 5 nights of 100 have a false alarm, more than this many have in one run of 1,000.
MOST = 5 + 3.1 * math.sqrt(5 * 0.95)

COINS = Design(3, 32, paired=False, fresh=True, noise="one coin flip")


@pytest.mark.parametrize(
    "design",
    [
        COINS,
        Design(3, 12, False, True, "three coin flips"),
        Design(3, 96, False, True, "normal"),
        Design(3, 1000, False, False, "normal"),
        Design(10, 12, False, False, "three coin flips"),
        Design(10, 1000, False, False, "rare bad chips"),
        Design(3, 96, True, True, "normal"),
        Design(5, 12, True, False, "rare flips"),
    ],
    ids=str,
)
def test_nothing_changed(design):
    assert 100 * false_alarms(design, NIGHTS, seed=3) <= MOST


@pytest.mark.parametrize("changed", [{}, {"fresh": False}, {"noise": "normal"}], ids=str)
def test_alarms_are_those_of_the_whole_family(changed):
    def alarms(alarms_only):
        rng, lost = np.random.default_rng(2), np.full(20, 4.0)
        design = replace(COINS, **changed)
        nights = [night(design, rng, lost, alarms_only=alarms_only) for _ in range(20)]
        return np.array(nights) == "regressed"

    assert alarms(True).any()
    assert (alarms(True) == alarms(False)).all()


@pytest.mark.parametrize("cases", [1, 2])
def test_small_families(cases):
    alarms = false_alarms(COINS, 30 * NIGHTS // cases, seed=4, cases=cases)
    assert alarms <= 0.05


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("chips", "questions"), [(3, 12), (3, 32), (5, 32), (10, 32), (3, 96)])
@pytest.mark.parametrize("lost_by", [1, 50])
def test_a_loss_of_the_margin_is_seldom_called_equivalent(chips, questions, paired, lost_by):
    design = Design(chips, questions, paired, True, "no flips", lost_by)
    assert equivalent_at_margin(design, 10, seed=5) <= 0.05 + 3.1 * math.sqrt(0.05 * 0.95 / 530)


@pytest.mark.parametrize(
    ("design", "drop", "least"),
    [
        (Design(3, 1000, True, True, "normal"), 4.0, 0.6),
        (Design(10, 1000, True, True, "normal"), 3.0, 0.95),
        (Design(10, 1000, True, False, "normal"), 4.0, 0.9),
        (Design(10, 1000, False, True, "normal"), 4.0, 0.95),
        (Design(10, 1000, False, False, "normal"), 4.0, 0.85),
    ],
    ids=str,
)
def test_real_losses_are_found(design, drop, least):
    assert found(design, 40, seed=6, drop=drop) >= least
