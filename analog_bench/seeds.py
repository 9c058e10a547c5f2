"""Seeds that depend on what is drawn, never on when or by whom."""

from __future__ import annotations

import hashlib


def hash_rank(key: str) -> bytes:
    """Return what to sort keys by for a fixed pseudo-random order, the same in every release."""
    return hashlib.sha256(key.encode()).digest()


def derive_seed(suite_seed: int, *what: str | int) -> int:
    """Derive a seed from the suite's and what is drawn: family, chip index, layer, purpose, ...

    It is a whole number from 0 to 2^63 − 1, the first 63 bits of a SHA-256. The same words in the
    same order give the same seed in every case, order, process, Python and platform: common random
    numbers, which make paired comparison possible.
    """
    words = "\x1f".join([str(suite_seed), *map(str, what)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1
