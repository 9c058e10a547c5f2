"""What a term costs is a difference on the same chip, and its interval that of the differences."""

import pytest
from msgspec.structs import replace

from analog_bench.gate.hardware_steps import waterfalls
from analog_bench.gate.significance import mean_interval
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Metric
from tests.waterfall import LOST, NATS, TERMS, steps

F1 = Metric("f1", "points", True, 1.0)


def test_each_step_is_what_its_term_adds_chip_by_chip():
    (found,) = waterfalls(steps("direct"), F1)
    assert (found.hardware, found.terms) == ("Hard", ("mapping", "drift+read", "input_range"))
    for n, step in enumerate(found.steps["direct"]):
        assert step.loss == mean_interval(LOST["direct"][n])
        before = LOST["direct"][n - 1] if n else (0.0, 0.0, 0.0)
        differences = [a - b for a, b in zip(LOST["direct"][n], before, strict=True)]
        assert step.added.centre == pytest.approx(mean_interval(differences).centre)
        assert step.added.half_width == pytest.approx(mean_interval(differences).half_width)
    # Chips differ by ten points and agree on what the range takes, to a point.
    assert found.steps["direct"][2].loss.half_width > 10 > 3 > step.added.half_width
    assert sum(step.added.centre for step in found.steps["direct"]) == pytest.approx(
        found.steps["direct"][-1].loss.centre
    )


def test_more_is_worse_also_where_lower_scores_are_better():
    (found,) = waterfalls(steps("direct", NATS), NATS)
    assert [round(step.added.centre, 9) for step in found.steps["direct"]] == [0.0, 11.0, 7.0]


def test_direct_weights_stand_for_calibrated_ones_where_there_are_no_ranges():
    calibrated = [r for r in steps("calibrated") if "input_range" in r.noise]
    (found,) = waterfalls([*steps("direct"), *calibrated], F1)
    assert found.stands_in
    assert [step.result.variant for step in found.steps["calibrated"]] == [
        *("direct", "direct", "calibrated")
    ]
    direct, own = (found.steps[variant] for variant in ("direct", "calibrated"))
    assert own[:2] == direct[:2]
    assert own[2].added.centre == pytest.approx(2.0)
    assert len(found.measured) == 4
    (alone,) = waterfalls([*steps("hwa"), *calibrated], F1)
    assert alone.steps["calibrated"][:2] == (None, None)
    # Nothing was measured before it.
    assert alone.steps["calibrated"][2].added is None
    assert not alone.stands_in


def test_other_chips_are_no_pairs():
    first, second, third = steps("direct")
    fewer = [first, second, replace(third, chips=third.chips[:2])]
    (found,) = waterfalls(fewer, F1)
    assert found.steps["direct"][1].added is not None
    assert found.steps["direct"][2].added is None
    confirmed = Measurement(FIRST_CONFIRMATION_CHIP, {"f1": 0.0}, {}, (), 1.0)
    more = replace(third, chips=(*third.chips, confirmed))
    (same,) = waterfalls([first, second, more], F1)
    assert [step.loss for step in same.steps["direct"]] == [
        mean_interval(lost) for lost in LOST["direct"]
    ]


@pytest.mark.parametrize(
    "changed", ["seed", "protocol", "drift_s", "tile", "group", "case_version"]
)
def test_what_differs_in_more_than_terms_is_no_step(changed):
    one, other = steps("direct")[:2]
    value = {"seed": 8, "drift_s": 1.0, "case_version": 2}.get(changed, "another")
    assert waterfalls([one, replace(other, **{changed: value})], F1) == []


@pytest.mark.parametrize(
    "terms",
    [
        ("mapping+drift", "mapping+read"),
        ("mapping+drift+read", "mapping+dac", "mapping+drift+read+input_range+dac"),
        ("mapping",),
    ],
)
def test_terms_that_are_no_chain_are_no_waterfall(terms):
    assert waterfalls(steps("direct", terms=terms), F1) == []


def test_whole_presets_and_other_noises_are_left_out():
    others = ("preset:name=Hard", "pcm:prog=1", "a,terms=b")
    whole = [replace(r, noise=n) for r, n in zip(steps("direct"), others, strict=True)]
    assert waterfalls(whole, F1) == []
    assert len(waterfalls([*whole, *steps("direct")], F1)) == 1


def test_one_case_twice_is_a_mistake():
    with pytest.raises(ValueError, match=f"{TERMS[0]}.* is among the results twice"):
        waterfalls([steps("direct")[0]] * 2, F1)
