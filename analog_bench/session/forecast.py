"""How long a run will take, said before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from analog_bench.case import Case
from analog_bench.engine.pace import Pace
from analog_bench.session.model_cache import ModelCache
from analog_bench.study import Study


class Forecast:
    """Adds up what cases will take, from a quick look at how fast the models run here."""

    def __init__(self, models: ModelCache, *, fresh_chips: bool) -> None:
        """Foresee nothing yet.

        Args:
            models: Where models are loaded.
            fresh_chips: Whether every case is measured on confirmation chips, too.
        """
        self._models = models
        self._fresh_chips = fresh_chips
        self._paces: dict[tuple[str, str | None], Pace] = {}
        self._seconds = 0.0
        self._cases = 0

    def add(self, study: Study, cases: Sequence[Case]) -> None:
        """Count a study's cases of one model.

        Args:
            study: The study.
            cases: Its cases, all of the same model.
        """
        if not cases:
            return
        model = cases[0].model
        runner, budget = self._models.runner(study, model), self._models.budget(study, model)
        # A model runs as fast in one study as in another, unless it writes there.
        key = (model, study.prompt)
        if key not in self._paces:
            self._paces[key] = runner.pace()
        chips = len(budget.initial_chips) + self._fresh_chips * len(budget.confirmation_chips)
        for case in cases:
            self._seconds += (chips if case.draws else 1) * runner.seconds(case, self._paces[key])
        self._cases += len(cases)

    def __str__(self) -> str:
        """Return the forecast as one line; empty where nothing will be measured."""
        if not self._cases:
            return ""
        cases = "1 case" if self._cases == 1 else f"{self._cases} cases"
        threads = torch.get_num_threads()
        on = "1 thread" if threads == 1 else f"{threads} threads"
        return f"expected: about {roughly(self._seconds)} for {cases} on {on}"


def roughly(seconds: float) -> str:
    """Spell a duration with as many digits as a guess deserves: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 95:
        return f"{max(10 * round(seconds / 10), 10)} s"
    if seconds < 5700:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"
