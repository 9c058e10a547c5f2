"""Results files of several runs, read as one."""

from __future__ import annotations

from pathlib import Path

from analog_bench.errors import StoreError
from analog_bench.records import Identity, Metric, Result, Scope
from analog_bench.store.run import Run
from analog_bench.store.run_file import read_run


def run_files(path: Path) -> list[Path]:
    """Return the run files that a path stands for.

    Args:
        path: A run file, or a folder whose `*.json` are run files.
    """
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def read_runs(path: Path) -> Run:
    """Read a run file, or every run file of a folder.

    Of several results for one case under one protocol the newest run's counts, and so for metrics
    and scopes; the manifest is the newest run's, whose results stand first.

    Args:
        path: A run file, or a folder whose `*.json` are run files.

    Returns:
        The run.

    Raises:
        StoreError: A file is missing or does not follow the schema, or the folder holds none.
    """
    if not path.is_dir():
        return read_run(path)
    files = run_files(path)
    if not files:
        raise StoreError(f"no run file in the folder {str(path)!r}; a finished run writes one")
    runs = sorted(map(read_run, files), key=lambda run: run.manifest.created)
    metrics: dict[str, Metric] = {}
    scopes: dict[tuple[str, str], Scope] = {}
    results: dict[Identity, Result] = {}
    for run in runs:
        metrics |= run.metrics
        scopes |= {(scope.study, scope.model): scope for scope in run.scopes}
        own = {result.identity: result for result in run.results}
        # First: what speaks for the digital model is then of the protocol the scope is about.
        results = own | results | own
    return Run(runs[-1].manifest, metrics, tuple(scopes.values()), tuple(results.values()))
