"""A surrogate that ranks candidates from measurements of a few of them.

A candidate is anything with features: a cell, a sub-network, a plan. Features come in named groups,
each of which has its own measure of how alike two candidates are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm, rankdata
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

Array = NDArray[np.float64]

FEWEST = 3
"""Fewest measured candidates that give an order."""
_PRIOR_SD = 0.5
"""Prior standard deviation of the logarithm of each scale and variance of the kernel."""
_NOISE = 0.3
_BOUNDS = (1e-3, 1e3)


@dataclass(frozen=True)
class FeatureGroup:
    """Features that are compared together.

    Attributes:
        name: Name of the group.
        values: Features of shape (candidates, features).
        standardise: Whether to scale every feature to the same spread. False for counts of rare
            things, which would otherwise weigh as much as common ones.
    """

    name: str
    values: Array
    standardise: bool = True

    def of(self, candidates: NDArray[np.intp]) -> FeatureGroup:
        """Return the same features for some of the candidates."""
        return replace(self, values=self.values[candidates])


@dataclass(frozen=True)
class Prediction:
    """A surrogate's prediction for candidates, in units of normal scores.

    0 is the median of the values it was fitted to, 1 is better than 84 % of them.

    Attributes:
        mean: Means of shape (candidates,).
        std: Standard deviation of a measurement around the mean, from limited knowledge and noise.
    """

    mean: Array
    std: Array


@dataclass(frozen=True)
class _Scaling:
    name: str
    centre: Array
    scale: Array

    def __call__(self, group: FeatureGroup) -> Array:
        if group.name != self.name or group.values.shape[1:] != self.centre.shape:
            raise ValueError(
                f"fitted to {len(self.centre)} features {self.name!r}, found {group.name!r} of "
                f"shape {group.values.shape}"
            )
        scaled: Array = (group.values - self.centre) / self.scale
        return scaled


@dataclass(frozen=True)
class Surrogate:
    """A fitted surrogate.

    Attributes:
        regressor: scikit-learn's Gaussian process on normal scores.
        measured: The values it was fitted to, in ascending order.
    """

    regressor: Any
    measured: Array
    _scalings: tuple[_Scaling, ...]

    def predict(self, groups: Sequence[FeatureGroup]) -> Prediction:
        """Predict candidates.

        Raises:
            ValueError: The groups are not those of the fit.
        """
        return Prediction(*self.regressor.predict(self._features(groups), return_std=True))

    def mean(self, groups: Sequence[FeatureGroup]) -> Array:
        """Return only the mean, at a fraction of the cost. Raises as `predict`."""
        predicted: Array = self.regressor.predict(self._features(groups))
        return predicted

    def rank(self, groups: Sequence[FeatureGroup]) -> NDArray[np.intp]:
        """Return the candidates' indices, the best first. Raises as `predict`."""
        return np.argsort(-self.mean(groups), kind="stable")

    def in_units(self, predicted: Array) -> Array:
        """Return predicted normal scores in the units of the measurements, within their range."""
        return np.interp(predicted, normal_scores(self.measured), self.measured)

    def _features(self, groups: Sequence[FeatureGroup]) -> Array:
        pairs = zip(self._scalings, groups, strict=True)
        return np.hstack([scaling(group) for scaling, group in pairs])


def normal_scores(values: Array) -> Array:
    """Return Φ⁻¹((rank − ½)/n) of each value, equal ones sharing their mean rank."""
    scores: Array = norm.ppf((rankdata(values) - 0.5) / len(values))
    return scores


def fit_surrogate(groups: Sequence[FeatureGroup], measured: Array) -> Surrogate:
    """Fit a surrogate to measured candidates; more is better.

    It is a Gaussian process on the normal scores of the measurements, because an order is wanted
    and accuracies have a long tail of failures. Its covariance is a sum of white noise and one
    Matérn 5/2 per group. Scales and variances maximise the posterior: marginal likelihood times a
    log-normal prior on each. The prior matters at tens of candidates, where the likelihood alone is
    flat, and hardly at hundreds (Rasmussen and Williams, "Gaussian Processes for Machine Learning",
    2006, sections 2.2 and 5.4).

    Args:
        groups: Features of the candidates, at least one group.
        measured: Measurements of shape (candidates,).

    Raises:
        ValueError: There are fewer than 3 candidates or no group, a group has features of another
            number of candidates, or a value is not finite.
    """
    count = len(measured)
    if count < FEWEST or not groups:
        raise ValueError(f"{count} candidates with {len(groups)} groups of features: too few")
    for group in groups:
        if group.values.ndim != 2 or len(group.values) != count:
            raise ValueError(f"{group.name}: shape {group.values.shape} for {count} candidates")
    if not all(np.isfinite(one).all() for one in (measured, *(group.values for group in groups))):
        raise ValueError("features and what was measured must be finite")
    scalings = tuple(map(_scaling, groups))
    ends = np.cumsum([len(one.centre) for one in scalings])
    kernel = WhiteKernel(_NOISE, _BOUNDS)
    for end, one in zip(ends, scalings, strict=True):
        columns = (int(end) - len(one.centre), int(end))
        kernel += ConstantKernel(1.0, _BOUNDS) * _OnColumns(columns, length_scale_bounds=_BOUNDS)
    features = np.hstack([one(group) for one, group in zip(scalings, groups, strict=True)])
    regressor = GaussianProcessRegressor(kernel, optimizer=_most_probable)
    regressor.fit(features, normal_scores(measured))
    return Surrogate(regressor, np.sort(measured), scalings)


class _OnColumns(Matern):  # type: ignore[misc]
    """A Matérn 5/2 kernel over some of the columns, which scikit-learn lacks."""

    def __init__(
        self,
        columns: tuple[int, int],
        length_scale: float = 1.0,
        length_scale_bounds: tuple[float, float] = _BOUNDS,
        nu: float = 2.5,
    ) -> None:
        super().__init__(length_scale, length_scale_bounds, nu)
        self.columns = columns

    def __call__(self, X: Array, Y: Array | None = None, eval_gradient: bool = False) -> Any:  # noqa: N803
        some = slice(*self.columns)
        return super().__call__(X[:, some], None if Y is None else Y[:, some], eval_gradient)


def _scaling(group: FeatureGroup) -> _Scaling:
    """Return the scaling that makes squared distances 2 on average, in every group."""
    spread = group.values.std(axis=0)
    varying = spread > 0
    each = np.where(varying, spread, 1.0) if group.standardise else np.ones_like(spread)
    together = np.sqrt(np.sum((spread / each) ** 2)) or 1.0
    return _Scaling(group.name, group.values.mean(axis=0), each * together)


def _most_probable(
    objective: Callable[..., tuple[float, Array]], start: Array, bounds: Array
) -> tuple[Array, float]:
    """Minimise with scikit-learn's signature, with a prior around the start of the search."""

    def posterior(theta: Array) -> tuple[float, Array]:
        value, gradient = objective(theta, eval_gradient=True)
        away = (theta - start) / _PRIOR_SD
        return value + 0.5 * float(away @ away), gradient + away / _PRIOR_SD

    # Few digits suffice, and at hundreds of candidates every step takes a second.
    enough = {"ftol": 1e-5}
    found = minimize(posterior, start, jac=True, bounds=bounds, method="L-BFGS-B", options=enough)
    return found.x, found.fun
