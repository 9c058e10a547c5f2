"""What bench_self.py measures and how it judges: chips of equal hardware, and of worse hardware."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from msgspec.structs import replace
from rich.progress import track

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.gate.case_verdicts import Verdict, judge_family, needs_confirmation
from analog_bench.noise import Noise
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Result
from analog_bench.simulators.registry import DEFAULT_TILE
from analog_bench.store.baseline import CaseEntry, Provenance, case_entry
from analog_bench.study import Budget
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.task_kinds import F1
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find

LOCK = Path("zoo.lock.json")
SPEC = find("bert", "embedded", read_lock(LOCK))
LAYERS = tuple(layer.name for layer in SPEC.layers if layer.kind == "matmul")
DAY_S = 86_400.0
FIXED_RULE = 0.5  # points of F1: "mean drop above 0.5", the rule that is compared with
_NOW = Provenance("2000-01-01T00:00:00+00:00", None, None, None, None)


@dataclass(frozen=True)
class Sample:
    """Two samples of chips of one case, as two runs would have measured them.

    Attributes:
        new: What is judged; its confirmation chips are there whether they are needed or not.
        old: What it is judged against.
        examples: Questions that every score is over.
    """

    new: Result
    old: CaseEntry
    examples: int

    @property
    def seen(self) -> Result:
        """The new result with its confirmation chips only where a run would have measured them."""
        initial = replace(self.new, chips=self.new.initial_chips)
        again = needs_confirmation(initial, self.old, F1, {self.old.protocol: self.examples})
        return self.new if again else initial


def runner_of(examples: int, seed: int) -> Runner:
    """Return a runner of the embedded BERT on the first embedded questions."""
    loaded = load(SPEC, lock_path=LOCK)
    found = load_questions("embedded", examples=examples, data_folder=None, lock=LOCK)
    task = QuestionAnswering(found.name, found.rows, loaded.tokenizer)
    return Runner(loaded.model, task, seed=seed, weights=loaded.weights_sha256)


def case_of(layer: str, noise: Noise) -> Case:
    """Return the case of one layer on torch tiles, a day after programming."""
    return Case("self", "bert", (layer,), noise, DAY_S, DEFAULT_TILE, "ideal", "direct", layer)


def pool(runner: Runner, noise: Noise, chips: int, layers: Sequence[str]) -> list[Result]:
    """Measure every layer on many chips of one hardware, with progress on a terminal."""
    return [
        runner.measure(case_of(layer, noise), range(chips))
        for layer in track(layers, description=f"{chips} chips of {noise}", transient=True)
    ]


def drawn(
    new: Result, old: Result, budget: Budget, chips: Sequence[int], others: Sequence[int]
) -> Sample:
    """Let chips of a pool play the initial and confirmation chips of two runs.

    Args:
        new: The pool that the judged run takes from.
        old: The pool of the baseline.
        budget: How many chips each set has, and how many questions were asked.
        chips: Indices of the new run's, initial chips first.
        others: Indices of the baseline's; the same ones are paired.

    Returns:
        The two samples, the baseline with both sets of chips, as an update of it measures them.
    """
    places = [*budget.initial_chips, *budget.confirmation_chips]
    paired = list(chips) == list(others)

    def taken(result: Result, indices: Sequence[int], seed: int) -> Result:
        measured = tuple(
            replace(result.chips[index], chip=place)
            for place, index in zip(places, indices, strict=True)
        )
        return replace(result, chips=measured, seed=seed)

    stored = case_entry(taken(old, others, 0), _NOW)
    return Sample(taken(new, chips, 0 if paired else 1), stored, budget.examples or 0)


def judged(samples: Sequence[Sample]) -> list[Verdict]:
    """Judge samples as one family."""
    family = [(sample.seen, sample.old) for sample in samples]
    return judge_family(family, F1, {one.old.protocol: one.examples for one in samples})


def fixed_rule(sample: Sample) -> bool:
    """Return whether the rule of the peers would raise an alarm: a mean drop above 0.5 F1."""
    old = [chip.scores[F1.name] for chip in sample.old.chips if chip.chip < FIRST_CONFIRMATION_CHIP]
    new = [chip.scores[F1.name] for chip in sample.new.initial_chips]
    return fmean(old) - fmean(new) > FIXED_RULE


def equal_hardware(
    measured: Sequence[Result], budget: Budget, repeats: int, seed: int
) -> Iterator[list[Sample]]:
    """Yield A/A comparisons: two runs of the same study on different chips of the same hardware."""
    rng = np.random.default_rng(seed)
    size = len(budget.initial_chips) + len(budget.confirmation_chips)
    for _ in range(repeats):
        order = rng.permutation(len(measured[0].chips)).tolist()
        chips, others = order[:size], order[size : 2 * size]
        yield [drawn(result, result, budget, chips, others) for result in measured]


def worse_hardware(
    new: Result, old: Result, budget: Budget, repeats: int, paired: bool, seed: int
) -> list[Sample]:
    """Return A/B comparisons of one case.

    Paired, and wherever the pools are large enough, every repeat has chips of its own; otherwise
    repeats share some.
    """
    rng = np.random.default_rng(seed)
    size = len(budget.initial_chips) + len(budget.confirmation_chips)
    total = len(old.chips)
    samples = []
    for repeat in range(repeats):
        if paired:
            chips = [(repeat * size + n) % total for n in range(size)]
            others = chips
        else:
            order = rng.permutation(total).tolist()
            chips, others = order[:size], order[size : 2 * size]
        samples.append(drawn(new, old, budget, chips, others))
    return samples


def seconds(results: Sequence[Result]) -> float:
    """Return the mean wall-clock seconds of a chip."""
    return fmean(chip.seconds for result in results for chip in result.chips)
