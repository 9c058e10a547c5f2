"""Numbers with their nouns, and without digits or signs that say nothing."""

import pytest

from analog_bench.spelling import counted, rounded, shortened


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 chips"), (1, "1 chip"), (2, "2 chips"), (1000, "1000 chips")]
)
def test_a_number_with_its_noun(number, said):
    assert counted(number, "chip") == said


def test_many_words_are_cut_and_counted():
    assert shortened("abc") == "a, b, c"
    assert shortened("abcde", 2) == "a, b and 3 more"


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [
        (-0.0, 0, "0"),
        (-0.4, 0, "0"),
        (-0.004, 2, "0.00"),
        (-0.006, 2, "−0.01"),
        (74.6, 0, "75"),
        (1e9, 1, "1000000000.0"),
    ],
)
def test_no_zero_has_a_sign(value, decimals, said):
    assert rounded(value, decimals) == said
