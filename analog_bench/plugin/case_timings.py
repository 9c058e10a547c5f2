"""Each case as a benchmark of pytest-benchmark: one round a chip.

Chips are timed where they are measured, in a worker of xdist, too. Their seconds are handed over as
results come in, so that `--benchmark-json`, `--benchmark-compare` and the like work on a bench run;
without such an option nothing is handed over, and pytest-benchmark shows no table. For
`--benchmark-only` and `--benchmark-skip`, too, a case is a benchmark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_benchmark.stats import Metadata

from analog_bench.plugin.fixtures import EARLIER_RESULTS, case_of
from analog_bench.plugin.results import Results
from analog_bench.store.run import Record

_ASKING = ("json", "save", "autosave", "compare", "histogram", "columns", "verbose")
_REFUSING = ("disable", "skip")


def select_benchmarks(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Let `--benchmark-only` run cases, and `--benchmark-skip` skip them.

    pytest-benchmark knows benchmarks by its fixture, which cases do without, and has marked them.
    """
    session: Any = getattr(config, "_benchmarksession", None)
    for item in filter(case_of, items) if session is not None else ():
        if session.only:
            item.own_markers[:] = [
                mark
                for mark in item.own_markers
                if mark.name != "skip" or "--benchmark-only" not in str(mark.kwargs.get("reason"))
            ]
        elif session.skip:
            item.add_marker(pytest.mark.skip(reason="a case is a benchmark: --benchmark-skip"))


@dataclass(frozen=True)
class _Timed:
    """The case as pytest-benchmark reads it, in place of its fixture."""

    name: str
    fullname: str
    group: str
    param: str
    params: dict[str, str]
    extra_info: dict[str, Any]
    cprofile_stats: None = None
    has_error: bool = False


@dataclass(frozen=True, eq=False)
class Benchmarks:
    """Hands the seconds of measured cases to pytest-benchmark."""

    config: pytest.Config
    results: Results

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a case that was measured in this run."""
        record = self.results.records.get(report)
        repeated = report.outcome not in ("passed", "failed", "skipped")  # by a plugin's word
        if record is None or not record.result.chips or repeated or not self._wanted():
            return
        earlier = self.config.stash.get(EARLIER_RESULTS, {})
        if earlier.get(record.result.identity) != record.result:
            session: Any = getattr(self.config, "_benchmarksession")  # noqa: B009
            session.benchmarks.append(_benchmark(report, record))

    def _wanted(self) -> bool:
        def given(name: str) -> bool:
            return bool(self.config.getoption(f"benchmark_{name}"))

        return any(map(given, _ASKING)) and not any(map(given, _REFUSING))


def _benchmark(report: pytest.TestReport, record: Record) -> Metadata:
    result = record.result
    timed = _Timed(
        name=report.location[2],
        fullname=report.nodeid,
        group=f"{result.study}/{result.model}",
        param=result.case_id,
        params={"case": result.case_id},
        extra_info={"case": result.case_id, "chips": [chip.chip for chip in result.chips]},
    )
    untyped: Any = Metadata
    benchmark: Metadata = untyped(timed, iterations=1, options={})
    benchmark.stats.data.extend(chip.seconds for chip in result.chips)
    return benchmark
