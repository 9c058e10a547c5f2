"""Many cases are tested at once: p-values that allow for it."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust the p-values of one family of tests for their number.

    With the p-values in ascending order p₍₁₎ … p₍ₘ₎ the adjusted ones are
    min over j ≥ i of p₍ⱼ₎ · m / j, at most 1. To reject where the adjusted value is at most α keeps
    the expected share of false alarms among all alarms at α or below, for independent tests and for
    those that depend positively on each other, as cases on the same chips do (Benjamini and
    Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995; Benjamini and
    Yekutieli, Ann. Stat. 29, 2001).

    Args:
        p_values: One a case, each from 0 to 1; may be empty. A case that was not tested has no
            place here: it would count towards m.

    Returns:
        The adjusted p-values, in the order of the input.

    Raises:
        ValueError: A p-value outside 0 to 1, or NaN.
    """
    for place, p_value in enumerate(p_values):
        if not 0.0 <= p_value <= 1.0:
            raise ValueError(f"p-value {place} is {p_value}, not a number from 0 to 1")
    if not p_values:
        return ()
    adjusted = stats.false_discovery_control(list(p_values), method="bh")
    return tuple(float(p_value) for p_value in adjusted)
