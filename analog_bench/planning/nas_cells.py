"""Cells of NAS-Bench-201: which of them compute the same, and features that rank them.

A cell has four nodes and six edges, each with one of five operations. A node is the sum of the
results of its incoming edges. Node 0 is the input, node 3 the output (Dong and Yang, ICLR 2020,
arXiv 2001.00326).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analog_bench.errors import DataError

EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
"""Source and target of each edge, in the order of a cell's digits."""
OUTPUT = 3
SKIP, NONE, CONV_3X3, CONV_1X1, POOL = OPERATIONS = "01234"
"""AnalogNAS-Bench's digits. A convolution is ReLU, convolution and norm; pooling is an average."""
_CONVOLUTIONS = (CONV_3X3, CONV_1X1)
_WEIGHTS = {CONV_3X3: 9, CONV_1X1: 1}
_PATHS = ((2,), (0, 4), (1, 5), (0, 3, 5))
"""The edges of every path from the input to the output."""
_NO_DEPTH = 4
"""More convolutions than any path has."""
_SIGNATURES = tuple(
    "".join(operations)
    for length in range(4)
    for operations in itertools.product(CONV_3X3 + CONV_1X1 + POOL, repeat=length)
)

Term: TypeAlias = tuple[int, int]
"""A summand: how often it was pooled, and the convolution it comes from (-1 for the input)."""
Form: TypeAlias = tuple[tuple[tuple[str, tuple[Term, ...]], ...], tuple[Term, ...]]
"""The convolutions (each with its kind and the sum that it reads), and the output's sum."""
_INPUT: Term = (0, -1)


def check_cell(cell: str) -> str:
    """Return a valid cell unchanged.

    Raises:
        DataError: It is not six digits from 0 to 4.
    """
    if len(cell) != len(EDGES) or not set(cell) <= set(OPERATIONS):
        raise DataError(
            f"{cell!r} is no cell of NAS-Bench-201: give {len(EDGES)} digits from 0 to 4, one an "
            "edge, as 042310 (0 skip, 1 none, 2 convolution 3x3, 3 convolution 1x1, 4 pooling)"
        )
    return cell


def canonical_form(cell: str) -> Form:
    """Return a form that is equal for all cells that compute the same, whatever their weights.

    Skips are resolved, and edges that no path connects are dropped. Pooling is linear (the mean of
    a sum is the sum of means). Convolutions have no names: two of one kind that read the same sum
    are two, and one that is read twice is one. An operation on nothing gives nothing.

    Raises:
        DataError: As `check_cell`.
    """
    sums: list[list[Term]] = [[_INPUT], [], [], []]
    reads: dict[int, tuple[str, list[Term]]] = {}
    for edge, ((source, target), operation) in enumerate(zip(EDGES, check_cell(cell), strict=True)):
        if operation == NONE or not sums[source]:
            continue
        if operation in _CONVOLUTIONS:
            reads[edge] = (operation, sums[source])
            sums[target].append((0, edge))
        else:
            pooled = operation == POOL
            sums[target] += [(pools + pooled, origin) for pools, origin in sums[source]]
    kinds = [
        [edge for edge in _read_by(sums[OUTPUT], reads) if reads[edge][0] == kind]
        for kind in _CONVOLUTIONS
    ]
    orders = itertools.product(*map(itertools.permutations, kinds))
    return min(_written(sums[OUTPUT], reads, [*three, *one]) for three, one in orders)


def canonical_classes(cells: Iterable[str]) -> NDArray[np.intp]:
    """Return the class number of each cell; cells of a class compute the same."""
    numbers: dict[Form, int] = {}
    return np.array([numbers.setdefault(canonical_form(cell), len(numbers)) for cell in cells])


