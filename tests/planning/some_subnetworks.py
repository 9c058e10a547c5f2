"""Sub-networks whose scores are a known function of what is left, and haste with real ones."""

import numpy as np

from analog_bench.planning.subnetwork_record import MeasuredSubNetwork
from analog_bench.tasks.calibration_data import embedded_passages
from analog_bench.zoo.mobilebert_parts import SubNetwork

WHOLE = SubNetwork((2,) * 6, 12, 352)


def measured(part, noise=0.0, seed=0):
    """Return a record: more feed-forwards, more F1; the third block counts three times."""
    draw = np.random.default_rng([seed, *part.feed_forwards, part.heads, part.width])
    weights = (1, 1, 3, 1, 1, 1)
    score = 5.0 * sum(w * n for w, n in zip(weights, part.feed_forwards, strict=True))
    score += part.heads / 4 + part.width / 100
    chips = tuple(
        (score + 1, score + noise * float(draw.normal()), score - len(part.blocks))
        for _ in range(2)
    )
    size = sum(part.feed_forwards) * part.width
    return MeasuredSubNetwork(part, 4_000_000 + size, float(size), score, chips, 1.0)


def fit_on_two_passages(monkeypatch):
    """Fit input ranges on two passages in place of 32, which take longer than all else."""
    two = embedded_passages()[:2]
    monkeypatch.setattr("analog_bench.session.calibrated_ranges.embedded_passages", lambda: two)
