"""How long a run will take, said before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from analog_bench.case import Case
from analog_bench.engine.pace import Pace
from analog_bench.session.model_cache import ModelCache
from analog_bench.spelling import counted
from analog_bench.study import Study


class Forecast:
    """Adds up how long cases will take, from a short timing of each model."""

    def __init__(self, models: ModelCache, workers: int | None = None) -> None:
        """Forecast for this process, or for so many workers that are each as fast."""
        self._models = models
        self._workers = workers
        self._paces: dict[tuple[str, str | None], Pace] = {}
        self._seconds = 0.0
        self._cases = 0

    def add(self, study: Study, cases: Sequence[Case]) -> None:
        """Count a study's cases of one model."""
        if not cases:
            return
        model = cases[0].model
        runner, budget = self._models.runner(study, model), self._models.budget(study, model)
        # A model runs as fast in one study as in another, unless it writes there.
        key = (model, study.prompt)
        if key not in self._paces:
            self._paces[key] = runner.pace()
        for case in cases:
            chips = self._models.settings.chips_of(case, budget)
            a_chip = runner.seconds(case, self._paces[key], propagation=study.propagation)
            self._seconds += chips * a_chip
        self._cases += len(cases)

    def __str__(self) -> str:
        """Return the forecast as one line; empty where nothing will be measured."""
        if not self._cases:
            return ""
        cases, on = counted(self._cases, "case"), counted(torch.get_num_threads(), "thread")
        if self._workers is not None:
            on = counted(self._workers, "worker")
        seconds = self._seconds / (self._workers or 1)
        return f"expected: about {approximate(seconds)} for {cases} on {on}"


def approximate(seconds: float) -> str:
    """Spell a duration with as many digits as a forecast deserves: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 95:
        return f"{max(10 * round(seconds / 10), 10)} s"
    if seconds < 5700:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"
