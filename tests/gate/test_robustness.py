import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy import stats

from analog_bench.gate.robustness_scores import (
    DAY_S,
    MONTH_S,
    SECOND_S,
    a_star,
    digital_at_chance,
    month_change,
    robustness_of,
)
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Metric, Result

F1 = Metric("f1", "points", True, 1.0)
CE = Metric("cross_entropy", "nats", False, 0.02)
SCORES = st.floats(-100, 100).map(lambda score: round(score, 3))
FIRST, DAY, MONTH = (68.0, 66.0, 67.0), (64.0, 62.0, 63.0), (58.0, 57.0, 56.5)


def result(drift_s, scores, metric=F1, **changed):
    chips = tuple(
        Measurement(n, {metric.name: score}, {}, (0.5, float(n)), 1.0)
        for n, score in enumerate(scores)
    )
    made = Result(
        case_id=f"bert/c0@{drift_s:g}", study="layer_noise", model="bert", group="c0",
        noise="pcm:prog=1", drift_s=drift_s, tile="torch", hardware="ideal", variant="direct",
        case_version=1, protocol="p1", weights="w1", seed=7, status="measured", reason="",
        digital={metric.name: 70.0}, chance={metric.name: 10.0}, chips=chips,
    )  # fmt: skip
    return replace(made, **changed)


def drifting(**changed):
    times = ((MONTH_S, MONTH), (SECOND_S, FIRST), (DAY_S, DAY))
    return [result(drift_s, scores, **changed) for drift_s, scores in times]


def test_a_star_by_hand():
    assert a_star(40.0, 70.0, 10.0) == 0.5
    assert a_star(70.0, 70.0, 10.0) == 1.0
    assert a_star(10.0, 70.0, 10.0) == 0.0
    assert a_star(76.0, 70.0, 10.0) == pytest.approx(1.1)
    assert a_star(40.0, 10.0, 10.0) is None
    # Cross-entropy: digital 3.3, guessing ln(50257) = 10.8; lower is better.
    assert a_star(4.05, 3.3, 10.8) == pytest.approx(0.9)


@given(SCORES, SCORES, SCORES, st.floats(-50, 50), st.sampled_from([-4.0, 0.5, 8.0]))
def test_a_star_has_no_unit(score, digital, chance, shift, scale):
    first = a_star(score, digital, chance)
    moved = a_star(*(x * scale + shift for x in (score, digital, chance)))
    if first is None or abs(digital - chance) < 0.01:
        return
    assert moved == pytest.approx(first, rel=1e-6, abs=1e-6)


def test_one_day_by_hand():
    def one_day(*results):
        (scores,) = robustness_of(results, F1)
        return scores.one_day

    first = result(SECOND_S, FIRST)
    assert one_day(result(DAY_S, DAY), first) == mean_interval([62.0, 63.0, 64.0])
    assert one_day(first) is None
    assert one_day(result(DAY_S, ()), first) is None
    assert one_day(result(DAY_S, [60.0])) == Interval(60.0, None)


def test_a_month_is_taken_chip_by_chip():
    scores = {SECOND_S: {0: 68.0, 1: 60.0, 4: 64.0}, MONTH_S: {4: 59.0, 1: 55.0, 0: 62.0, 9: 1.0}}
    found = month_change(scores)
    assert found == mean_interval([-6.0, -5.0, -5.0])
    # Chips 8 points apart, but what they lose is nearly the same.
    assert found.half_width < 2.0
    assert month_change({SECOND_S: {0: 1.0}}) is None
    assert month_change({SECOND_S: {0: 1.0}, MONTH_S: {1: 1.0}}) is None


