"""What adds up, what is expected of noisy losses, and how far a prediction can be trusted."""

import math
from dataclasses import replace
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from scipy import integrate, stats

from analog_bench.planning.loss_prediction import Scale, Strains, expected, fit, strains_of

LAYERS = [f"layer.{n}" for n in range(12)]
SCALE = Scale(reach=60.0)


def plan_of(analog):
    return {layer: "analog" if layer in analog else "digital" for layer in LAYERS}


def drawn_strains(rng):
    drawn = rng.exponential(0.02, len(LAYERS))
    return Strains({(layer, "analog"): x for layer, x in zip(LAYERS, drawn, strict=True)}, {})


@pytest.mark.parametrize("loss", [-2.0, 0.0, 0.01, 5.0, 59.0])
def test_a_loss_comes_back(loss):
    assert SCALE.loss(SCALE.strain(loss)) == pytest.approx(loss, abs=1e-12)


def test_small_losses_add_up_and_none_exceeds_guessing():
    assert SCALE.loss(SCALE.strain(0.01) + SCALE.strain(0.02)) == pytest.approx(0.03, rel=1e-3)
    assert SCALE.loss(10 * SCALE.strain(40.0)) < 60.0
    # Two halves leave a quarter.
    assert SCALE.loss(2 * SCALE.strain(30.0)) == pytest.approx(45.0)
    assert math.isfinite(SCALE.strain(75.0))


def test_what_is_expected_is_the_mean_of_the_posterior():
    measured = {"a": [0.3, 0.5, 0.1], "b": [-0.2, 0.1, 0.0], "c": [2.0, 2.2, 1.9]}
    found = expected(measured)
    prior = fmean(fmean(values) for values in measured.values())
    usual = sorted(np.var(values, ddof=1) for values in measured.values())[1]
    for name, values in measured.items():
        error = math.sqrt(max(np.var(values, ddof=1), usual) / 3)

        def density(x, seen=values, error=error):
            return stats.expon.pdf(x, scale=prior) * stats.norm.pdf(x, fmean(seen), error)

        whole = integrate.quad(density, 0, 10, points=[0.2, 2.0])[0]
        mean = integrate.quad(lambda x, d=density: x * d(x), 0, 10, points=[0.2, 2.0])[0] / whole
        assert found[name] == pytest.approx(mean, rel=1e-4)
    assert 0 < found["b"] < found["a"] < found["c"]


def test_the_cheapest_of_noisy_layers_are_not_taken_for_what_they_seem():
    """Of 200 layers on three chips: the sum over the 100 that seem the least, against the truth."""
    rng = np.random.default_rng(3)
    truth = rng.exponential(1.0, 200)
    chips = truth[:, np.newaxis] + rng.normal(0, 1.5, (200, 3))
    least = np.argsort(chips.mean(1))[:100]
    found = expected(dict(enumerate(chips)))
    real = truth[least].sum()
    assert chips.mean(1)[least].sum() < 0.5 * real
    assert sum(found[n] for n in least) == pytest.approx(real, rel=0.15)


def test_layers_without_spread_are_taken_at_their_word():
    scale = Scale(1.0)
    strains = strains_of(
        scale, {("a", "int8"): [0.1], ("b", "int8"): [-0.1], ("a", "analog"): [0.2, 0.2]}
    )
    assert strains.own["a", "int8"] == pytest.approx(scale.strain(0.1))
    assert strains.own["b", "int8"] == 0
    assert strains.own["a", "analog"] == pytest.approx(scale.strain(0.2))


def test_nothing_lost_is_nothing_expected():
    assert expected({"a": [0.0, 0.0], "b": [-0.1, 0.0]}) == {"a": 0.0, "b": 0.0}
    assert expected({}) == {}


def test_pairs_count_where_both_are_on_tiles():
    alone = {("a", "analog"): [0.1, 0.1], ("b", "analog"): [0.2, 0.2], ("b", "int8"): [0.05]}
    scale = Scale(1.0)
    strains = strains_of(scale, alone, {("a", "b"): [0.4, 0.4]})
    assert strains.total({"a": "analog", "b": "analog"}) == pytest.approx(scale.strain(0.4))
    assert strains.total({"a": "analog", "b": "int8"}) == pytest.approx(
        scale.strain(0.1) + scale.strain(0.05)
    )
    assert strains.total({"a": "digital", "b": "digital"}) == 0


