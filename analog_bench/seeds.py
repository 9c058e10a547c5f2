"""Seeds that depend on what is drawn, never on when or by whom."""

from __future__ import annotations

import hashlib


def derive_seed(suite_seed: int, *what: str | int) -> int:
    """Derive a 63-bit seed from the suite's seed and the name of what is drawn.

    The same words give the same seed in every case, order, process, Python and platform: common
    random numbers, which make paired comparison possible.

    Args:
        suite_seed: The run's one seed.
        *what: Family, chip index, layer, purpose, ... in that order.

    Returns:
        A whole number from 0 to 2^63 − 1: the first bytes of a SHA-256.
    """
    words = "\x1f".join([str(suite_seed), *map(str, what)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1
