"""The fixtures of bench files. All are built from the run's options; none reads anything global."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from analog_bench.case import Case
from analog_bench.codec import plain
from analog_bench.errors import BenchError, TileUnavailable
from analog_bench.gate.max_drop import first_unmet
from analog_bench.records import Identity, Result
from analog_bench.session.settings import Settings
from analog_bench.study import Study
from analog_bench.zoo.devices import CPU

if TYPE_CHECKING:
    from torch import nn

    from analog_bench.analog.chip import Chip
    from analog_bench.gate.case_verdicts import Verdict
    from analog_bench.session.model_cache import ModelCache
    from analog_bench.simulators.environment_probe import Environment
    from analog_bench.tasks.task import Task
    from analog_bench.zoo.model_loading import LoadedModel

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
MODEL_CACHE: pytest.StashKey[ModelCache] = pytest.StashKey()
EARLIER_RESULTS: pytest.StashKey[Mapping[Identity, Result]] = pytest.StashKey()
"""What the run that is resumed measured."""
MEASURED_AHEAD: pytest.StashKey[dict[Case, Result]] = pytest.StashKey()
"""Results of cases whose tests have not come yet, measured with another one on the same chips."""
UPCOMING: pytest.StashKey[dict[tuple[object, Case], list[Case]]] = pytest.StashKey()
"""By bench function, and case without its drift time: the cases of each that were selected."""
TAKE: pytest.StashKey[Callable[[list[dict[str, Any]]], object]] = pytest.StashKey()
"""Takes results in as they are measured, where they are not those of a worker of xdist."""
FROM_CLUSTER: pytest.StashKey[Callable[[Case], Mapping[Case, Result]]] = pytest.StashKey()
"""Waits for the result of a case, where a cluster measures the run's."""
CASES_ONLY: pytest.StashKey[bool] = pytest.StashKey()
"""There in a worker of a cluster, which lists the cases of a run as pytest does."""
STUDY_MARK = "study"
PROPERTY = "analog_bench"
"""The user property of a test, and the key in a worker's output, that carry records to xdist."""


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that an item measures; None for other tests."""
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("case") if callspec is not None else None
    return case if isinstance(case, Case) else None


def model_cache_of(config: pytest.Config) -> ModelCache:
    """Return the session's models, made at its first use: it imports torch."""
    if MODEL_CACHE not in config.stash:
        from analog_bench.session.model_cache import ModelCache

        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        settings = config.stash[SETTINGS]
        if isinstance(settings.workers, str):
            # The GPUs are those of the cluster; here nothing is measured.
            settings = replace(settings, device=CPU)
        config.stash[MODEL_CACHE] = ModelCache(settings, workers)
    return config.stash[MODEL_CACHE]


@contextmanager
def refusals() -> Iterator[None]:
    """End the run with one line for a user's mistake, before anything is measured."""
    try:
        yield
    except BenchError as problem:
        raise pytest.UsageError(str(problem)) from None


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a user's mistake into a failed test of one line, and a missing tile into a skip."""
    try:
        yield
    except TileUnavailable as problem:
        pytest.skip(str(problem))
    except BenchError as problem:
        # Not by `pytest.fail`, which would show the mistake twice.
        raise pytest.fail.Exception(str(problem), pytrace=False) from None


@dataclass(frozen=True)
class Baseline:
    """The stored results of the case at hand."""

    models: ModelCache
    study: Study
    case: Case

    def verdict(self, result: Result) -> Verdict:
        """Compare one result with the stored one, in the main metric; raises BaselineError.

        The run's verdicts are reached at its end, over all cases of a model and study, because
        their number counts.
        """
        from analog_bench.gate.case_verdicts import judge

        entry = self.models.case_baseline(self.case).find(result.case_id, result.protocol)
        model = self.case.model
        examples = {result.protocol: self.models.task(self.study, model).examples}
        return judge(result, entry, self.models.metric(self.study, model), examples)

    def check(self, result: Result) -> None:
        """Fail the test if its result is `broken` or misses `--max-drop`; skip it if `skipped`.

        Whether it `regressed` is decided at the end of the run, and then fails the test. A shard
        decides nothing.
        """
        with one_line_errors():
            verdict = self.verdict(result)
        if verdict.kind == "skipped":
            pytest.skip(verdict.reason)
        settings = self.models.settings
        if settings.gate == "warn" or settings.shard is not None:
            return
        if verdict.kind == "broken":
            pytest.fail(f"broken: {verdict.reason}", pytrace=False)
        unmet = first_unmet(result, settings.requirements)
        if unmet:
            pytest.fail(unmet, pytrace=False)


