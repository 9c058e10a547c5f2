"""What is on tiles: how variants are called, and the order in which tables and plots show them."""

from __future__ import annotations

WEIGHTS = {"direct": "direct", "calibrated": "calibrated", "hwa": "HWA"}
"""Variants with their labels."""


def weights_order(variant: str) -> tuple[int, str]:
    """Return what sorts variants as tables and plots show them; unknown ones come last."""
    known = list(WEIGHTS)
    return known.index(variant) if variant in known else len(known), variant
