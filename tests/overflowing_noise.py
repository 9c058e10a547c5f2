"""Noises that overflow: no user can ask for such values."""

from analog_bench.noise import Noise
from analog_bench.value_checks import set_checked


def beyond(noise: Noise, **values: float) -> Noise:
    """Return a noise at values that no user can give."""
    set_checked(noise, **values)
    return noise
