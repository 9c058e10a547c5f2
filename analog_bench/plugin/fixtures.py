"""The fixtures of bench files. All are built from the run's options; none reads anything global."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from analog_bench.case import Case
from analog_bench.errors import BenchError, TileUnavailable
from analog_bench.gate.requirement import first_unmet
from analog_bench.records import Metric, Result, Scope
from analog_bench.session.recorder import Record
from analog_bench.session.settings import Settings
from analog_bench.study import Budget, Study

if TYPE_CHECKING:
    from torch import nn

    from analog_bench.analog.chip import Chip
    from analog_bench.engine.runner import Runner
    from analog_bench.gate.verdict import Verdict
    from analog_bench.session.model_cache import ModelCache
    from analog_bench.simulators.probe import Environment
    from analog_bench.tasks.task import Task
    from analog_bench.zoo.load import LoadedModel

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
MODEL_CACHE: pytest.StashKey[ModelCache] = pytest.StashKey()
KEPT: pytest.StashKey[Mapping[tuple[str, str, str], Result]] = pytest.StashKey()
"""By case id, study and protocol: what the run that is resumed measured."""
STUDY_MARK = "study"


def model_cache_of(config: pytest.Config) -> ModelCache:
    """Return the session's models, made at its first use: it imports torch."""
    if MODEL_CACHE not in config.stash:
        from analog_bench.session.model_cache import ModelCache

        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        config.stash[MODEL_CACHE] = ModelCache(config.stash[SETTINGS], workers)
    return config.stash[MODEL_CACHE]


@contextmanager
def plainly() -> Iterator[None]:
    """Turn a user's mistake into a failed test of one line, and a missing tile into a skip."""
    try:
        yield
    except TileUnavailable as problem:
        pytest.skip(str(problem))
    except BenchError as problem:
        # Not by `pytest.fail`, which would show the mistake twice.
        raise pytest.fail.Exception(str(problem), pytrace=False) from None


class Baseline:
    """What earlier runs said of the case at hand."""

    def __init__(self, models: ModelCache, settings: Settings, study: Study, case: Case) -> None:
        """Look nothing up yet.

        Args:
            models: Where stored results are read.
            settings: The run's options.
            study: The study that lists the case.
            case: The case.
        """
        self._models = models
        self._settings = settings
        self._study = study
        self._case = case

    def verdict(self, result: Result) -> Verdict:
        """Compare a result with the stored one by itself, in the main metric.

        The run's own verdicts are reached at its end, over all cases of the model and study: how
        many there are counts.

        Raises:
            BaselineError: The baseline file is corrupt.
        """
        from analog_bench.gate.verdict import judge

        entry = self._models.case_baseline(self._case).find(result.case_id, result.protocol)
        return judge(result, entry, self._metric)

    def looks_changed(self, result: Result) -> bool:
        """Return whether fresh chips should be measured, to confirm or refute a suspicion."""
        from analog_bench.gate.verdict import needs_confirmation

        entry = self._models.case_baseline(self._case).find(result.case_id, result.protocol)
        return needs_confirmation(result, entry, self._metric)

    def check(self, result: Result) -> None:
        """Fail the test where its result alone is reason enough; skip it where it is `skipped`.

        That is where it is `broken`, or does not meet `--max-drop`. Whether it `regressed` is
        decided at the end of the run, and then fails the test.
        """
        with plainly():
            verdict = self.verdict(result)
        if verdict.kind == "skipped":
            pytest.skip(verdict.reason)
        unmet = first_unmet(result, self._settings.requirements)
        if self._settings.gate == "warn":
            return
        if verdict.kind == "broken":
            pytest.fail(f"broken: {verdict.reason}", pytrace=False)
        if unmet:
            pytest.fail(unmet, pytrace=False)

    @property
    def _metric(self) -> Metric:
        return self._study.judged(self._models.main_metric(self._study, self._case.model))


@pytest.fixture(scope="session")
def environment() -> Environment:
    """Return versions, devices, and which tile engines work here and why not otherwise."""
    from analog_bench.simulators.probe import probe

    return probe()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """Return the run's options."""
    return request.config.stash[SETTINGS]


@pytest.fixture
def study(request: pytest.FixtureRequest) -> Study:
    """Return the study that the bench function is marked with."""
    mark = request.node.get_closest_marker(STUDY_MARK)
    if mark is None:
        pytest.fail("mark the function with @pytest.mark.study(STUDY)", pytrace=False)
    found: Study = mark.args[0]
    return found


