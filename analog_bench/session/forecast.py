"""How long a run will take, said before it starts: in all, and study by study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

import torch

from analog_bench.case import Case
from analog_bench.engine.pace import Pace
from analog_bench.gate.chip_change import score_step
from analog_bench.gate.precision import chips_expected
from analog_bench.noise import Noise
from analog_bench.precision_target import FEWEST_CHIPS_TO_REACH_IT
from analog_bench.session.model_cache import ModelCache
from analog_bench.spelling import counted
from analog_bench.store.baseline_file import read_digital
from analog_bench.study import Budget, Study


class _Case(NamedTuple):
    """How long a case takes.

    Attributes:
        a_chip: Seconds per chip.
        chips: Number of chips; None where it is not known how many the case needs.
        most: The most chips that it may have.
    """

    a_chip: float
    chips: int | None
    most: int


@dataclass(frozen=True)
class _Cases:
    """A study's cases of one model.

    Attributes:
        beforehand: Seconds of what is solved for before the first chip of any.
    """

    study: str
    model: str
    cases: tuple[_Case, ...]
    beforehand: float

    def seconds(self, share: float) -> float:
        """Return what they take, where cases of unknown need take this share of the most."""
        return self.beforehand + math.fsum(
            one.a_chip * (one.most * share if one.chips is None else one.chips)
            for one in self.cases
        )

    @property
    def most_seconds(self) -> float:
        """What they take where each has the most chips."""
        return self.beforehand + math.fsum(one.a_chip * one.most for one in self.cases)


class Forecast:
    """Adds up how long cases will take, from a short timing of each model.

    If chips are added until a precision is reached, the case's baseline says how many that takes if
    nothing has changed. A case without one is taken to need the same share of its most chips as the
    others do, or all of them if no case has a baseline.
    """

    def __init__(self, models: ModelCache, workers: int | None = None) -> None:
        """Forecast for this process, or for so many workers that are each as fast."""
        self._models = models
        self._workers = workers
        self._at_once = workers or 1
        self._paces: dict[tuple[str, str | None], Pace] = {}
        self._families: list[_Cases] = []

    def add(self, study: Study, cases: Sequence[Case]) -> None:
        """Count a study's cases of one model."""
        if not cases:
            return
        model, settings = cases[0].model, self._models.settings
        runner, budget = self._models.runner(study, model), self._models.budget(study, model)
        # A model runs as fast in one study as in another, unless it writes there.
        key = (model, study.prompt)
        if key not in self._paces:
            self._paces[key] = runner.pace()
        pace = self._paces[key]
        timed = []
        for case in cases:
            a_chip = runner.seconds(case, pace, propagation=study.propagation)
            most = settings.chips_of(case, budget)
            timed.append(_Case(a_chip, self._chips(study, case, budget, most), most))
        # What is solved for a layer in one case serves the others.
        solving: list[Case] = []
        solved: set[tuple[Noise, float, str]] = set()
        for case in cases:
            new = {(case.noise, case.drift_s, layer) for layer in case.layers} - solved
            solving += [replace(case, layers=tuple(layer for _, _, layer in new))] if new else []
            solved |= new
        beforehand = math.fsum(pace.solving(case, runner.share(case)) for case in solving)
        self._families.append(_Cases(study.name, model, tuple(timed), beforehand))

    def seconds(self) -> float:
        """Return what all cases are expected to take."""
        share = self._share()
        return math.fsum(family.seconds(share) for family in self._families) / self._at_once

    def __str__(self) -> str:
        """Return the forecast as a line, with one per study if there are several; or nothing."""
        cases = [one for family in self._families for one in family.cases]
        if not cases:
            return ""
        on = counted(torch.get_num_threads(), "thread")
        if self._workers is not None:
            on = counted(self._workers, "worker")
        line = f"expected: about {approximate(self.seconds())}"
        if any(one.chips != one.most for one in cases):
            most = math.fsum(family.most_seconds for family in self._families) / self._at_once
            line += f", at most {approximate(most)},"
        return "\n".join([f"{line} for {counted(len(cases), 'case')} on {on}", *self._lines()])

    def _lines(self) -> list[str]:
        share = self._share()
        studies: dict[str, dict[str, float]] = {}
        for family in self._families:
            models = studies.setdefault(family.study, {})
            took = family.seconds(share) / self._at_once
            models[family.model] = models.get(family.model, 0.0) + took
        if len(studies) < 2:
            return []
        width = max(map(len, studies))
        return [
            f"  {study:{width}}  {approximate(math.fsum(models.values()))}: "
            + ", ".join(f"{model} {approximate(took)}" for model, took in models.items())
            for study, models in sorted(
                studies.items(), key=lambda one: -math.fsum(one[1].values())
            )
        ]

    def _share(self) -> float:
        """Return the share of what they may have that cases of known need have, on average."""
        known = [
            one.chips / one.most
            for family in self._families
            for one in family.cases
            if one.chips is not None and one.most > FEWEST_CHIPS_TO_REACH_IT
        ]
        return fmean(known) if known else 1.0

    def _chips(self, study: Study, case: Case, budget: Budget, most: int) -> int | None:
        """Return how many chips a case will have; None where nothing says how many it needs."""
        if budget.precision is None or not case.draws:
            return most
        task, metric = self._models.task(study, case.model), self._models.metric(study, case.model)
        entry = self._models.case_baseline(case).find(case.id, task.protocol)
        if entry is None or metric.name not in entry.digital:
            return None
        losses = [
            metric.loss(chip.scores[metric.name], entry.digital[metric.name])
            for chip in entry.chips
            if metric.name in chip.scores
        ]
        if not losses:
            return None
        if not case.noise.DRAWN_ONCE and entry.protocol != task.protocol:
            # Such chips differ by their reads alone, which more examples average out.
            digital = read_digital(self._models.settings.baselines, case.model)
            stored = digital.entries.get(entry.protocol)
            mean, ratio = fmean(losses), stored.examples / task.examples if stored else 1.0
            losses = [mean + math.sqrt(ratio) * (loss - mean) for loss in losses]
        step = score_step(metric, task.examples)
        chips = chips_expected(losses, budget.precision, metric.margin, budget.chips, step)
        return chips * (most // budget.chips)  # with those that confirm


def approximate(seconds: float) -> str:
    """Spell a duration with as many digits as a forecast deserves: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 95:
        return f"{max(10 * round(seconds / 10), 10)} s"
    if seconds < 5700:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"
