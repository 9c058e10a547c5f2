"""The surrogate: against the closed form of its process, and on a target that is known."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from analog_bench.planning import surrogate as module
from analog_bench.planning.surrogate import FeatureGroup, fit_surrogate, normal_scores

MEASURED = np.arange(60)
OTHERS = np.arange(60, 260)


@pytest.fixture(scope="module")
def known():
    """Return two groups of features, and a target that depends on one column of each."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(260, 3)), draw.poisson(0.5, size=(260, 5)).astype(float)
    target = np.exp(np.sin(a[:, 0]) - b[:, 1] + draw.normal(0, 0.1, 260))
    return (FeatureGroup("a", a * [1, 100, 0.01] + 5), FeatureGroup("b", b, False)), target


@pytest.fixture(scope="module")
def fitted(known):
    groups, target = known
    return fit_surrogate([one.of(MEASURED) for one in groups], target[MEASURED])


def test_a_known_target_is_recovered(known, fitted):
    groups, target = known
    others = [one.of(OTHERS) for one in groups]
    prediction = fitted.predict(others)
    tau = kendalltau(prediction.mean, target[OTHERS]).statistic
    assert tau > 0.75
    order = fitted.rank(others)
    assert (np.diff(prediction.mean[order]) <= 0).all()
    # As far off as it says that it may be.
    away = (normal_scores(target)[OTHERS] - prediction.mean) / prediction.std
    assert 0.85 < np.mean(np.abs(away) < 1.96) <= 1
    assert (prediction.std > 0).all()


def test_predictions_are_those_of_the_closed_form(known, fitted):
    groups, target = known
    measured, others = ([one.of(rows) for one in groups] for rows in (MEASURED, OTHERS))

    def covariance(left, right):
        total, theta = 0.0, np.exp(fitted.regressor.kernel_.theta)
        for number, (mine, yours, all_) in enumerate(zip(left, right, measured, strict=True)):
            spread = all_.values.std(axis=0)
            scale = spread * np.sqrt(3) if all_.standardise else np.sqrt(np.sum(spread**2))
            variance, length = theta[1 + 2 * number], theta[2 + 2 * number]
            gaps = (mine.values[:, None] - yours.values[None]) / scale / length
            r = np.sqrt(5 * np.sum(gaps**2, axis=2))
            total = total + variance * (1 + r + r**2 / 3) * np.exp(-r)
        return total

    noise = np.exp(fitted.regressor.kernel_.theta[0])
    gram = covariance(measured, measured) + noise * np.eye(len(MEASURED))
    cross = covariance(others, measured)
    mean = cross @ np.linalg.solve(gram, normal_scores(target[MEASURED]))
    known_part = np.sum(cross * np.linalg.solve(gram, cross.T).T, axis=1)
    prior = np.diag(covariance(others, others)) + noise
    prediction = fitted.predict(others)
    assert prediction.mean == pytest.approx(mean, abs=1e-6)
    assert prediction.std == pytest.approx(np.sqrt(prior - known_part), abs=1e-6)


def test_scales_are_the_most_probable(fitted):
    regressor = fitted.regressor
    start, best = regressor.kernel.theta, regressor.kernel_.theta

    def log_posterior(theta):
        prior = -0.5 * np.sum(((theta - start) / module._PRIOR_SD) ** 2)
        return regressor.log_marginal_likelihood(theta) + prior

    highest = log_posterior(best)
    assert highest > log_posterior(start)
    for step in np.vstack([np.eye(len(best)), -np.eye(len(best))]) * 0.1:
        assert log_posterior(best + step) < highest


def test_only_the_order_of_what_was_measured_counts(known, fitted):
    groups, target = known
    again = fit_surrogate([one.of(MEASURED) for one in groups], np.log(target[MEASURED]))
    others = [one.of(OTHERS) for one in groups]
    assert (again.predict(others).mean == fitted.predict(others).mean).all()
    measured = np.sort(target[MEASURED])
    assert fitted.in_units(normal_scores(measured)) == pytest.approx(measured)
    assert fitted.in_units(np.array([-9.0, 9.0])) == pytest.approx(measured[[0, -1]])


def test_a_feature_that_never_varies_says_nothing(known):
    groups, target = known
    still = FeatureGroup("still", np.ones((260, 2)))
    both = [one.of(MEASURED) for one in (*groups, still)]
    found = fit_surrogate(both, target[MEASURED]).predict(
        [one.of(OTHERS) for one in (*groups, still)]
    )
    assert np.isfinite(found.mean).all()


@pytest.mark.parametrize(
    ("group", "measured", "said"),
    [
        (FeatureGroup("a", np.ones((2, 1))), np.ones(2), "2 candidates with 1 groups"),
        (FeatureGroup("a", np.ones((4, 1))), np.ones(5), r"a: shape \(4, 1\) for 5 candidates"),
        (FeatureGroup("a", np.ones(4)), np.ones(4), r"a: shape \(4,\) for 4 candidates"),
        (FeatureGroup("a", np.ones((4, 1))), np.array([1, 2, 3, np.nan]), "must be finite"),
        (FeatureGroup("a", np.full((4, 1), np.inf)), np.arange(4.0), "must be finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(group, measured, said):
    with pytest.raises(ValueError, match=said):
        fit_surrogate([group], measured)


def test_other_groups_than_those_of_the_fit_are_refused(known, fitted):
    (a, b), _ = known
    for wrong in ([b, a], [a, FeatureGroup("b", b.values[:, :2])], [a]):
        with pytest.raises(ValueError, match=r"fitted to|shorter"):
            fitted.predict(wrong)
