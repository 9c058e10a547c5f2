"""Cells of NAS-Bench-201 with made-up accuracies, and AnalogNAS-Bench's table of them."""

import csv
import gzip

import numpy as np

from analog_bench.planning.analognas_data import CellScores

COLUMNS = (
    "arch",
    "baseline_accuracy",
    "analog_drift_60",
    "analog_drift_86400",
    "analog_drift_2592000",
)


def random_cells(count, seed=0, weights=(0.2, 0.2, 0.2, 0.2, 0.2)):
    """Draw different cells; weights are those of skip, none, 3x3, 1x1 and pooling."""
    draw = np.random.default_rng(seed)
    found = {}
    while len(found) < count:
        found["".join(draw.choice(list("01234"), 6, p=weights))] = None
    return tuple(found)


def scored_cells(count, seed=0):
    """Return cells that are better the more paths with a 3x3 convolution they have."""
    cells = random_cells(count, seed)
    noise = np.random.default_rng(seed + 1).normal(0, 0.3, (3, count))
    paths = [[(c[2],), (c[0], c[4]), (c[1], c[5]), (c[0], c[3], c[5])] for c in cells]
    good = np.array([sum("2" in path and "1" not in path for path in one) for one in paths])
    lost = np.array([cell.count("4") for cell in cells])
    return CellScores(cells, 80 + 2 * good + noise[0], 70 + 3 * good + noise[1], -lost + noise[2])


def write_table(path, scores):
    """Write them as IBM publishes its own."""
    with gzip.open(path, "wt", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in zip(scores.cells, scores.digital, scores.one_day, scores.avm, strict=True):
            cell, digital, day, avm = row
            table.writerow([cell, digital, 75.0, day, 75.0 + avm])
    return path