def test_the_slope_is_found_and_the_interval_holds_what_it_promises():
    rng = np.random.default_rng(7)
    strains, plans = drawn_strains(rng), [plan_of(some) for some in combinations(LAYERS, 5)]
    hits, slopes = [], []
    for _ in range(400):
        drawn = [plans[n] for n in rng.choice(len(plans), 9, replace=False)]

        def measured(plan):
            x = strains.total(plan)
            return (SCALE.loss(1.3 * x + 0.05 * math.sqrt(x) * rng.normal()),)

        predictor = fit(SCALE, strains, [(plan, measured(plan)) for plan in drawn[:8]])
        low, high = predictor.interval(drawn[8], 1)
        hits.append(low <= measured(drawn[8])[0] <= high)
        slopes.append(predictor.slope)
        assert low < predictor.loss(drawn[8]) < high
    assert fmean(slopes) == pytest.approx(1.3, rel=0.02)
    assert 0.92 <= fmean(hits) <= 0.98


def test_fresh_chips_lose_more_or_less_than_those_that_were_fitted():
    rng = np.random.default_rng(8)
    strains, plans = drawn_strains(rng), [plan_of(some) for some in combinations(LAYERS, 5)]
    hits, blind = [], []
    for _ in range(400):
        drawn = [plans[n] for n in rng.choice(len(plans), 9, replace=False)]

        def measured(plan, slopes):
            x = strains.total(plan)
            both = 0.01 * math.sqrt(x) * rng.normal()
            each = 0.01 * math.sqrt(x) * rng.normal(size=len(slopes))
            return tuple(SCALE.loss(y) for y in slopes * x + both + each)

        fitted, fresh = rng.normal(1.3, 0.15, 3), rng.normal(1.3, 0.15, 5)
        predictor = fit(SCALE, strains, [(plan, measured(plan, fitted)) for plan in drawn[:8]])
        loss = fmean(measured(drawn[8], fresh))
        low, high = predictor.interval(drawn[8], 5)
        hits.append(low <= loss <= high)
        low, high = replace(predictor, chip_slopes=(1.3,)).interval(drawn[8], 5)
        blind.append(low <= loss <= high)
    assert 0.92 <= fmean(hits) <= 0.99
    assert fmean(blind) < 0.75


def test_integers_are_the_same_on_all_chips():
    hows = {"layer.0": "analog", "layer.1": "int8"}
    strains = Strains(dict.fromkeys(hows.items(), 0.1), {})
    on_tiles, rounded = (
        dict.fromkeys(LAYERS, "digital") | {layer: how} for layer, how in hows.items()
    )
    measured = [(on_tiles, (4.0, 6.0, 8.0)), (rounded, (5.0,))] * 4
    predictor = fit(SCALE, strains, measured)
    assert predictor.chip_slopes == pytest.approx(
        [(SCALE.strain(loss) + SCALE.strain(5.0)) / 0.2 for loss in (4.0, 6.0, 8.0)]
    )
    (low, high), (least, most) = (predictor.interval(plan, 2) for plan in (on_tiles, rounded))
    assert low < least < most < high
    alone = replace(predictor, chip_slopes=predictor.chip_slopes[:1])
    assert alone.interval(on_tiles, 2) == pytest.approx((least, most))


def test_room_is_where_the_loss_is_reached():
    strains = Strains({("layer.0", "analog"): 0.1, ("layer.1", "analog"): 0.2}, {})
    one, both = plan_of(LAYERS[:1]), plan_of(LAYERS[:2])
    predictor = fit(SCALE, strains, [(one, (4.0,)), (both, (15.0,))])
    assert predictor.room(predictor.loss(both)) == pytest.approx(0.3)
    assert predictor.slope == pytest.approx((SCALE.strain(4.0) + SCALE.strain(15.0)) / 0.4)


def test_without_plans_the_slope_is_one_and_nothing_is_promised():
    strains = Strains({("layer.0", "analog"): 0.1}, {})
    for measured in ([], [(plan_of([]), (3.0,))]):
        predictor = fit(SCALE, strains, measured)
        assert (predictor.slope, predictor.interval(plan_of(LAYERS), 3)) == (1.0, None)


def test_what_fits_plans_better_has_the_smaller_misfit():
    truth = Strains({(layer, "analog"): 0.01 * n for n, layer in enumerate(LAYERS)}, {})
    other = Strains({(layer, "analog"): 0.01 * (12 - n) for n, layer in enumerate(LAYERS)}, {})
    plans = [plan_of(LAYERS[n : n + 3]) for n in range(9)]
    measured = [(plan, (SCALE.loss(2 * truth.total(plan)),)) for plan in plans]
    assert fit(SCALE, truth, measured).misfit(measured) == pytest.approx(0.0, abs=1e-12)
    wrong = fit(SCALE, other, measured)
    strains = [(SCALE.strain(loss), wrong.slope * other.total(plan)) for plan, (loss,) in measured]
    expected_misfit = sum((y - x) ** 2 for y, x in strains)
    assert wrong.misfit(measured) == pytest.approx(expected_misfit)
    assert wrong.misfit(measured) > 0.01