@pytest.fixture
def measure(
    request: pytest.FixtureRequest, study: Study, settings: Settings
) -> Callable[[Case], Result]:
    """Return a function that measures a case on the budget's chips, and records the result.

    A case that looks changed from its baseline is measured on fresh chips, too, as is every case
    where baselines are updated. The result is in the table and the results file even where the test
    then fails. A result that a resumed run holds already is not measured again.
    """
    models = model_cache_of(request.config)

    def measured(case: Case) -> Result:
        with plainly():
            lacks, budget = models.lacks(case), models.budget(study, case.model)
            runner = models.runner(study, case.model, "direct" if lacks else case.variant)
            stored = Baseline(models, settings, study, case)
            result = _kept(request.config, case, runner, budget)
            if result is None and lacks:
                result = runner.skipped(case, lacks)
            elif result is None:
                result = _measured(case, runner, budget, settings, stored)
        scope = Scope(
            study=study.name,
            model=case.model,
            question=study.question,
            data=runner.task.data,
            examples=runner.task.examples,
            main_metric=runner.task.metrics[0].name,
            margins=dict(study.margins),
        )
        record = Record(result, scope)
        request.node.user_properties += [record.as_property(), *record.in_words()]
        return result

    return measured


@pytest.fixture
def baseline(
    request: pytest.FixtureRequest, study: Study, settings: Settings, case: Case
) -> Baseline:
    """Return what earlier runs said of the case; see `Baseline.check`."""
    return Baseline(model_cache_of(request.config), settings, study, case)


@pytest.fixture
def digital_model(request: pytest.FixtureRequest, settings: Settings) -> LoadedModel:
    """Return the digital model of the case, or of `--model` in a test without cases."""
    with plainly():
        return model_cache_of(request.config).loaded(_model(request, settings))


@pytest.fixture
def task(request: pytest.FixtureRequest, study: Study, settings: Settings) -> Task:
    """Return the inputs of the run's data, for the model of the case or of `--model`."""
    with plainly():
        return model_cache_of(request.config).task(study, _model(request, settings))


@pytest.fixture
def chip(request: pytest.FixtureRequest, study: Study, case: Case) -> Iterator[Chip]:
    """Put chip 0 of the case into the digital model, at the case's drift time, for this test."""
    with plainly():
        models = model_cache_of(request.config)
        lacks = models.lacks(case)
        if lacks:
            pytest.skip(lacks)
        with models.runner(study, case.model, case.variant).chip(case, 0) as installed:
            yield installed


@pytest.fixture
def analog_model(request: pytest.FixtureRequest, study: Study, case: Case, chip: Chip) -> nn.Module:
    """Return the model with the case's layers perturbed or on tiles; read it in `chip.reading`."""
    return model_cache_of(request.config).runner(study, case.model, case.variant).model


def _model(request: pytest.FixtureRequest, settings: Settings) -> str:
    if "case" in request.fixturenames:
        found: Case = request.getfixturevalue("case")
        return found.model
    return settings.choice.models[0] if settings.choice.models else "bert"


def _measured(
    case: Case, runner: Runner, budget: Budget, settings: Settings, stored: Baseline
) -> Result:
    from analog_bench.simulators.probe import require_tile

    try:
        if case.noise.WHERE == "tile":
            require_tile(case.tile)
        result = runner.measure(case, budget.initial_chips if case.draws else range(1))
        again = settings.update_baselines or (
            settings.gate != "off" and stored.looks_changed(result)
        )
        if again and case.draws and result.status == "measured":
            result = runner.measure_more(case, result, budget.confirmation_chips)
    except TileUnavailable as missing:
        return runner.skipped(case, str(missing))
    return result


def _kept(config: pytest.Config, case: Case, runner: Runner, budget: Budget) -> Result | None:
    """Return what the run to resume measured of a case; None where it has to be measured."""
    found = config.stash.get(KEPT, {}).get((case.id, case.study, runner.task.protocol))
    if found is None or found.status != "measured":
        return None
    same = (found.case_version, found.weights) == (case.version, runner.weights)
    wanted = budget.initial_chips if case.draws else range(1)
    return found if same and len(found.initial_chips) == len(wanted) else None
