"""Before the first case: is everything there that the run needs, and how long will it take?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from analog_bench.case import Case
from analog_bench.engine.case_duration import Pace
from analog_bench.errors import UsageError
from analog_bench.records import Identity, Result
from analog_bench.session.model_cache import ModelCache
from analog_bench.store.baseline_file import read_digital
from analog_bench.study import Study


def preflight(
    models: ModelCache,
    selected: Iterable[tuple[Study, Case]],
    earlier: Mapping[Identity, Result],
    *,
    forecast: bool,
) -> str:
    """Load the weights, data and baselines of every model and study once.

    With `forecast` the models are timed, and one line is returned that says how long the selected
    cases will take which the resumed run (`earlier`) does not hold; an empty one otherwise.

    Raises:
        BenchError: Something is missing or malformed.
    """
    families: dict[tuple[str, str, str], tuple[Study, list[Case]]] = {}
    for study, case in selected:
        families.setdefault((case.model, case.variant, case.study), (study, []))[1].append(case)
    prompt = models.settings.choice.prompt
    if families and prompt is not None and all(s.prompt is None for s, _ in families.values()):
        raise UsageError(
            "--prompt would change nothing: no selected study writes text; use -k generation"
        )
    expected = Forecast(models)
    measured = {(case_id, study) for case_id, study, _ in earlier}
    # Sorted by model, so that each is loaded once.
    for (model, _, _), (study, cases) in sorted(families.items(), key=lambda item: item[0]):
        models.case_baseline(cases[0])
        read_digital(models.settings.baselines, model)
        models.task(study, model)
        if not models.missing_weights(cases[0]):
            models.loaded(model, cases[0].variant)
            if forecast:
                expected.add(study, [c for c in cases if (c.id, c.study) not in measured])
    return str(expected)


class Forecast:
    """Adds up how long cases will take, from a short timing of each model."""

    def __init__(self, models: ModelCache) -> None:
        self._models = models
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
        chips = len(budget.initial_chips)
        if self._models.settings.update_baselines:
            chips += len(budget.confirmation_chips)
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
        return f"expected: about {approximate(self._seconds)} for {cases} on {on}"


def approximate(seconds: float) -> str:
    """Spell a duration with as many digits as a forecast deserves: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 95:
        return f"{max(10 * round(seconds / 10), 10)} s"
    if seconds < 5700:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"
