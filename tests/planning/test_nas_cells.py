"""Cells: equal ones are told from different ones as numerical networks tell them."""

import itertools

import numpy as np
import pytest

from analog_bench.errors import DataError
from analog_bench.planning.nas_cells import (
    EDGES,
    canonical_classes,
    canonical_form,
    check_cell,
    digits,
    graph_features,
    one_hot,
    path_counts,
)
from tests.planning.some_cells import random_cells

WIDTH, CONVOLUTIONS = 3, 4


@pytest.fixture(scope="module")
def weights():
    """Return an input, a pooling matrix, and four matrices of each kind of convolution."""
    draw = np.random.default_rng(3)
    kinds = {kind: draw.normal(size=(CONVOLUTIONS, WIDTH, WIDTH)) for kind in "23"}
    return draw.normal(size=WIDTH), draw.normal(size=(WIDTH, WIDTH)), kinds


def outputs(cell, weights):
    """Return what a cell makes of the input under every way to give its convolutions weights."""
    x, pool, kinds = weights
    edges = {kind: [edge for edge, one in enumerate(cell) if one == kind] for kind in "23"}
    ways = [itertools.permutations(range(CONVOLUTIONS), len(edges[kind])) for kind in "23"]
    found = set()
    for three, one in itertools.product(*ways):
        chosen = dict(zip(edges["2"], kinds["2"][list(three)], strict=True))
        chosen |= zip(edges["3"], kinds["3"][list(one)], strict=True)
        nodes = [x, *np.zeros((3, WIDTH))]
        for edge, (source, target) in enumerate(EDGES):
            if cell[edge] in "23":
                nodes[target] = nodes[target] + chosen[edge] @ np.tanh(nodes[source])
            elif cell[edge] != "1":
                carried = pool @ nodes[source] if cell[edge] == "4" else nodes[source]
                nodes[target] = nodes[target] + carried
        found.add(tuple(np.round(nodes[3], 8) + 0.0))
    return frozenset(found)


def test_classes_are_those_of_networks_with_random_weights(weights):
    """Equal up to the names of weights, for 400 cells with up to four convolutions of a kind."""
    drawn = random_cells(500, seed=5, weights=(0.27, 0.23, 0.17, 0.13, 0.2))
    cells = [c for c in drawn if c.count("2") + c.count("3") <= CONVOLUTIONS][:400]
    computed = {}
    by_function = [computed.setdefault(outputs(cell, weights), len(computed)) for cell in cells]
    assert canonical_classes(cells).tolist() == by_function
    # Some are equal, and some that are equal have convolutions.
    assert len(cells) - len(computed) > 50


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param("211111", "111111", True, id="what leads nowhere is nothing"),
        pytest.param("112111", "211101", True, id="a skip is seen through"),
        pytest.param("040410", "101404", False, id="pooled once, and twice"),
        pytest.param("211000", "221100", False, id="a convolution read twice is not two"),
        pytest.param("230111", "320111", True, id="nothing reads them"),
        pytest.param("231144", "321144", True, id="order of sums"),
        pytest.param("201144", "021144", True, id="branches have no names"),
        pytest.param("112111", "113111", False, id="3x3 and 1x1"),
        pytest.param("401412", "441112", False, id="a sum of both, and one alone"),
    ],
)
def test_what_is_equal(one, other, equal):
    assert (canonical_form(one) == canonical_form(other)) is equal


@pytest.mark.parametrize("cell", ["", "01234", "0123456", "01234x", "012345", "٠12340", "01 234"])
def test_what_is_no_cell_is_refused(cell):
    for reader in (check_cell, canonical_form, lambda one: path_counts([one])):
        with pytest.raises(DataError, match="is no cell of NAS-Bench-201: give 6 digits"):
            reader(cell)


def test_features_of_a_cell_by_hand():
    # Paths: 3x3 alone; skip, 1x1; 1x1, pool. The edge between the inner nodes is none.
    (found,) = graph_features(["032134"])
    per_operation, depth, into_output = [1, 1, 2, 1], [1, 1], [3, 2, 1, 1, 0, 0]
    size = [5, 3, 9 + 2, np.log1p(11)]
    convolutions, large, pooled = [1, 1, 3], [1, 0, 1], [1, 0, 1]
    along = [*convolutions, *large, *pooled]
    expected = [*per_operation, *size, *along, 0, 0, *depth, *into_output]
    assert found == pytest.approx(expected)
    (paths,) = path_counts(["032134"])
    assert (paths.sum(), paths.max(), len(paths)) == (3, 1, 40)
    # Nothing but the depth that no path has.
    assert graph_features(["111111"]).sum() == 4
    assert path_counts(["000000"]).max() == 4


def test_plain_encodings_tell_the_cell():
    cells = random_cells(50)
    hot = one_hot(cells).reshape(50, 6, 5)
    assert (hot.sum(axis=2) == 1).all()
    for numbers in (hot.argmax(axis=2), digits(cells).astype(int)):
        assert tuple("".join(map(str, row)) for row in numbers) == cells
