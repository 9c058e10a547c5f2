"""What is on tiles: how variants are called, and the order in which tables and plots show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analog_bench.codec import one_line

WEIGHTS = {"direct": "direct", "calibrated": "calibrated", "hwa": "HWA"}
"""Variants with their labels."""


def variant_label(variant: str) -> str:
    """Return a variant as readers know it: `direct`, `calibrated`, `HWA`."""
    return WEIGHTS.get(variant, one_line(variant))


def with_weights(variant: str) -> str:
    """Return a variant as a noun: `direct weights`, `calibrated ranges`, `HWA weights`."""
    label = variant_label(variant)
    return f"{label} ranges" if variant == "calibrated" else f"{label} weights"


def weights_among(values: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return which weights a plot's values are of, in the order of its legend, digital first."""
    known = {value["weights"] for value in values}
    return [label for label in ("digital", *WEIGHTS.values()) if label in known]


def weights_order(variant: str) -> tuple[int, str]:
    """Return what sorts variants as tables and plots show them; unknown ones come last."""
    known = list(WEIGHTS)
    return known.index(variant) if variant in known else len(known), variant
