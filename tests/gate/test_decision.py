"""The rule itself: by simulation, and by what must hold whatever the numbers are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analog_bench.gate.decision_rule import LEVEL, Gains, decide, suspicion
from analog_bench.gate.significance import (
    Effect,
    benjamini_hochberg,
    p_below,
    paired_effect,
    welch_effect,
)

CASES, REAL, DROP = 300, 6, 1.5
CHIPS, SPREAD, THRESHOLD = 10, 1.0, 0.5
NIGHTS = 25
DROPS = np.zeros(CASES)
DROPS[:REAL] = DROP


def a_night(rng, common_random_numbers):
    """Return a night's gains in 300 cases of which six lost 1.5 points, ten chips each."""
    family = []
    for drop in DROPS:
        effects = []
        for chips in (CHIPS, 2 * CHIPS):
            old = rng.normal(0.0, SPREAD, chips)
            if common_random_numbers:
                # The same chips: an unchanged case gives the very same numbers.
                change = -drop * rng.normal(1.0, 0.2, chips)
                effects.append(paired_effect(list(change)))
            else:
                effects.append(welch_effect(list(rng.normal(-drop, SPREAD, chips)), list(old)))
        family.append(Gains(effects[0], effects[1], THRESHOLD))
    return family


def alarms(found):
    """Return false alarms and real drops found."""
    found = np.asarray(found)
    return int(found[REAL:].sum()), int(found[:REAL].sum())


RULES = {
    "mean drop above 0.5": lambda night: [n.initial.change < -THRESHOLD for n in night],
    "and p < .05": lambda night: [
        n.initial.change < -THRESHOLD and p_below(n.initial, 0.0) < 0.05 for n in night
    ],
    "Benjamini-Hochberg alone": lambda night: [
        n.initial.change < -THRESHOLD and p <= 0.05
        for n, p in zip(
            night, benjamini_hochberg([p_below(n.initial, 0.0) for n in night]), strict=True
        )
    ],
    "screen, then confirm": lambda night: [d.outcome == "regressed" for d in decide(night)],
}


@pytest.fixture(scope="module")
def unpaired_nights():
    rng = np.random.default_rng(20261123)
    return [a_night(rng, common_random_numbers=False) for _ in range(NIGHTS)]


@pytest.mark.parametrize(
    ("rule", "false_alarms", "found"),
    [
        ("mean drop above 0.5", (34, 42), (5.8, 6)),
        ("and p < .05", (11, 17), (5.3, 6)),
        ("Benjamini-Hochberg alone", (0, 0.6), (0.5, 4)),
        ("screen, then confirm", (0, 0.5), (5.2, 6)),
    ],
)
def test_three_hundred_cases_with_six_real_drops(unpaired_nights, rule, false_alarms, found):
    counts = np.mean([alarms(RULES[rule](night)) for night in unpaired_nights], axis=0)
    assert false_alarms[0] <= counts[0] <= false_alarms[1]
    assert found[0] <= counts[1] <= found[1]


def test_common_random_numbers_find_all_and_nothing_else():
    rng = np.random.default_rng(7)
    nights = [a_night(rng, common_random_numbers=True) for _ in range(5)]
    assert [alarms(RULES["screen, then confirm"](night)) for night in nights] == [(0, 6)] * 5


def test_an_unchanged_family_stays_silent():
    rng = np.random.default_rng(8)
    loud = 0
    for _ in range(100):
        family = [
            Gains(
                welch_effect(list(rng.normal(0, 2, 3)), list(rng.normal(0, 2, 3))),
                welch_effect(list(rng.normal(0, 2, 6)), list(rng.normal(0, 2, 6))),
                1.0,
            )
            for _ in range(50)
        ]
        loud += any(decision.outcome == "regressed" for decision in decide(family))
    # False discoveries among what is looked at again: 5 % of the nights, and some luck.
    assert loud <= 11


EFFECTS = st.builds(
    Effect, st.floats(-20, 20), st.one_of(st.none(), st.just(0.0), st.floats(1e-3, 9)),
    st.integers(1, 30).map(float),
)  # fmt: skip
GAINS = st.builds(Gains, EFFECTS, st.one_of(st.none(), EFFECTS), st.floats(0.01, 5))


@given(st.lists(GAINS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_cases_does_not_matter(family, rng):
    order = list(range(len(family)))
    rng.shuffle(order)
    decided = decide(family)
    assert decide([family[n] for n in order]) == [decided[n] for n in order]


@given(st.lists(GAINS, max_size=8), EFFECTS, st.floats(0.01, 5))
def test_no_change_is_never_regressed(others, effect, margin):
    still = replace(effect, change=0.0)
    for second in (None, still):
        found = decide([*others, Gains(still, second, margin)])[-1]
        assert found.outcome in ("equivalent", "inconclusive")


@given(st.lists(GAINS, max_size=8), GAINS, st.floats(0, 30))
def test_a_larger_drop_is_never_judged_better(others, gains, more):
    def drop(effect):
        return None if effect is None else replace(effect, change=effect.change - more)

    worse = Gains(drop(gains.initial), drop(gains.confirmation), gains.margin)
    before = decide([*others, gains])[-1].outcome
    after = decide([*others, worse])[-1].outcome
    if before == "regressed":
        assert after == "regressed"
    if after == "improved":
        # Confirmation chips that were not needed before may say anything once they are.
        assume(suspicion(gains.initial, gains.margin) == suspicion(worse.initial, worse.margin))
        assert before == "improved"


@given(st.lists(GAINS, min_size=1, max_size=12))
def test_what_is_regressed_is_beyond_its_margin_and_significant(family):
    for gains, decision in zip(family, decide(family), strict=True):
        if decision.outcome == "regressed":
            assert gains.deciding.change < -gains.margin
            assert decision.p <= LEVEL
            assert p_below(gains.deciding, 0.0) <= LEVEL
        if decision.outcome == "equivalent":
            assert abs(gains.deciding.change) < gains.margin


def test_what_shares_chips_with_the_first_look_counts_all_cases():
    """A stored set that came out high by luck is as high when it is compared again."""
    lost = Effect(-3.0, 0.9, 8.0)
    still = Gains(Effect(0.1, 0.9, 4.0), None, 1.0)
    independent = Gains(Effect(-3.0, 0.9, 4.0), lost, 1.0)
    family = [still] * 19
    fresh = decide([independent, *family])[0]
    shared = decide([replace(independent, independent=False), *family])[0]
    assert (fresh.outcome, shared.outcome) == ("regressed", "inconclusive")
    assert fresh.p == pytest.approx(p_below(lost, 0.0))
    assert shared.p == pytest.approx(20 * fresh.p)


def test_what_was_picked_by_its_own_chips_is_not_called_equivalent():
    inside = Gains(Effect(-1.5, 0.3, 9.0), Effect(0.0, 0.1, 9.0), 1.0)
    assert decide([inside])[0].outcome == "equivalent"
    assert decide([replace(inside, independent=False)])[0].outcome == "inconclusive"
