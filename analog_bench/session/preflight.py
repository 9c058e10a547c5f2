"""Before the first case: is everything there that the run needs?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from analog_bench.case import Case
from analog_bench.errors import UsageError
from analog_bench.records import Identity, Result
from analog_bench.session.case_groups import Fingerprints, fingerprints_of
from analog_bench.session.case_measurement import check_unchanged
from analog_bench.session.forecast import Forecast
from analog_bench.session.model_cache import ModelCache
from analog_bench.store.baselines_by_device import read_digital_for
from analog_bench.study import Study


class Preflight(NamedTuple):
    """What is known of a run before its first case.

    Attributes:
        expected: How long it will take, in one line; empty where nothing will be measured, or
            nobody asked.
        fingerprints: What cases are measured with, by model, variant and study; without those
            that lack weights.
    """

    expected: str
    fingerprints: Mapping[tuple[str, str, str], Fingerprints]


def preflight(
    models: ModelCache,
    selected: Iterable[tuple[Study, Case]],
    earlier: Mapping[Identity, Result],
    *,
    forecast: bool,
    workers: int | None = None,
) -> Preflight:
    """Load the weights, data and baselines of every model and study once.

    With `forecast` the models are timed, to say how long the selected cases will take which the
    resumed run (`earlier`) does not hold, in this process or on so many workers.

    Raises:
        BenchError: Something is missing or malformed, or not what the resumed run began with.
    """
    families: dict[tuple[str, str, str], tuple[Study, list[Case]]] = {}
    for study, case in selected:
        families.setdefault((case.model, case.variant, case.study), (study, []))[1].append(case)
    prompt = models.settings.choice.prompt
    if families and prompt is not None and all(s.prompt is None for s, _ in families.values()):
        raise UsageError(
            "--prompt would change nothing: no selected study writes text; use -k generation"
        )
    expected = Forecast(models, workers)
    fingerprints: dict[tuple[str, str, str], Fingerprints] = {}
    measured = {(case_id, study) for case_id, study, _ in earlier}
    # Sorted by model, so that each is loaded once.
    for family, (study, cases) in sorted(families.items(), key=lambda item: item[0]):
        models.case_baseline(cases[0])
        read_digital_for(models.settings.baselines, cases[0].model, models.computed)
        models.task(study, cases[0].model)
        if not models.missing_weights(cases[0]):
            own = fingerprints[family] = fingerprints_of(models, study, cases[0])
            check_unchanged(earlier, cases[0], own.data, own.weights)
            models.check_precision(study, cases[0].model)
            if forecast:
                expected.add(study, [c for c in cases if (c.id, c.study) not in measured])
    return Preflight(str(expected), fingerprints)
