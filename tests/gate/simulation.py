"""How often the gate is wrong, and what it finds: simulated nights, judged by the gate itself.

    python -m tests.gate.simulation [--nights 400] [--seed 1] [--chips 3 5 10] [--questions 12 ...]

prints the tables of docs/method.md. A night is one family of 53 cases. Each case has a score on
each of its initial chips, new and stored; where the gate asks for them, fresh chips follow; then
the family is decided.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from analog_bench.gate.case_verdicts import needs_confirmation
from analog_bench.gate.family_decision import decide_family
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Metric, Result
from analog_bench.store.baseline import CaseEntry, Provenance, StoredChip

Array = NDArray[np.float64]

F1 = Metric("f1", "points", True, 1.0)
CASES = 53
CHIPS, QUESTIONS = (3, 5, 10), (12, 32, 96, 1000)

# Points that chips lie apart, and the share of it by which reads of one chip do.
SPREAD, READ = 2.0, 0.5

WHEN = Provenance("2026-01-02T03:04:05+00:00", None, None, None, None)
NEW = Result(
    "bert/c0", "layer_noise", "bert", "c0", "white_output:std=1", 0.0, "none", "ideal",
    "direct", 1, "p1", "w1", 1, "measured", "", {"f1": 70.0}, {}, (),
)  # fmt: skip
STORED = CaseEntry("bert/c0", "p1", 1, "w1", 1, WHEN, {"f1": 70.0}, ())

# What a chip adds to a score, in points, of a shape. Log-normal scores lean either way: rare bad
# chips, or rare good ones.
SHIFTS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "normal": lambda rng, shape: rng.normal(0.0, SPREAD, shape),
    "rare bad chips": lambda rng, shape: -SPREAD / 2 * rng.lognormal(0.0, 1.0, shape),
    "rare good chips": lambda rng, shape: SPREAD / 2 * rng.lognormal(0.0, 1.0, shape),
    "heavy tails": lambda rng, shape: SPREAD / 2 * rng.standard_t(3, shape),
}
# Questions that a chip answers right or wrong by chance, and the chance of wrong.
FLIPS = {
    "no flips": (0, 0.0),
    "one coin flip": (1, 0.5),
    "three coin flips": (3, 0.5),
    "rare flips": (20, 0.02),
}
NOISES = (*SHIFTS, *FLIPS)


@dataclass(frozen=True)
class Design:
    """How the cases of a family are measured.

    Attributes:
        chips: Initial chips.
        questions: Questions that a score is over.
        paired: Whether the new chips are the baseline's.
        fresh: Whether the baseline has confirmation chips.
        noise: What chips differ by, by its name in `SHIFTS` or `FLIPS`.
        lost_by: Where it is in `FLIPS`: the questions, at least, that a real loss is spread over.
    """

    chips: int
    questions: int
    paired: bool
    fresh: bool
    noise: str
    lost_by: int = 1

    @property
    def step(self) -> float:
        """Points that one question makes."""
        return 100.0 / self.questions


def sides(
    design: Design, rng: np.random.Generator, chips: int, drop: Array, base: Array
) -> tuple[Array, Array]:
    """Return new and stored scores of shape (cases, chips) of a set of chips.

    `drop` is what the new ones lose, in points, and `base` what chips deviate from, both of shape
    (cases,). Scores are whole numbers of questions.
    """
    shape = (len(drop), chips)
    if design.noise in FLIPS:
        new, old = flipped(design, rng, shape)
        # One more than it takes, so that none of them is lost for certain.
        lost_by = max(design.lost_by, math.floor(drop.max() / design.step) + 1)
        new = new + rng.binomial(lost_by, drop[:, None] / design.step / lost_by, shape)
        return base[:, None] - design.step * new, base[:, None] - design.step * old
    draw = SHIFTS[design.noise]
    if design.paired:
        chip = draw(rng, shape)
        shifts = [chip + READ * draw(rng, shape) for _ in range(2)]
    else:
        shifts = [draw(rng, shape) for _ in range(2)]
    new, old = base[:, None] + shifts[0] - drop[:, None], base[:, None] + shifts[1]
    return np.round(new / design.step) * design.step, np.round(old / design.step) * design.step


def flipped(
    design: Design, rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[Array, Array]:
    """Return how many questions go wrong on each chip, new and stored.

    A paired chip answers every other question as it did before.
    """
    questions, chance = FLIPS[design.noise]
    new, old = rng.random((2, *shape, questions)) < chance
    if design.paired:
        new = np.where(rng.random(new.shape) < READ, new, old)
    return new.sum(axis=-1), old.sum(axis=-1)


def measured(scores: Sequence[float], first: int = 0) -> tuple[Measurement, ...]:
    """Return chips with these scores."""
    return tuple(Measurement(first + n, {"f1": s}, {}, (), 1.0) for n, s in enumerate(scores))


def stored(scores: Sequence[float], first: int = 0) -> tuple[StoredChip, ...]:
    """Return chips of a baseline with these scores, rounded as it rounds them."""
    return tuple(StoredChip(first + n, {"f1": round(s, 6)}, ()) for n, s in enumerate(scores))


QUIET = (replace(NEW, chips=measured([70.0])), replace(STORED, chips=stored([70.0])))


def night(
    design: Design, rng: np.random.Generator, drop: Array, *, alarms_only: bool = False
) -> list[str]:
    """Return the gate's outcome on each case of a night, whose true losses are `drop` points.

    Where only alarms count, the cases that are no worse by the margin, and cannot regress, are all
    the same quiet one, which is faster: that they are there is what counts.
    """
    base = rng.uniform(30.0, 90.0, len(drop))
    first = [side.tolist() for side in sides(design, rng, design.chips, drop, base)]
    again = [side.tolist() for side in sides(design, rng, 2 * design.chips, drop, base)]
    seen, examples = [], {NEW.protocol: design.questions}
    for new, old, more, others in zip(*first, *again, strict=True):
        if alarms_only and fmean(new) >= fmean(old) - F1.margin:
            seen.append(QUIET)
            continue
        chips = stored(old)
        if design.fresh:
            chips += stored(others, FIRST_CONFIRMATION_CHIP)
        entry = replace(STORED, chips=chips)
        result = replace(NEW, seed=1 if design.paired else 2, chips=measured(new))
        if needs_confirmation(result, entry, F1, examples):
            result = replace(result, chips=measured(new) + measured(more, FIRST_CONFIRMATION_CHIP))
        seen.append((result, entry))
    return [case.decision.outcome for case in decide_family(seen, F1, examples)]


def false_alarms(design: Design, nights: int, seed: int, cases: int = CASES) -> float:
    """Return the share of nights on which a case `regressed` though nothing changed."""
    rng = np.random.default_rng(seed)
    still = np.zeros(cases)
    outcomes = [night(design, rng, still, alarms_only=True) for _ in range(nights)]
    return float(np.mean(["regressed" in night for night in outcomes]))


def found(design: Design, nights: int, seed: int, drop: float, changed: int = 3) -> float:
    """Return the share of real losses that `regressed`, where a few of a family's cases lose."""
    rng = np.random.default_rng(seed)
    drops = np.zeros(CASES)
    drops[:changed] = drop
    outcomes = [night(design, rng, drops)[:changed] for _ in range(nights)]
    return float(np.mean(np.array(outcomes) == "regressed"))