def test_a_group_by_hand():
    (found,) = robustness_of(drifting(), F1)
    assert (found.metric, found.conditions.group, found.conditions.seed) == ("f1", "c0", 7)
    assert list(found.a_star) == [SECOND_S, DAY_S, MONTH_S]
    day = found.a_star[DAY_S]
    assert day.centre == pytest.approx((63.0 - 10.0) / 60.0)
    assert day.half_width == pytest.approx(mean_interval(DAY).half_width / 60.0)
    assert found.one_day == mean_interval(sorted(DAY))
    assert found.avm == mean_interval(sorted([-10.0, -9.0, -10.5]))


def test_lower_is_better_keeps_its_unit():
    times = [(SECOND_S, (3.4, 3.5)), (MONTH_S, (4.4, 4.7))]
    results = [
        result(t, s, CE, digital={"cross_entropy": 3.3}, chance={"cross_entropy": 10.8})
        for t, s in times
    ]
    (found,) = robustness_of(results, CE)
    assert found.avm.centre == pytest.approx(1.1)
    assert found.a_star[SECOND_S].centre == pytest.approx(1 - 0.15 / 7.5)
    assert found.one_day is None


def test_confirmation_chips_enter_no_score():
    plain = robustness_of(drifting(), F1)
    fresh = [
        replace(
            one, chips=(*one.chips, Measurement(FIRST_CONFIRMATION_CHIP, {"f1": 0.0}, {}, (), 1.0))
        )
        for one in drifting()
    ]
    assert robustness_of(fresh, F1) == plain


@pytest.mark.parametrize(
    "changed",
    [
        *({"seed": 8}, {"study": "other"}, {"model": "other"}, {"group": "c1"}),
        *({"noise": "pcm:prog=2"}, {"tile": "cpp"}, {"hardware": "preset"}, {"variant": "hwa"}),
        *({"protocol": "p2"}, {"weights": "w2"}, {"case_version": 2}),
    ],
)
def test_what_differs_in_more_than_time_never_meets(changed):
    first, second = result(SECOND_S, FIRST), result(MONTH_S, MONTH, **changed)
    found = robustness_of([first, second], F1)
    assert [list(one.a_star) for one in found] == [[SECOND_S], [MONTH_S]]
    assert [one.avm for one in found] == [None, None]
    both = robustness_of([*drifting(), *drifting(**changed)], F1)
    assert len(both) == 2
    assert both[0].avm == both[1].avm == mean_interval(sorted([-10.0, -9.0, -10.5]))


def test_other_hardware_at_the_other_time_has_no_month():
    month, first, day = drifting()
    chips = (replace(month.chips[0], fingerprint=(0.51, 0.0)), *month.chips[1:])
    (found,) = robustness_of([replace(month, chips=chips), first, day], F1)
    assert found.avm is None
    assert found.one_day is not None
    fewer = replace(month, chips=month.chips[1:])
    (found,) = robustness_of([fewer, first, day], F1)
    assert found.avm == mean_interval(sorted([-9.0, -10.5]))


def test_where_a_star_is_not_defined():
    for changed in ({"chance": {}}, {"digital": {}}, {"chance": {"f1": 70.0}}):
        (found,) = robustness_of(drifting(**changed), F1)
        assert found.a_star == {}
        assert found.avm is not None
    # A digital model that is worse than guessing has no scale to place a score on.
    (found,) = robustness_of(drifting(chance={"f1": 80.0}), F1)
    assert found.a_star == {}
    (found,) = robustness_of(drifting(chance={"f1": 80.0}), replace(F1, higher_is_better=False))
    assert found.a_star[DAY_S].centre == pytest.approx(1.7)


def test_what_was_not_measured_is_not_there():
    month, first, day = drifting()
    for broken in (
        replace(day, status="skipped", chips=()),
        replace(day, status="broken"),
        replace(day, chips=()),
        replace(day, chips=(*day.chips, Measurement(3, {"em": 1.0}, {}, (), 1.0))),
        replace(day, chips=(*day.chips, Measurement(3, {"f1": float("nan")}, {}, (), 1.0))),
    ):
        (found,) = robustness_of([month, first, broken], F1)
        assert found.one_day is None
        assert list(found.a_star) == [SECOND_S, MONTH_S]
        assert found.avm is not None
        assert robustness_of([broken], F1) == []
    assert robustness_of([], F1) == []
    assert robustness_of(drifting(), CE) == []


