import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analog_bench.gate.drift_band import small_sample_level
from analog_bench.gate.layer_ranking import Ranking, rank_layers, spearman_with_interval

# Few different values, so that ties are common; sums of them have no rounding.
DROPS = st.integers(0, 8).map(float)


@st.composite
def tables(draw):
    layers, chips = draw(st.integers(2, 7)), draw(st.integers(2, 6))
    row = st.lists(DROPS, min_size=chips, max_size=chips)
    return {f"layer{n}": draw(row) for n in range(layers)}


def ranked(drops, **how):
    by_chip = {
        n: row if isinstance(row, dict) else dict(enumerate(row)) for n, row in drops.items()
    }
    return rank_layers(by_chip, **{"resamples": 200, "seed": 1, **how})


def test_an_example_by_hand():
    found = ranked({"head": [1.0, 2.0], "c0": [20.0, 30.0], "c1": [3.0, 1.0]})
    assert [layer.layer for layer in found.layers] == ["c0", "c1", "head"]
    assert [layer.drop for layer in found.layers] == [25.0, 2.0, 1.5]
    assert [layer.rank for layer in found.layers] == [1.0, 2.0, 3.0]
    assert [layer.interval for layer in found.layers] == [(1.0, 1.0), (2.0, 3.0), (2.0, 3.0)]
    # Rank sums 6, 3, 3 of two chips: W = (12·54 − 3·4·3·16) / (4·3·8);
    assert found.concordance == pytest.approx(0.75)
    assert found.chips == 2


@given(tables())
def test_concordance_is_friedmans_chi_square(drops):
    table = np.array(list(drops.values()))
    found = ranked(drops).concordance
    if len(table) < 3 or all(np.ptp(column) == 0 for column in table.T):
        return  # scipy's needs three layers
    # Kendall and Babington Smith: χ² = m (n − 1) W, the same correction for ties.
    chi_square = stats.friedmanchisquare(*table).statistic
    assert found == pytest.approx(chi_square / (table.shape[1] * (len(table) - 1)), abs=1e-9)
    assert -1e-12 <= found <= 1 + 1e-12


@given(st.lists(st.permutations(range(5)), min_size=2, max_size=6))
def test_concordance_without_ties_goes_with_the_mean_spearman(chips):
    pairs = list(itertools.combinations(chips, 2))
    mean_rho = np.mean(
        [1 - 6 * sum((a - b) ** 2 for a, b in zip(*p, strict=True)) / 120 for p in pairs]
    )
    drops = {str(n): list(row) for n, row in enumerate(zip(*chips, strict=True))}
    expected = (1 + (len(chips) - 1) * mean_rho) / len(chips)
    assert ranked(drops).concordance == pytest.approx(expected, abs=1e-9)


def test_full_agreement_and_none():
    same = {f"l{n}": [10.0 - n] * 5 for n in range(4)}
    found = ranked(same)
    assert found.concordance == pytest.approx(1.0)
    assert [layer.interval for layer in found.layers] == [(n, n) for n in (1.0, 2.0, 3.0, 4.0)]
    # Each of three layers once at each place: no agreement at all.
    turned = ranked({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 1.0], "c": [3.0, 1.0, 2.0]})
    assert turned.concordance == pytest.approx(0.0)
    assert [layer.rank for layer in turned.layers] == [2.0, 2.0, 2.0]
    assert [layer.layer for layer in turned.layers] == ["a", "b", "c"]


def test_one_chip_shows_no_stability():
    found = ranked({"a": [1.0], "b": [4.0]})
    assert [(layer.layer, layer.rank, layer.interval) for layer in found.layers] == [
        ("b", 1.0, None),
        ("a", 2.0, None),
    ]
    assert (found.chips, found.concordance) == (1, None)


