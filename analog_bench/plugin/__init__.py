"""The pytest plugin: options, cases at collection, results at the end.

It is loaded through its entry point, and by this repository's conftest.py; both name this module,
so pytest registers it once. Nothing here imports torch before a test runs: collecting thousands of
cases takes a moment.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analog_bench.plugin import selection
from analog_bench.plugin.case_timings import Benchmarks, select_benchmarks
from analog_bench.plugin.cluster_run import ClusterRun
from analog_bench.plugin.fixtures import (  # noqa: F401  (pytest finds fixtures by name in this module)
    CASES_ONLY,
    EARLIER_RESULTS,
    PROPERTY,
    SETTINGS,
    STUDY_MARK,
    analog_model,
    baseline,
    case_of,
    chip,
    digital_model,
    environment,
    measure,
    model_cache_of,
    refusals,
    settings,
    study,
    task,
)
from analog_bench.plugin.junit import JUnit
from analog_bench.plugin.option_declarations import pytest_addoption  # noqa: F401  (a hook)
from analog_bench.plugin.results import RESUMED, SHARD_OF, Results
from analog_bench.plugin.run_options import (  # noqa: F401  (hooks, found by name in this module)
    pytest_cmdline_main,
    read_settings,
)
from analog_bench.plugin.selection import (  # noqa: F401  (hooks, found by name in this module)
    ON_DEMAND_MARK,
    pytest_exception_interact,
    pytest_generate_tests,
    pytest_itemcollected,
    pytest_runtest_setup,
)
from analog_bench.plugin.shard_selection import SELECTION, keep_shard, shard_line
from analog_bench.plugin.terminal import TerminalReporter
from analog_bench.session.recorder import Recorder
from analog_bench.simulators.registry import label_of
from analog_bench.simulators.versions import versions
from analog_bench.store.journal_file import read_journal
from analog_bench.store.run import by_identity

_CLUSTER = "analog_bench_cluster"


def pytest_configure(config: pytest.Config) -> None:
    """Read the options; a mistake ends the run here, with one line."""
    config.addinivalue_line("markers", f"{STUDY_MARK}(study): cases come from this Study")
    config.addinivalue_line("markers", f"{ON_DEMAND_MARK}: runs only where its file is named")
    with refusals():
        config.stash[SETTINGS] = read_settings(config)
    selection.begin(config)
    if _is_worker(config):
        resumed = getattr(config, "workerinput", {}).get(RESUMED)
        if resumed is not None:
            held = read_journal(Path(resumed))
            config.stash[EARLIER_RESULTS] = by_identity(held.results if held is not None else ())
    else:
        command = shlex.join(["pytest", *map(str, config.invocation_params.args)])
        recorder = Recorder(config.stash[SETTINGS], config.rootpath, command)
        results = Results(config, recorder)
        config.pluginmanager.register(results, "analog_bench_results")
        terminal = TerminalReporter(config, recorder, results)
        config.pluginmanager.register(terminal, "analog_bench_terminal")
        config.pluginmanager.register(JUnit(config, results), "analog_bench_junit")
        if config.pluginmanager.hasplugin("benchmark"):
            config.pluginmanager.register(Benchmarks(config, results), "analog_bench_benchmarks")
        if config.stash[SETTINGS].workers is not None:
            config.pluginmanager.register(ClusterRun(config, recorder), _CLUSTER)


def pytest_report_header() -> str:
    """Show the versions that results depend on."""
    installed = versions()
    decisive = ("aihwkit", "torch", "transformers")
    shown = ", ".join(f"{name} {installed[name] or 'missing'}" for name in decisive)
    return f"analog_bench: {shown}"


def pytest_report_collectionfinish(
    config: pytest.Config, items: Sequence[pytest.Item]
) -> list[str]:
    """Show which studies have no cases, and which tiles work: finding out imports torch."""
    left_out = [*selection.left_out(config), *shard_line(config)]
    if not items:
        left_out += selection.hint_of_unselected(config)
    if not selection.measures(config) or not any(case_of(item) for item in items):
        return left_out
    from analog_bench.simulators.environment_probe import probe

    working = [
        f"{label_of(name)}: {'works' if tile.usable else 'unusable, ' + tile.reason}"
        for name, tile in probe().tiles.items()
    ]
    return [*left_out, *working]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Select by `-k`; end with one line where a study asked for could not be made into cases."""
    collected = list(items)
    with selection.names_without_values(items):
        yield
    with refusals():
        selection.narrow(config, items, raising=not _is_worker(config))
    select_benchmarks(config, items)
    keep_shard(config, collected, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Find out before anything is measured whether it can be, and say how long it will take.

    That is all with `--forecast`.
    """
    config = session.config
    forecast = config.getoption("analog_bench_forecast") and not config.option.collectonly
    if not (selection.measures(config) or forecast) or _is_worker(config):
        # In a worker an error here would end the worker, not the run; fixtures meet it again.
        return None
    cluster = None if forecast else _cluster_of(config)
    with refusals():
        if cluster is not None:
            cluster.begin(session.items)
        expected = _preflight(config, session.items)
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if expected and terminal is not None:
        terminal.write_line(expected)
    return True if forecast else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker knows of its environment, and of a shard's cut, to xdist's controller."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None and SELECTION in session.config.stash:
        output[SHARD_OF] = session.config.stash[SELECTION]
    if output is not None and any(case_of(item) for item in session.items):
        from analog_bench.session.model_cache import environment_facts

        output[PROPERTY] = environment_facts(session.config.stash[SETTINGS].device)


def _preflight(config: pytest.Config, items: Sequence[pytest.Item]) -> str:
    selected = selection.studied_cases(items)
    if not selected:
        return ""
    from analog_bench.session.preflight import preflight

    earlier = config.stash.get(EARLIER_RESULTS, {})
    models, cluster = model_cache_of(config), _cluster_of(config)
    # Without pytest's terminal there is no such option, and nowhere to show it. And how fast
    # another device is, this process cannot tell.
    here = models.settings.device == config.stash[SETTINGS].device
    forecast = config.getoption("verbose", -1) >= 0 and here
    workers = cluster.size if cluster is not None else None
    known = preflight(models, selected, earlier, forecast=forecast, workers=workers)
    if cluster is not None:
        cluster.submit(known.fingerprints)
    return known.expected


def _cluster_of(config: pytest.Config) -> ClusterRun | None:
    cluster: ClusterRun | None = config.pluginmanager.get_plugin(_CLUSTER)
    return cluster


def _is_worker(config: pytest.Config) -> bool:
    """Whether results are recorded elsewhere: by xdist's controller, or the client of a cluster."""
    return hasattr(config, "workerinput") or CASES_ONLY in config.stash