def equivalent_at_margin(design: Design, nights: int, seed: int) -> float:
    """Return the share of cases called `equivalent` though all of the family lose the margin."""
    rng = np.random.default_rng(seed)
    lost = np.full(CASES, F1.margin)
    outcomes = [night(design, rng, lost) for _ in range(nights)]
    return float(np.mean(np.array(outcomes) == "equivalent"))


def table(
    cell: Callable[[Design], float],
    chips: Sequence[int],
    questions: Sequence[int],
    variants: Sequence[dict[str, object]],
) -> Iterator[str]:
    """Yield a Markdown table: the worst of the variants, in %, by chips, questions and design."""
    designs = list(product((False, True), (True, False)))
    names = [f"{('unpaired', 'paired')[p]}, {('without', 'with')[f]}" for p, f in designs]
    yield f"| chips | questions | {' | '.join(names)} |"
    yield f"|---:|---:|{'---:|' * len(names)}"
    for number, over in product(chips, questions):
        cells = []
        for paired, fresh in designs:
            worst = max(cell(Design(number, over, paired, fresh, **v)) for v in variants)
            cells.append(f"{100 * worst:.1f}")
        yield f"| {number} | {over} | {' | '.join(cells)} |"


def main() -> None:
    """Print the tables as they are reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate.simulation", description=__doc__)
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chips", type=int, nargs="+", default=CHIPS)
    parser.add_argument("--questions", type=int, nargs="+", default=QUESTIONS)
    args = parser.parse_args()
    grid = args.chips, args.questions
    noises = [{"noise": noise} for noise in NOISES if noise != "no flips"]
    print(f"False alarms: nights of 100, worst of {', '.join(n['noise'] for n in noises)}\n")
    for line in table(lambda d: false_alarms(d, args.nights, args.seed), *grid, noises):
        print(line, flush=True)
    shifts = [{"noise": noise} for noise in SHIFTS]
    lost = [{"noise": "no flips", "lost_by": number} for number in (1, 3, 50)]
    print("\n`equivalent` where the true change is the margin: cases of 100, worst of", end=" ")
    print("the same shifts and of a loss spread over 1, 3 or 50 questions\n")
    # 53 cases a night, and three: fewer nights are as sure.
    few, some = max(1, args.nights // 10), max(1, args.nights // 2)
    for line in table(lambda d: equivalent_at_margin(d, few, args.seed), *grid, [*shifts, *lost]):
        print(line, flush=True)
    print("\nReal losses found, of 100: 3 points on paired chips, 4 on unpaired; normal\n")
    for line in table(
        lambda d: found(d, some, args.seed, 3.0 if d.paired else 4.0), *grid, [{"noise": "normal"}]
    ):
        print(line, flush=True)


if __name__ == "__main__":
    main()