def graph_features(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return counts over the edges and paths that carry anything, of shape (cells, features).

    In order:

    - edges by operation; edges, paths, weights in units of a 1x1 convolution's, and log(1 +
      weights);
    - largest, smallest and total number per path of convolutions, 3x3 convolutions and poolings;
    - whether some path only skips, and whether one consists of skips and a single pooling;
    - largest and smallest number of convolutions again, as the depth of the cell, which so counts
      twice; the smallest is 4 without any path;
    - edges into the output that carry something: all, convolutions, 3x3 convolutions;
    - all edges into the output: poolings, skips, and whether any skips.
    """
    return np.array([_graph_features(cell) for cell in cells], dtype=np.float64)


def path_counts(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return the number of paths with each sequence of operations but skips; shape (cells, 40).

    A cell is a sum over its paths, and White et al. (AAAI 2021, arXiv 1910.11858) found this
    encoding to rank cells best.
    """
    found = [[path for _, path in _open_paths(cell)] for cell in cells]
    return np.array([[paths.count(one) for one in _SIGNATURES] for paths in found], dtype=float)


def one_hot(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return the one-hot encoding of each edge's operation, of shape (cells, 30)."""
    return np.array(
        [[op == one for op in check_cell(cell) for one in OPERATIONS] for cell in cells]
    )


def digits(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return the digits as numbers, of shape (cells, 6).

    AnalogNAS-Bench's own examples use these features (`architecture_to_feature_vector` in
    IBM/analog-nas, analognasbench/examples/bananas.py).
    """
    return np.array([[float(digit) for digit in check_cell(cell)] for cell in cells])


def _read_by(terms: Iterable[Term], reads: dict[int, tuple[str, list[Term]]]) -> list[int]:
    """Return the convolutions that a sum depends on, in order."""
    waiting = {origin for _, origin in terms if origin >= 0}
    found: set[int] = set()
    while waiting:
        edge = waiting.pop()
        found.add(edge)
        waiting |= {origin for _, origin in reads[edge][1] if origin >= 0} - found
    return sorted(found)


def _written(
    output: list[Term], reads: dict[int, tuple[str, list[Term]]], order: Sequence[int]
) -> Form:
    """Return a cell with its convolutions numbered in the given order."""
    numbers = {-1: -1, **{edge: number for number, edge in enumerate(order)}}

    def renamed(terms: list[Term]) -> tuple[Term, ...]:
        return tuple(sorted((pools, numbers[origin]) for pools, origin in terms))

    return tuple((reads[edge][0], renamed(reads[edge][1])) for edge in order), renamed(output)


def _open_paths(cell: str) -> list[tuple[tuple[int, ...], str]]:
    """Return the edges of every path without a `NONE`, and its operations without skips."""
    check_cell(cell)
    paths = [(edges, "".join(cell[edge] for edge in edges)) for edges in _PATHS]
    return [(edges, path.replace(SKIP, "")) for edges, path in paths if NONE not in path]


def _graph_features(cell: str) -> list[float]:
    paths = _open_paths(cell)
    live = sorted({edge for edges, _ in paths for edge in edges})
    operations = "".join(cell[edge] for edge in live)
    last = [edge for edge, (_, target) in enumerate(EDGES) if target == OUTPUT]
    carrying = [cell[edge] for edge in last if edge in live]
    ending = [cell[edge] for edge in last]
    used = [SKIP, *_CONVOLUTIONS, POOL]
    weights = sum(count * operations.count(one) for one, count in _WEIGHTS.items())
    along = [
        [sum(path.count(one) for one in kind) for _, path in paths]
        for kind in (_CONVOLUTIONS, (CONV_3X3,), (POOL,))
    ]
    spellings = {path for _, path in paths}
    return [
        *(operations.count(one) for one in used),
        *(len(live), len(paths), weights, float(np.log1p(weights))),
        *(of(counts) if counts else 0 for counts in along for of in (max, min, sum)),
        *("" in spellings, POOL in spellings),
        *(max(along[0], default=0), min(along[0], default=_NO_DEPTH)),
        *(len(carrying), sum(one in _CONVOLUTIONS for one in carrying), carrying.count(CONV_3X3)),
        *(ending.count(POOL), ending.count(SKIP), SKIP in ending),
    ]
