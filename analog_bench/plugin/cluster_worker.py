"""What a worker of a cluster does: it lists the cases of a run as pytest does, and measures some.

A worker process serves one case at a time, and keeps the models and data of the last run.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from analog_bench.case import Case
from analog_bench.codec import DocumentError, Json, convert, one_line, plain
from analog_bench.defining_files import SourceFile
from analog_bench.errors import BenchError, UsageError
from analog_bench.plugin.fixtures import CASES_ONLY, SETTINGS
from analog_bench.plugin.selection import studied_cases
from analog_bench.session.settings import Settings
from analog_bench.store.environment import new_manifest, run_conflicts
from analog_bench.store.shard import without_shard
from analog_bench.study import Study
from analog_bench.zoo.devices import CUDA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analog_bench.session.case_groups import RunWords
    from analog_bench.session.model_cache import ModelCache


@dataclass(frozen=True)
class _Listed:
    """A run as this process knows it."""

    models: ModelCache
    cases: Mapping[tuple[str, str], tuple[Study, Case]]
    environment: Mapping[str, Json]


_RUNS: dict[str, _Listed] = {}
"""The last run, by its id."""
_READ: dict[tuple[str, str], SourceFile] = {}
"""Files of the user's own as this process has first read them: Python reads a module once."""


def prepare(run: Mapping[str, Any]) -> None:
    """List the cases of a run; see `measure_group`."""
    with _refusals():
        _listed(run)


def measure_group(asked: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> dict[str, Any]:
    """Measure cases, each an `AskedCase`, of a run that is told in `RunWords`.

    Returns a `GroupOutcome`. All are plain values: another release may have other records.

    Raises:
        UsageError: This worker has other packages, files, weights or data than the run.
    """
    with _refusals():
        # Not at the top: these import torch, and the scheduler imports this module.
        from analog_bench.session import case_groups

        here = _listed(run)
        group = [convert(one, case_groups.AskedCase) for one in asked]
        outcome = case_groups.measure_group(here.models, here.cases, group, here.environment)
        return plain(outcome)


@contextmanager
def _refusals() -> Iterator[None]:
    from distributed import get_worker

    worker = get_worker()
    try:
        if worker.state.nthreads != 1:
            raise UsageError(
                f"it takes {worker.state.nthreads} tasks at once, and a model can measure one; "
                "start it with `dask worker ADDRESS --nthreads 1`"
            )
        yield
    except (BenchError, DocumentError) as problem:
        raise UsageError(f"worker {worker.address} cannot take part: {problem}") from None


def _listed(words: Mapping[str, Any]) -> _Listed:
    from analog_bench.session.case_groups import RunWords

    run = convert(words, RunWords)
    if run.run_id not in _RUNS:
        _RUNS.clear()
        _RUNS[run.run_id] = _list(run)
    return _RUNS[run.run_id]


def _list(run: RunWords) -> _Listed:
    """List the cases of a run, and see that this process would measure them as the run's does."""
    from analog_bench.session.case_groups import check_files
    from analog_bench.session.model_cache import ModelCache, environment_facts
    from analog_bench.session.own_code import sources_of_run

    lister = _Lister()
    errors = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(errors):
        pytest.main(list(run.words), plugins=[lister])
    if lister.settings is None or lister.problems:
        why = one_line(" ".join([*lister.problems, errors.getvalue()]))
        again = "; it has served another run: restart it" if _READ else ""
        raise UsageError(f"pytest lists no cases there: {why}{again}")
    settings = lister.settings
    own = new_manifest(settings.seed, "", environment_facts(settings.device), settings.given)
    conflicts = run_conflicts(without_shard(run.manifest), without_shard(own))
    if conflicts:
        raise UsageError(f"compared with the run, {conflicts}")
    benches = [settings.root / file.file for file in run.files if file.role == "bench"]
    files = sources_of_run(benches, settings).files
    check_files(run.files, files)
    for file in files:
        if _READ.setdefault((file.role, file.file), file) != file:
            raise UsageError(f"{file.file} has changed since the worker read it; restart it")
    models = ModelCache(replace(settings, device=_device(settings)), workers=1)
    return _Listed(models, lister.cases, own.environment)


def _device(settings: Settings) -> str:
    """Return where this worker computes: of several on one machine, each has a GPU of its own."""
    if settings.device != CUDA or not isinstance(settings.workers, int):
        return settings.device
    import torch
    from distributed import get_worker

    return f"{CUDA}:{int(get_worker().name) % max(1, torch.cuda.device_count())}"


@dataclass
class _Lister:
    """Lists cases, and runs no test.

    They are taken as they are collected: which of them are selected is for the run to say.
    """

    settings: Settings | None = None
    cases: dict[tuple[str, str], tuple[Study, Case]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[CASES_ONLY] = True

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        for study, case in studied_cases([item]):
            self.cases[study.name, case.id] = study, case

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.settings = session.config.stash[SETTINGS]
        return True
