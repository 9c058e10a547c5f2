"""Which sub-networks to measure: the whole, some at random, then those that optuna proposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from analog_bench.planning.subnetwork_record import MeasuredSubNetwork
from analog_bench.seeds import derive_seed
from analog_bench.zoo.mobilebert_parts import SubNetwork

FEWEST_BLOCKS = 3
"""Fewest blocks that a sub-network keeps."""
RANDOM = 24
"""Random sub-networks before optuna's, so that a surrogate sees all kinds, not only the best."""
_WIDTHS = (4 / 11, 8 / 11, 1.0)
"""Shares of the whole's width: 128, 256 and 352 of the embedded model, on tiles of 256 columns."""
_ATTEMPTS = 1000


def head_counts(whole: SubNetwork) -> tuple[int, ...]:
    """Return the numbers of heads to choose from: thirds of all."""
    return tuple(sorted({max(1, whole.heads * thirds // 3) for thirds in (1, 2, 3)}))


def widths(whole: SubNetwork) -> tuple[int, ...]:
    """Return the intermediate widths to choose from."""
    return tuple(sorted({max(1, round(whole.width * share)) for share in _WIDTHS}))


def random_subnetwork(whole: SubNetwork, draw: np.random.Generator) -> SubNetwork:
    """Draw a sub-network, uniformly over feed-forwards per block, heads and widths."""
    while True:
        counts = tuple(int(draw.integers(most + 1)) for most in whole.feed_forwards)
        if _has_enough(counts):
            heads, width = draw.choice(head_counts(whole)), draw.choice(widths(whole))
            return SubNetwork(counts, int(heads), int(width))


def next_subnetwork(
    whole: SubNetwork, measured: Sequence[MeasuredSubNetwork], seed: int
) -> SubNetwork | None:
    """Return the next sub-network to measure; None if no other is found.

    The whole comes first, then `RANDOM` random ones, then those that optuna's tree-structured
    Parzen estimator proposes for a high score after a day at little energy. Each depends only on
    the seed and on those measured before, so an interrupted search goes on as it would have.
    """
    if not measured:
        return whole
    own_seed = derive_seed(seed, "sub-network", len(measured))
    ask: Callable[[], SubNetwork]
    if len(measured) <= RANDOM:
        ask = partial(random_subnetwork, whole, np.random.default_rng(own_seed))
    else:
        ask = _asking(whole, measured, own_seed % 2**32)  # numpy takes seeds of 32 bits
    known = {one.part for one in measured}
    asked = (ask() for _ in range(_ATTEMPTS))
    return next((p for p in asked if p not in known and _has_enough(p.feed_forwards)), None)


def _has_enough(feed_forwards: Sequence[int]) -> bool:
    return sum(map(bool, feed_forwards)) >= min(FEWEST_BLOCKS, len(feed_forwards))


def _asking(
    whole: SubNetwork, measured: Sequence[MeasuredSubNetwork], seed: int
) -> Callable[[], SubNetwork]:
    """Return a function that asks optuna after telling it all measurements."""
    # Deferred: optuna takes a second to import, and random sub-networks do not need it.
    import optuna
    from optuna.distributions import CategoricalDistribution, IntDistribution
    from optuna.samplers import TPESampler

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    counts = {f"block {n}": most for n, most in enumerate(whole.feed_forwards)}
    space = {
        **{name: IntDistribution(0, most) for name, most in counts.items()},
        "heads": CategoricalDistribution(head_counts(whole)),
        "width": CategoricalDistribution(widths(whole)),
    }
    study = optuna.create_study(sampler=TPESampler(seed=seed), directions=["maximize", "minimize"])
    for one in measured:
        own = dict(zip(counts, one.part.feed_forwards, strict=True))
        params = {**own, "heads": one.part.heads, "width": one.part.width}
        study.add_trial(
            optuna.create_trial(params=params, distributions=space, values=[one.one_day, one.pj])
        )

    def ask() -> SubNetwork:
        params = study.ask(space).params
        return SubNetwork(tuple(params[n] for n in counts), params["heads"], params["width"])

    return ask