@pytest.fixture(scope="session")
def environment() -> Environment:
    """Return versions, devices, and which tile engines work here and why not otherwise."""
    from analog_bench.simulators.environment_probe import probe

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
    marked: Study = mark.args[0]
    return marked


@pytest.fixture
def measure(request: pytest.FixtureRequest, study: Study) -> Callable[[Case], Result]:
    """Return a function that measures a case, as `measure_case` does, and records the result.

    Selected cases that differ in drift time only are measured together, with the first of them.
    With `--workers` a cluster measures all selected cases; another case is measured here.
    The result is in the table and the results file even where the test then fails.
    """
    models = model_cache_of(request.config)
    earlier = request.config.stash.get(EARLIER_RESULTS, {})
    ahead = request.config.stash.setdefault(MEASURED_AHEAD, {})

    def measured(case: Case) -> Result:
        from analog_bench.session.case_measurement import measure_case

        with one_line_errors():
            if FROM_CLUSTER in request.config.stash:
                ahead.update(request.config.stash[FROM_CLUSTER](case))
            upcoming = _upcoming(request, case)
            records = measure_case(models, study, case, earlier, upcoming=upcoming, ahead=ahead)
        # As plain values, which xdist carries from a worker to the session. What was measured
        # besides goes with them: a run that is stopped before its tests loses nothing.
        sent = [plain(record) for record in records]
        request.node.user_properties += [(PROPERTY, record) for record in sent]
        if not hasattr(request.config, "workerinput"):
            # Nor does one that is stopped before this test is over.
            request.config.stash[TAKE](sent)
        words = _facts(records[0].result, records[0].scope.main_metric)
        # Once, where a plugin repeats tests that fail.
        request.node.user_properties += [p for p in words if p not in request.node.user_properties]
        return records[0].result

    return measured


@pytest.fixture
def baseline(request: pytest.FixtureRequest, study: Study, case: Case) -> Baseline:
    """Return the stored results of the case; see `Baseline.check`."""
    return Baseline(model_cache_of(request.config), study, case)


@pytest.fixture
def digital_model(request: pytest.FixtureRequest) -> LoadedModel:
    """Return the digital model of the case, or of `--model` in a test without cases."""
    with one_line_errors():
        return model_cache_of(request.config).loaded(_model(request))


@pytest.fixture
def task(request: pytest.FixtureRequest, study: Study) -> Task:
    """Return the inputs of the run's data, for the model of the case or of `--model`."""
    with one_line_errors():
        return model_cache_of(request.config).task(study, _model(request))


@pytest.fixture
def chip(request: pytest.FixtureRequest, study: Study, case: Case) -> Iterator[Chip]:
    """Put chip 0 of the case into the digital model, at the case's drift time, for this test."""
    with one_line_errors():
        models = model_cache_of(request.config)
        missing = models.missing_weights(case)
        if missing:
            pytest.skip(missing)
        with models.runner(study, case.model, case.variant).chip(case, 0) as installed:
            yield installed


@pytest.fixture
def analog_model(request: pytest.FixtureRequest, study: Study, case: Case, chip: Chip) -> nn.Module:
    """Return the model with the case's layers perturbed or on tiles; read it in `chip.reading`."""
    return model_cache_of(request.config).runner(study, case.model, case.variant).model


def _upcoming(request: pytest.FixtureRequest, case: Case) -> list[Case]:
    """Return the cases that this process will measure besides, as far as they may share chips."""
    config, function = request.config, request.function
    if hasattr(config, "workerinput") or FROM_CLUSTER in config.stash:
        # A worker of xdist is given its tests one by one, and one of a cluster has the others.
        return []
    if UPCOMING not in config.stash:
        groups = config.stash[UPCOMING] = {}
        for item in request.session.items:
            if other := case_of(item):
                key = (getattr(item, "function", None), replace(other, drift_s=0.0))
                groups.setdefault(key, []).append(other)
    return config.stash[UPCOMING].pop((function, replace(case, drift_s=0.0)), [])


def _facts(result: Result, metric: str) -> list[tuple[str, str]]:
    """Return what other programs read of a result as properties of its test."""
    words = {"case": result.case_id, "study": result.study, "metric": metric}
    if metric in result.digital:
        words["digital"] = f"{result.digital[metric]:.6g}"
    score = result.score(metric)
    if score is not None:
        words["score"] = f"{score:.6g}"
    words["chips"] = str(len(result.chips))
    return list(words.items())


def _model(request: pytest.FixtureRequest) -> str:
    if "case" in request.fixturenames:
        case: Case = request.getfixturevalue("case")
        return case.model
    models = request.config.stash[SETTINGS].choice.models
    return models[0] if models else "bert"
