"""A run whose cases the workers of a cluster measure.

Tests are run here, one after another as ever. All cases of tests that ask for `measure` are
submitted before the first test, and each test waits for the result of its own. Results are recorded
as they arrive, whatever test is waiting.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analog_bench.case import Case
from analog_bench.codec import Json, plain
from analog_bench.errors import BenchError
from analog_bench.plugin.cluster_worker import measure_group, prepare
from analog_bench.plugin.fixtures import EARLIER_RESULTS, FROM_CLUSTER, TAKE, model_cache_of
from analog_bench.plugin.option_declarations import OPTIONS
from analog_bench.plugin.selection import chosen, studied_cases
from analog_bench.records import Result
from analog_bench.session.recorder import CaseName, Recorder
from analog_bench.store.environment import joined_environment
from analog_bench.study import Study

if TYPE_CHECKING:
    from analog_bench.session.case_groups import AskedCase, Fingerprints, RunWords
    from analog_bench.session.dask_cluster import DaskCluster

_CLIENTS_OWN = ("json", "report", "shard")
"""Options that say nothing of single cases."""
_MAY_SKIP = ("skip", "skipif")


class ClusterRun:
    """Has cases measured by a cluster, and hands results to the tests that wait for them."""

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        self._config = config
        config.stash[FROM_CLUSTER] = self._results_for
        self._recorder = recorder
        self._cluster: DaskCluster | None = None
        self._run: RunWords | None = None
        self._selected: dict[CaseName, tuple[Study, Case]] = {}
        self._doubtful: set[CaseName] = set()
        self._unsent: dict[CaseName, AskedCase] = {}
        self._sent: set[CaseName] = set()
        self._results: dict[CaseName, Result] = {}
        self._failed: dict[CaseName, str] = {}
        self._environments: list[Mapping[str, Json]] = []

    @property
    def size(self) -> int | None:
        """How many workers there are; None where there is nothing to measure."""
        return self._cluster.size if self._cluster is not None else None

    def begin(self, items: Sequence[pytest.Item]) -> None:
        """Find the cluster, or start it, and let its workers get ready; raises UsageError."""
        measuring = {case.nodeid for case in chosen(items)}
        asking = [item for item in items if item.nodeid in measuring]
        for item in asking:
            for study, case in studied_cases([item]):
                self._selected[study.name, case.id] = study, case
                if any(map(item.get_closest_marker, _MAY_SKIP)):
                    self._doubtful.add((study.name, case.id))
        if not self._selected:
            return
        # Not at the top: these import torch.
        from analog_bench.session.case_groups import RunWords
        from analog_bench.session.dask_cluster import DaskCluster
        from analog_bench.session.own_code import sources_of_run

        settings = self._recorder.settings
        assert settings.workers is not None
        benches = list(dict.fromkeys(item.path for item in asking))
        self._run = RunWords(
            run_id=uuid.uuid4().hex,
            words=tuple(_words(self._config, benches)),
            manifest=self._recorder.manifest(),
            files=sources_of_run(benches, settings).files,
        )
        self._cluster = DaskCluster(settings.workers, prepare, measure_group)
        self._cluster.prepare(self._run)

    def submit(self, fingerprints: Mapping[tuple[str, str, str], Fingerprints]) -> None:
        """Have all cases measured that the resumed run does not hold, and that lack no weights."""
        if self._cluster is None or self._run is None:
            return
        from analog_bench.session.case_groups import AskedCase, groups_of
        from analog_bench.session.case_measurement import resumed_result
        from analog_bench.session.own_code import sources_of_case

        settings, models = self._recorder.settings, model_cache_of(self._config)
        earlier = self._config.stash.get(EARLIER_RESULTS, {})
        for name, (study, case) in self._selected.items():
            own = fingerprints.get((case.model, case.variant, case.study))
            sources = sources_of_case(case, settings.root)
            if own is not None and not resumed_result(
                earlier, case, own.data, own.weights, models.budget(study, case.model), sources
            ):
                self._unsent[name] = AskedCase(*name, own, sources)
        surely = [self._selected[name] for name in self._unsent if name not in self._doubtful]
        self._send(
            [(study.name, case.id) for study, case in group]
            for group in groups_of(surely, settings, self._cluster.size)
        )

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, bool, bool]:
        """Keep what has arrived since the last test, however the tests end."""
        try:
            return (yield)
        finally:
            while self._cluster is not None and self._cluster.has_arrived():
                self._take_next()

    def pytest_unconfigure(self) -> None:
        """Let go of the cluster."""
        if self._cluster is not None:
            self._cluster.close()

    def _results_for(self, case: Case) -> Mapping[Case, Result]:
        """Wait until a case is measured; return nothing if no worker is to measure it.

        The test fails with the exception that measuring raised in the worker.
        """
        name = case.study, case.id
        if name not in self._selected or self._selected[name][1] != case:
            return {}
        if name in self._unsent:  # its test might have been skipped
            self._send([[name]])
        while name in self._sent:
            self._take_next()
        if name in self._failed:
            raise pytest.fail.Exception(self._failed[name], pytrace=False)
        return {case: self._results[name]} if name in self._results else {}

    def _send(self, groups: Iterable[Iterable[CaseName]]) -> None:
        assert self._cluster is not None
        assert self._run is not None
        asked = [[self._unsent.pop(name) for name in group] for group in groups]
        self._sent |= {one.name for group in asked for one in group}
        self._cluster.submit(self._run, asked)

    def _take_next(self) -> None:
        """Record what a group came to; end the session where the cluster can measure no more."""
        assert self._cluster is not None
        try:
            asked, outcome = self._cluster.next()
        except BenchError as problem:
            pytest.exit(str(problem), pytest.ExitCode.USAGE_ERROR)
        if outcome.environment and outcome.environment not in self._environments:
            self._environments.append(outcome.environment)
            self._recorder.environment.update(joined_environment(self._environments, "workers"))
        self._config.stash[TAKE]([plain(record) for record in outcome.records])
        for record in outcome.records:
            self._results[record.result.study, record.result.case_id] = record.result
        for failure in outcome.failures:
            self._failed[failure.study, failure.case_id] = failure.reason
        self._sent -= {one.name for one in asked}


def _words(config: pytest.Config, benches: Sequence[Path]) -> Iterator[str]:
    """Yield the command line with which a worker lists the cases of these files.

    Paths are relative to the folder that pytest was called in: workers start in their copy of it.
    Options of other plugins are left out, since they might write files there.
    """
    here = config.invocation_params.dir
    yield f"--rootdir={os.path.relpath(config.rootpath, here)}"
    if config.inipath is not None:
        yield from ("-c", os.path.relpath(config.inipath, here))
    yield f"--import-mode={config.option.importmode}"
    for plugin in ("analog_bench.plugin", *config.option.plugins):
        if not plugin.startswith("no:"):
            yield from ("-p", plugin)
    for word in (*(config.option.override_ini or ()), "addopts="):
        yield from ("-o", word)
    for option in OPTIONS:
        value: Any = config.getoption(option.ini)
        if value is not None and option.name not in _CLIENTS_OWN:
            for word in value if isinstance(value, list) else [value]:
                yield f"--{option.name}={word}"
    if config.getoption("analog_bench_update_baselines"):
        yield "--update-baselines"
    yield from (os.path.relpath(bench, here) for bench in benches)
