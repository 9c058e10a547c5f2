"""What layers alone should lose by theory, on tiles and in INT8: no noisy model is run for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from analog_bench.analog.chip import Chip
from analog_bench.analog.layers import find
from analog_bench.case import Case
from analog_bench.engine.zero_shot import ZeroShot, zero_shot
from analog_bench.planning.plan_record import How
from analog_bench.session.kept_results import KeptResults


def zero_shot_losses(
    kept: KeptResults, alone: Mapping[tuple[str, How], Case]
) -> dict[tuple[str, How], ZeroShot]:
    """Return estimates by layer and by what becomes of it; `alone` are the cases of single layers.

    Raises:
        BenchError: See `ModelCache.runner`.
    """
    found: dict[tuple[str, How], ZeroShot] = {}
    for how in dict.fromkeys(how for _, how in alone):
        cases = {layer: case for (layer, its_how), case in alone.items() if its_how == how}
        runner = kept.runner(next(iter(cases.values())))
        names = {place.path: place.name for place in find(runner.model, list(cases))}

        def chip_of(path: str, chip: int) -> AbstractContextManager[Chip]:
            return runner.chip(cases[names[path]], chip)  # noqa: B023 - called before the next one

        seed = kept.models.settings.seed
        estimates = zero_shot(runner.model, runner.task, names, chip_of, seed=seed)
        found |= {(names[path], how): one for path, one in estimates.items()}
    return found