def test_one_chip_has_scores_without_intervals():
    (found,) = robustness_of([result(SECOND_S, [60.0]), result(MONTH_S, [50.0])], F1)
    assert found.avm == Interval(-10.0, None)
    assert found.a_star[MONTH_S] == Interval(pytest.approx(40 / 60), None)


def test_a_result_twice_is_a_mistake():
    with pytest.raises(ValueError, match="bert/c0@1 is among the results twice"):
        robustness_of([result(SECOND_S, FIRST), result(SECOND_S, FIRST)], F1)


CHIPS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=8)


@given(CHIPS, st.randoms(use_true_random=False))
def test_the_order_of_chips_and_results_does_not_matter_to_the_bit(chips, rng):
    first, month = zip(*chips, strict=True)
    results = [result(SECOND_S, first), result(DAY_S, first), result(MONTH_S, month)]
    expected = robustness_of(results, F1)
    shuffled = []
    for one in results:
        measured = list(one.chips)
        rng.shuffle(measured)
        shuffled.append(replace(one, chips=tuple(measured)))
    rng.shuffle(shuffled)
    assert robustness_of(shuffled, F1) == expected


@given(CHIPS, st.floats(-20, 20))
def test_what_all_chips_gain_from_the_start_cancels_in_a_month(chips, gain):
    first, month = (np.array(times) for times in zip(*chips, strict=True))

    def avm(more):
        results = [result(SECOND_S, list(first + more)), result(MONTH_S, list(month + more))]
        return robustness_of(results, F1)[0].avm

    before, after = avm(0.0), avm(gain)
    assert after.centre == pytest.approx(before.centre, abs=1e-9)
    assert after.half_width == pytest.approx(before.half_width, abs=1e-9)
    # A start that differs from chip to chip cancels as well.
    spread = np.linspace(-10, 10, len(first))
    assert avm(spread).half_width == pytest.approx(before.half_width, abs=1e-9)


def test_the_months_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(13)
    hits = 0
    for _ in range(1000):
        start = rng.normal(60, 5, 6)
        end = start - 8 + rng.normal(0, 1, 6)
        low, high = month_change(
            {SECOND_S: dict(enumerate(start)), MONTH_S: dict(enumerate(end))}
        ).bounds
        hits += low <= -8 <= high
    assert abs(hits / 1000 - 0.95) < 0.028


def test_a_digital_model_whose_interval_holds_guessing_has_no_a_star():
    noisy = tuple(40.0 if n == 0 else 0.0 for n in range(8))  # 5 ±11.8
    few = {"digital": {"f1": 5.0}, "chance": {"f1": 2.5}}
    (found,) = robustness_of([result(DAY_S, DAY, **few)], F1)
    assert DAY_S in found.a_star
    guessing = result(DAY_S, DAY, **few, digital_per_example={"f1": noisy})
    half = stats.t.ppf(0.975, 7) * stats.tstd(noisy) / 8**0.5
    assert digital_at_chance(guessing, F1) == (
        "the digital model itself is not known to be better than guessing: F1 5.0 "
        f"±{half:.1f} over examples where guessing has 2.5"
    )
    (found,) = robustness_of([guessing], F1)
    assert found.a_star == {}
    assert found.one_day.centre == pytest.approx(sum(DAY) / 3)
    # Of scores that are no mean over examples, the margin alone decides.
    other = replace(guessing, digital_per_example={"f1": (1.0,) * 8})
    assert digital_at_chance(other, F1) == ""
    sure = replace(guessing, digital={"f1": 45.0}, digital_per_example={"f1": (44.0, 46.0) * 4})
    assert digital_at_chance(sure, F1) == ""
