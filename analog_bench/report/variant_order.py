"""What is on tiles: how variants are called, and the order in which tables and plots show them."""

from __future__ import annotations

from analog_bench.codec import one_line

WEIGHTS = {"direct": "direct", "calibrated": "calibrated", "hwa": "HWA"}
"""Variants with their labels."""


def with_weights(variant: str) -> str:
    """Return a variant as a noun: `direct weights`, `calibrated ranges`, `HWA weights`."""
    label = WEIGHTS.get(variant, one_line(variant))
    return f"{label} ranges" if variant == "calibrated" else f"{label} weights"


def weights_order(variant: str) -> tuple[int, str]:
    """Return what sorts variants as tables and plots show them; unknown ones come last."""
    known = list(WEIGHTS)
    return known.index(variant) if variant in known else len(known), variant
