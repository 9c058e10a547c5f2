"""What a run is expected to take, in words."""

import pytest

from analog_bench.session.forecast import approximate


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.3, "10 s"),
        (14.0, "10 s"),
        (44.0, "40 s"),
        (94.0, "90 s"),
        (95.0, "2 min"),
        (740.0, "12 min"),
        (5600.0, "93 min"),
        (5800.0, "1.6 h"),
        (13_000.0, "3.6 h"),
        (400_000.0, "111 h"),
    ],
)
def test_a_guess_has_few_digits(seconds, said):
    assert approximate(seconds) == said
