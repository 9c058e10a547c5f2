"""Seeds are part of the method: a change would silently make every stored result another draw."""

import pytest

from analog_bench.seeds import derive_seed


@pytest.mark.parametrize(
    ("what", "seed"),
    [
        ((1,), 3874038210105081456),
        ((1, "pcm", 0, "encoder.layer.0.output.dense", "program"), 4410927552456371044),
        ((1, "read", 3), 6457017994496987066),
        ((2, "read", 3), 862804800006219040),
    ],
)
def test_seeds_stay_what_they_are(what, seed):
    assert derive_seed(*what) == seed


def test_every_word_counts_and_words_do_not_run_together():
    words = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), ("c", "ab"), ("abc", "")]
    assert len({derive_seed(1, *what) for what in words}) == len(words)


def test_seeds_are_63_bits():
    drawn = [derive_seed(1, n) for n in range(1000)]
    assert len(set(drawn)) == 1000
    assert min(drawn) >= 0
    assert 2**62 < max(drawn) < 2**63
