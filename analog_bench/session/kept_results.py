"""Cases that a verb measures by itself, each kept in a results file: a second call goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import structs

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.errors import StoreError, TileUnavailable
from analog_bench.planned_case_record import PlannedCase
from analog_bench.records import Metric, Result
from analog_bench.session.case_measurement import measure_case
from analog_bench.session.model_cache import ModelCache, environment_facts
from analog_bench.session.recorder import run_of
from analog_bench.session.settings import Settings
from analog_bench.store.environment import new_manifest, resume_conflicts
from analog_bench.store.run import Record, Run, by_identity, storable
from analog_bench.store.run_file import read_run, write_run
from analog_bench.study import Study
from analog_bench.zoo.model_shape import ModelShape

Tell = Callable[[str, Sequence[Case]], Iterable[Case]]
"""Shows progress: yields the cases that are measured for a purpose, one by one."""


class KeptResults:
    """Measures cases of one study and model, and writes each result to a file at once.

    Results that are in the file are not measured again. Unlike a journal it is a results file at
    any moment, which is affordable because cases are few.
    """

    def __init__(
        self, study: Study, settings: Settings, path: Path, command: str, given: Mapping[str, str]
    ) -> None:
        """Read the file where there is one; `given` are the options that numbers depend on.

        Raises:
            StoreError: The file cannot be read, or is of other options or another environment.
        """
        self.models = ModelCache(settings, workers=1)
        self.path = path
        self._study = study
        self._taken: dict[str, Result] = {}
        options = {**given, "gate": "off"}
        facts = environment_facts(settings.device)
        self._manifest = new_manifest(settings.seed, command, facts, options)
        self._records: dict[str, Record] = {}
        self._shapes: dict[str, ModelShape] = {}
        if os.path.exists(path):
            self._go_on(read_run(path))

    def _go_on(self, run: Run) -> None:
        # Of another commit of this project everything that counts is checked case by case.
        conflicts = resume_conflicts(structs.replace(run.manifest, commit=None), self._manifest)
        if conflicts:
            raise StoreError(
                f"{self.path} was measured otherwise ({conflicts}); give other results a file of "
                "their own with --out, or delete it"
            )
        self._shapes = dict(run.shapes)
        scopes = {scope.study_and_model: scope for scope in run.scopes}
        for result in run.results:
            self._records[result.case_id] = Record(result, scopes[result.study_and_model])

    def take(self, results: Iterable[Result]) -> None:
        """Let results from elsewhere stand for measurements of their cases."""
        self._taken |= {result.case_id: result for result in results}

    def tell_plans(self, plans: Mapping[str, PlannedCase], shape: ModelShape) -> None:
        """Write beside the results of cases, by their ids, which plans they are of what model."""
        before = dict(self._records)
        for case_id, plan in plans.items():
            record = self._records[case_id]
            result = structs.replace(record.result, plan=plan)
            self._records[case_id] = Record(result, record.scope)
            self._shapes[result.model] = shape
        if self._records != before:
            self._write()

    def runner(self, case: Case) -> Runner:
        """Return the runner of a case's model and weights; raises as `ModelCache.runner`."""
        return self.models.runner(self._study, case.model, case.variant)

    def measure(self, purpose: str, cases: Sequence[Case], tell: Tell) -> list[Result]:
        """Return the results of cases, measured where they are not known yet; see `measure_case`.

        Raises:
            TileUnavailable: Tiles cannot be had here.
        """
        return [self._result(case) for case in tell(purpose, cases)]

    def _result(self, case: Case) -> Result:
        if case.id in self._taken:
            return self._taken[case.id]
        known = by_identity(record.result for record in self._records.values())
        record = measure_case(self.models, self._study, case, known)[0]
        if record.result.status == "skipped":
            raise TileUnavailable(record.result.reason)
        if record.result is not known.get(record.result.identity):
            record = Record(storable(record.result), record.scope)
            self._records[case.id] = record
            self._write()
        return record.result

    def _write(self) -> None:
        write_run(self.path, run_of(self._records.values(), self._manifest, self._shapes))


def losses_of(result: Result, metric: Metric, reach: float) -> tuple[float, ...]:
    """Return a case's loss on each chip; a broken model loses what guessing loses, `reach`."""
    return result.losses(metric) if result.status == "measured" else (reach,)
