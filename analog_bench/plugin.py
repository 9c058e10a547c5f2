"""The pytest plugin: options, cases at collection, results at the end.

It is loaded through its entry point, and by this repository's conftest.py; both name this module,
so pytest registers it once. Nothing here imports torch before a test runs: collecting thousands of
cases takes a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from analog_bench.analog.versions import versions
from analog_bench.case import Case
from analog_bench.errors import BenchError
from analog_bench.fixtures import (  # noqa: F401  (pytest finds fixtures by name in this module)
    KEPT,
    SETTINGS,
    STUDY_MARK,
    analog_model,
    baseline,
    chip,
    digital_model,
    environment,
    measure,
    settings,
    study,
    task,
    workshop_of,
)
from analog_bench.grid import cases_of, keyword, known_models
from analog_bench.options import add_options, read_settings
from analog_bench.recorder import PROPERTY, Recorder, kept_results
from analog_bench.showing import RESUMED, Showing
from analog_bench.store.journal_file import read_journal

ON_DEMAND_MARK = "on_demand"
_MISTAKES: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options; a mistake ends the run here, with one line."""
    config.addinivalue_line("markers", f"{STUDY_MARK}(study): cases come from this Study")
    config.addinivalue_line("markers", f"{ON_DEMAND_MARK}: runs only where its file is named")
    try:
        config.stash[SETTINGS] = read_settings(config)
    except BenchError as problem:
        raise pytest.UsageError(str(problem)) from None
    config.stash[_MISTAKES] = []
    if _is_worker(config):
        resumed = getattr(config, "workerinput", {}).get(RESUMED)
        if resumed is not None:
            config.stash[KEPT] = kept_results(read_journal(Path(resumed)).results)
    else:
        recorder = Recorder(config.stash[SETTINGS], config.rootpath)
        config.pluginmanager.register(Showing(config, recorder), "analog_bench_showing")


def pytest_report_header() -> str:
    """Show the versions that results depend on."""
    found = versions()
    named = ("aihwkit", "torch", "transformers")
    return "analog_bench: " + ", ".join(f"{name} {found[name] or 'missing'}" for name in named)


def pytest_report_collectionfinish(
    config: pytest.Config, items: Sequence[pytest.Item]
) -> list[str]:
    """Show which tiles work, where cases will run: finding out imports torch."""
    if config.option.collectonly or not any(case_of(item) for item in items):
        return []
    from analog_bench.analog.probe import probe

    here = probe()
    tiles = {"torch tile": here.torch_tile, "C++ tile": here.cpp_tile}
    return [
        f"{name}: {'works' if tile.usable else 'unusable, ' + tile.reason}"
        for name, tile in tiles.items()
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of every case of a study."""
    mark = metafunc.definition.get_closest_marker(STUDY_MARK)
    if mark is None or "case" not in metafunc.fixturenames:
        return
    cases: list[Case] = []
    try:
        cases = cases_of(mark.args[0], metafunc.config.stash[SETTINGS])
    except BenchError as problem:
        # Raised later: an error here would be shown as a broken file, with a traceback.
        metafunc.config.stash[_MISTAKES].append(str(problem))
    metafunc.parametrize("case", cases, ids=[case.id for case in cases])


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-k MODEL_STUDY` find a case."""
    case = case_of(item)
    word = keyword(case, known_models(item.config.stash[SETTINGS])) if case else None
    if word is not None:
        item.extra_keyword_matches.add(word)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """End the run with one line where a study could not be made into cases.

    Leave out what runs on demand only, unless it is asked for: by its file, by `-k` or by `-m`.
    """
    if config.stash[_MISTAKES] and not _is_worker(config):
        raise pytest.UsageError(config.stash[_MISTAKES][0])
    if config.option.keyword or config.option.markexpr:
        return
    named = {Path(word.partition("::")[0]).name for word in config.args}
    unasked = [
        item
        for item in items
        if item.get_closest_marker(ON_DEMAND_MARK) and item.path.name not in named
    ]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail with the same line in a worker of xdist: ending it would crash the controller."""
    if item.config.stash[_MISTAKES] and item.get_closest_marker(STUDY_MARK):
        pytest.fail(item.config.stash[_MISTAKES][0], pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Find out before anything is measured whether it can be: weights, data, baselines."""
    config = session.config
    if config.option.collectonly or _is_worker(config):
        # In a worker an error here would end the worker, not the run; fixtures meet it again.
        return
    firsts = {
        (case.study, case.model): (case, mark.args[0])
        for item in reversed(session.items)
        if (case := case_of(item)) and (mark := item.get_closest_marker(STUDY_MARK))
    }
    try:
        for case, marked in firsts.values():
            workshop = workshop_of(config)
            workshop.case_baseline(case)
            workshop.digital_baseline(case.model)
            workshop.task(case.model, config.stash[SETTINGS].budget_of(marked).examples)
    except BenchError as problem:
        raise pytest.UsageError(str(problem)) from None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker knows of its environment to xdist's controller."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None and any(case_of(item) for item in session.items):
        from analog_bench.workshop import environment_facts

        output[PROPERTY] = environment_facts(session.config.stash[SETTINGS].device)


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that an item measures; None for other tests."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("case") if callspec is not None else None
    return found if isinstance(found, Case) else None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
