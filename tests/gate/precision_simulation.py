"""How often intervals cover the true mean where chips are added until they are narrow enough.

    python -m tests.gate.precision_simulation [--cases 20000] [--seed 1]

prints the table of docs/method.md: for chips of several shapes and spreads, the share of cases
whose interval holds the true mean, and the chips that they took.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from analog_bench.gate.precision import ADJUSTED, chips_needed
from analog_bench.gate.significance import mean_interval
from analog_bench.precision_target import PrecisionTarget

Array = NDArray[np.float64]

TARGET, MOST = PrecisionTarget(1.0), 40
STEP = 100.0 / 192
"""What one of 192 questions makes, in points."""
SPREADS = (0.1, 0.3, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Standard deviations over chips, in points; half an interval of 1 point is asked for."""

# Of standard deviation 1 and mean 0. The gamma distribution of shape 4 has a skewness of 1.
SHAPES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "normal": lambda rng, chips: rng.normal(size=chips),
    "rare bad chips": lambda rng, chips: (rng.gamma(4.0, size=chips) - 4.0) / 2.0,
    "rare good chips": lambda rng, chips: (4.0 - rng.gamma(4.0, size=chips)) / 2.0,
}
# Questions that a chip answers right or wrong by chance, and the chance of wrong.
FLIPS = {"one coin flip": (1, 0.5), "five coin flips": (5, 0.5), "rare flips": (20, 0.02)}


def coverage(
    draw: Callable[[], Array],
    cases: int,
    *,
    loss: float = 0.0,
    target: PrecisionTarget = TARGET,
    most: int = MOST,
    step: float = 0.0,
) -> tuple[float, float, float]:
    """Return the share of intervals that cover the true loss, that of narrow ones, and the chips.

    `draw` returns the losses of `most` chips, less the true loss.
    """
    covered = narrow = chips = 0
    for _ in range(cases):
        losses = (draw() + loss).tolist()
        number = chips_needed(losses, target, 1.0, most, step)
        of = mean_interval(losses[:number], ADJUSTED, step)
        half = of.half_width or 0.0
        covered += abs(of.centre - loss) <= half
        narrow += half <= target.half_width(of.centre, 1.0)
        chips += number
    return covered / cases, narrow / cases, chips / cases


def shaped(
    shape: str, spread: float, rng: np.random.Generator, step: float = STEP
) -> Callable[[], Array]:
    """Return a source of chips of a shape, in whole steps where there is one."""
    if not step:
        return lambda: spread * SHAPES[shape](rng, MOST)
    return lambda: np.round(spread * SHAPES[shape](rng, MOST) / step) * step


def flipping(noise: str, rng: np.random.Generator) -> Callable[[], Array]:
    """Return a source of chips that differ by few questions."""
    questions, chance = FLIPS[noise]
    return lambda: STEP * (rng.binomial(questions, chance, MOST) - questions * chance)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    print(f"of 100 intervals, how many cover (mean number of chips); {args.cases} cases a cell")
    print("| chips | " + " | ".join(f"{spread:g}" for spread in SPREADS) + " |")
    print("|---|" + "---:|" * len(SPREADS))
    for step, name in ((0.0, ""), (STEP, ", 192 questions")):
        for shape in SHAPES:
            cells = [coverage(shaped(shape, s, rng, step), args.cases, step=step) for s in SPREADS]
            print(f"| {shape}{name} | {_spelt(cells)} |")
    for loss in (5.0, 20.0, 70.0):
        target = PrecisionTarget(1.0, 0.1)
        cells = [
            coverage(shaped("normal", s, rng, 0.0), args.cases, loss=loss, target=target)
            for s in SPREADS
        ]
        print(f"| normal, or 10 % of {loss:g} | {_spelt(cells)} |")
    for noise, (questions, chance) in FLIPS.items():
        cell = coverage(flipping(noise, rng), args.cases, step=STEP)
        spread = STEP * math.sqrt(questions * chance * (1.0 - chance))
        print(f"{noise}, 192 questions: spread {spread:.2f}, {_spelt([cell])}")


def _spelt(cells: Sequence[tuple[float, float, float]]) -> str:
    return " | ".join(f"{100 * covered:.1f} ({chips:.1f})" for covered, _, chips in cells)


if __name__ == "__main__":
    main()