def test_where_agreement_has_no_meaning():
    assert ranked({}) == Ranking((), 0, None)
    alone = ranked({"a": [1.0, 2.0]})
    assert alone.concordance is None
    assert alone.layers[0].interval == (1.0, 1.0)
    tied = ranked({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    assert tied.concordance is None
    assert [layer.rank for layer in tied.layers] == [1.5, 1.5]


def test_chips_that_a_layer_lacks_are_left_out():
    found = ranked({"a": [1.0, 5.0, 9.0], "b": [4.0, 6.0]})
    assert found == ranked({"a": [1.0, 5.0], "b": [4.0, 6.0]})
    by_index = ranked({"a": {0: 9.0, 3: 1.0, 7: 5.0}, "b": {7: 6.0, 3: 4.0, 8: 0.0}})
    assert by_index == found


@given(
    st.integers(2, 5).flatmap(
        lambda chips: st.lists(
            st.lists(st.floats(-9, 9), min_size=chips, max_size=chips), min_size=2, max_size=5
        )
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_chips_does_not_matter_to_the_bit(table, rng):
    first = ranked({str(n): row for n, row in enumerate(table)}, resamples=50)
    order = list(range(len(table[0])))
    rng.shuffle(order)
    shuffled = {str(n): [row[chip] for chip in order] for n, row in enumerate(table)}
    assert ranked(shuffled, resamples=50) == first


@given(tables(), st.sampled_from([-64.0, 32.0]), st.sampled_from([0.25, 2.0]))
def test_shifting_and_scaling_leave_the_ranking(drops, shift, scale):
    first = ranked(drops)
    moved = ranked({name: [x * scale + shift for x in row] for name, row in drops.items()})
    for one, other in zip(first.layers, moved.layers, strict=True):
        assert (one.layer, one.rank) == (other.layer, other.rank)
        assert other.drop == pytest.approx(one.drop * scale + shift)
    assert moved.concordance == first.concordance


@given(tables())
def test_a_rank_lies_inside_its_interval(drops):
    found = ranked(drops)
    for layer in found.layers:
        low, high = layer.interval
        assert 1.0 <= low <= layer.rank <= high <= len(drops)
    assert sum(layer.rank for layer in found.layers) == sum(range(1, len(drops) + 1))
    assert [layer.rank for layer in found.layers] == sorted(layer.rank for layer in found.layers)


def simulated(rng, gap, chips, layers=10):
    """Layer n has the true rank n + 1; chips differ, and all layers on a chip with it."""
    chip = rng.normal(0.0, 1.0, chips)
    return {str(n): list(-n * gap + chip + rng.normal(0, 1, chips)) for n in range(layers)}


def test_rank_intervals_are_scipys_rounded_outward():
    table = np.array(list(simulated(np.random.default_rng(14), 0.7, 10).values()))
    table = table[:, np.lexsort(table[::-1])]

    def ranks(index, axis):
        return stats.rankdata(-table[:, index].mean(axis=-1), axis=0)

    for confidence in (0.5, 0.95):
        low, high = stats.bootstrap(
            (np.arange(10),),
            ranks,
            vectorized=True,
            n_resamples=500,
            confidence_level=small_sample_level(confidence, 10),
            method="percentile",
            rng=np.random.default_rng(3),
        ).confidence_interval
        drops = {str(n): list(row) for n, row in enumerate(table)}
        found = ranked(drops, confidence=confidence, resamples=500, seed=3).layers
        for layer in found:
            n = int(layer.layer)
            assert layer.interval == (
                math.floor(min(low[n], layer.rank)),
                math.ceil(max(high[n], layer.rank)),
            )


def test_rank_intervals_cover_what_the_docstring_says():
    rng = np.random.default_rng(11)
    for chips, least in ((10, 0.975), (3, 0.86)):
        inside = [
            layer.interval[0] <= int(layer.layer) + 1 <= layer.interval[1]
            for trial in range(100)
            for layer in ranked(simulated(rng, 0.5, chips), resamples=500, seed=trial).layers
        ]
        assert np.mean(inside) >= least


def test_clear_layers_are_told_apart_and_like_ones_are_not():
    rng = np.random.default_rng(12)
    clear = ranked(simulated(rng, 5.0, 10))
    assert all(layer.interval == (layer.rank, layer.rank) for layer in clear.layers)
    assert clear.concordance > 0.95
    alike = ranked(simulated(rng, 0.0, 10))
    assert all(layer.interval[1] - layer.interval[0] >= 3 for layer in alike.layers)
    assert alike.concordance < 0.4


PAIRS = st.lists(st.tuples(DROPS, DROPS), min_size=8, max_size=20)


@given(PAIRS)
def test_spearman_is_scipys(pairs):
    x, y = zip(*pairs, strict=True)
    found = spearman_with_interval(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found is None
        return
    expected = stats.spearmanr(x, y)
    assert found.rho == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    if found.interval is None:
        assert abs(found.rho) == 1.0
    else:
        low, high = found.interval
        assert -1.0 <= low < found.rho < high <= 1.0


ALL_RHOS = [
    stats.spearmanr(range(6), order).statistic for order in itertools.permutations(range(6))
]


@given(st.permutations(range(6)))
def test_few_layers_get_the_p_of_all_orders(order):
    found = spearman_with_interval(range(6), order)
    expected = np.mean(np.abs(ALL_RHOS) >= abs(found.rho) - 1e-9)
    assert found.p == pytest.approx(expected)


def test_the_interval_by_hand():
    x = list(range(10))
    y = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    found = spearman_with_interval(x, y)
    assert found.rho == pytest.approx(1 - 6 * 10 / 990)
    error = math.sqrt((1 + found.rho**2 / 2) / 7)
    ends = [math.tanh(math.atanh(found.rho) + sign * 1.959964 * error) for sign in (-1, 1)]
    assert found.interval == pytest.approx(ends, abs=1e-6)
    narrower = spearman_with_interval(x, y, confidence=0.8)
    assert found.interval[0] < narrower.interval[0] < narrower.interval[1] < found.interval[1]


def test_perfect_order_and_too_few_layers():
    up = spearman_with_interval([1, 2, 3, 4, 5], [1, 4, 9, 16, 25])
    assert (up.rho, up.interval, up.p) == (1.0, None, pytest.approx(2 / 120))
    assert spearman_with_interval([1, 2, 3, 4], [8, 6, 4, 2]).rho == -1.0
    assert spearman_with_interval([1, 2, 3], [1, 2, 3]) is None
    assert spearman_with_interval([1, 1, 1, 1], [1, 2, 3, 4]) is None


@pytest.mark.parametrize(("layers", "normal"), [(8, 0.5), (20, 0.8), (37, 0.0)])
def test_spearman_intervals_cover_what_the_docstring_says(layers, normal):
    rng = np.random.default_rng(layers)
    true = 6 / math.pi * math.asin(normal / 2)  # of normal scores with this Pearson's correlation
    trials, hits = 600, 0
    for _ in range(trials):
        x = rng.normal(size=layers)
        y = normal * x + math.sqrt(1 - normal**2) * rng.normal(size=layers)
        interval = spearman_with_interval(x, y).interval
        hits += interval is not None and interval[0] <= true <= interval[1]
    # Between 95 % and 97 %, and four standard errors.
    assert 0.95 - 0.036 < hits / trials < 0.97 + 0.028
