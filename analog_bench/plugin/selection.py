"""Which of the collected tests run: studies without cases, and what runs on demand only.

And which cases they are to measure: those of the tests that run and ask for `measure`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from analog_bench.case import Case
from analog_bench.errors import BenchError, LayerError, StudyError, did_you_mean
from analog_bench.plugin.fixtures import SETTINGS, STUDY_MARK, case_of
from analog_bench.session.cases import asked_words, cases_of, keyword_of, keywords
from analog_bench.study import Study
from analog_bench.value_checks import shown
from analog_bench.zoo.model_specs import SHORT_NAMES

ON_DEMAND_MARK = "on_demand"
_MISTAKES: pytest.StashKey[dict[str, BenchError]] = pytest.StashKey()
"""By study: why it could not be made into cases."""
_STUDIES: pytest.StashKey[dict[str, tuple[Study, str]]] = pytest.StashKey()
"""By name: each study, and the file it was met in first."""
_LEFT_OUT: pytest.StashKey[list[str]] = pytest.StashKey()


SELECTED = "analog_bench_selected"
"""The user property that carries to xdist which cases a worker was given to choose from."""
_UNTOLD: pytest.StashKey[bool] = pytest.StashKey()
"""Whether a worker of xdist has still to tell them."""


class Chosen(NamedTuple):
    """A test that is to measure a case."""

    nodeid: str
    study: str
    case_id: str


def chosen(items: Iterable[pytest.Item]) -> list[Chosen]:
    """Return the tests that are to measure a case."""
    return [
        Chosen(item.nodeid, case.study, case.id)
        for item in items
        if (case := case_of(item)) and "measure" in getattr(item, "fixturenames", ())
    ]


def studied_cases(items: Iterable[pytest.Item]) -> list[tuple[Study, Case]]:
    """Return the cases that tests are about, each with its study."""
    return [
        (mark.args[0], case)
        for item in items
        if (case := case_of(item)) and (mark := item.get_closest_marker(STUDY_MARK))
    ]


def measures(config: pytest.Config) -> bool:
    """Return whether tests are run at all, and not only collected, set up or forecast."""
    return not (
        config.option.collectonly
        or config.getoption("setuponly", False)
        or config.getoption("analog_bench_forecast")
    )


def begin(config: pytest.Config) -> None:
    """Prepare a session, before anything is collected."""
    config.stash[_MISTAKES] = {}
    config.stash[_STUDIES] = {}
    config.stash[_LEFT_OUT] = []
    config.stash[_UNTOLD] = hasattr(config, "workerinput")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of every case of a study; pytest makes a placeholder where it has none.

    Raises:
        StudyError: The function is marked with no study, or with one whose name another has.
    """
    mark = metafunc.definition.get_closest_marker(STUDY_MARK)
    if mark is None or "case" not in metafunc.fixturenames:
        return
    file, line, _ = metafunc.definition.location
    at = f"{file}, line {(line or 0) + 1}"
    study = mark.args[0] if mark.args else None
    if not isinstance(study, Study):
        raise StudyError(f"{at}: mark it with @pytest.mark.study(STUDY), found {shown(study)}")
    other, there = metafunc.config.stash[_STUDIES].setdefault(study.name, (study, file))
    if other != study:
        raise StudyError(
            f"{at}: another study in {there} is called {study.name!r}; results go by the name"
        )
    cases: list[Case] = []
    try:
        cases = cases_of(study, metafunc.config.stash[SETTINGS])
    except BenchError as problem:
        # Raised later, if the study is asked for: an error here would be that of a broken file.
        if isinstance(problem, StudyError):
            problem = StudyError(f"{at}: {problem}")
        metafunc.config.stash[_MISTAKES][study.name] = problem
    metafunc.parametrize("case", cases, ids=[case.id for case in cases])


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector,
    call: pytest.CallInfo[object],
    report: pytest.CollectReport | pytest.TestReport,
) -> None:
    """Show a mistake in a bench file in one line, with its place there, without a traceback."""
    if call.excinfo is None or not isinstance(report, pytest.CollectReport):
        return
    if isinstance(call.excinfo.value, BenchError):
        own = [entry.lineno + 1 for entry in call.excinfo.traceback if entry.path == node.path]
        place = f"{node.nodeid}, line {own[-1]}: " if own else ""
        report.longrepr = f"{place}{call.excinfo.value}"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-k MODEL_STUDY` find a case, and the placeholder of a study that has none."""
    options, case, empty = item.config.stash[SETTINGS], case_of(item), _empty_study(item)
    if case is not None:
        item.extra_keyword_matches |= keywords(case, options, item.config.option.keyword)
    elif empty is not None:
        models = {*(keyword_of(m, options) for m in options.choice.models), *empty.models}
        item.extra_keyword_matches |= {*models, *(f"{model}_{empty.name}" for model in models)}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a study's placeholder with the study's mistake, in a worker of xdist.

    Ending it, as `narrow` ends a run, would crash the controller. A worker's first test tells the
    controller, which collects nothing, what is to be measured.
    """
    if item.config.stash[_UNTOLD]:
        item.config.stash[_UNTOLD] = False
        item.user_properties.append((SELECTED, [list(case) for case in chosen(item.session.items)]))
    problem = _mistake_of(item)
    if problem is not None:
        pytest.fail(str(problem), pytrace=False)


@contextmanager
def names_without_values(items: Sequence[pytest.Item]) -> Iterator[None]:
    """Leave the values of cases out of their tests' names, parts of which `-k` matches.

    `-k drift` then selects no case because its noise has `drift=1`, and `-k hwa` none because of
    its preset's name. Node ids stay.
    """
    full = {item: item.name for item in items}
    for item in items:
        if case := case_of(item):
            # Pytest escapes what is not ASCII, unless its ini file says otherwise.
            for spelt in (case.id, case.id.encode("unicode_escape").decode("ascii")):
                item.name = item.name.replace(spelt, case.id_without_values)
    try:
        yield
    finally:
        for item, name in full.items():
            item.name = name


def narrow(config: pytest.Config, items: list[pytest.Item], *, raising: bool) -> None:
    """Deselect what runs on demand only, and studies that have no cases under the options.

    What runs on demand stays if its file is named, and under any `-k` or `-m` that selects it.

    Raises:
        BenchError: With `raising`, a selected study could not be made into cases; otherwise its
            placeholder stays, and fails.
    """
    out = _on_demand(config, items)
    for item in items:
        study, problem = _empty_study(item), _mistake_of(item)
        if study is None:
            continue
        why = f"nothing to measure at budget {config.stash[SETTINGS].budget} with these options"
        if problem is not None:
            why = str(problem)
            if not isinstance(problem, LayerError) or not any(map(case_of, items)):
                if raising:
                    raise problem
                continue
        if not config.stash[SETTINGS].plans:  # which leave out all studies but one
            config.stash[_LEFT_OUT].append(f"{study.name}: {why}")
        out.append(item)
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def left_out(config: pytest.Config) -> list[str]:
    """Return a line for each study that was deselected, with the reason."""
    return config.stash[_LEFT_OUT]


def hint_of_unselected(config: pytest.Config) -> list[str]:
    """Return the line that helps where nothing was selected.

    `-k` names a model that is not in the run, or nearly a `MODEL_STUDY` that is.
    """
    settings, studies = config.stash[SETTINGS], config.stash[_STUDIES]
    given = {keyword_of(word, settings): word for word in settings.choice.models}
    asked = asked_words(config.option.keyword)
    for word, study_name in product(asked, studies):
        model = word.removesuffix(f"_{study_name}")
        if model not in (word, "", *given):
            hint = _hint_of_model(model, study_name, given)
            return [f"-k {word}: no case is of a model {model}; {hint}"]
    known = [
        f"{model}_{name}" for name, (study, _) in studies.items() for model in given or study.models
    ]
    for word in asked:
        if not any(word.lower() in name.lower() for name in known):
            near = did_you_mean(word, known)
            if near.startswith("did you mean"):
                return [f"-k {word} selects nothing; {near}"]
    return []


def _hint_of_model(model: str, study: str, given: Mapping[str, str]) -> str:
    """Return what to do about a model that is not in the run; `given` ones are by their keyword."""
    if model in SHORT_NAMES:
        return f"did you mean --model {model}?"
    for called, named in given.items():
        if called != named:
            return f"that of --model {named} is called {called}: -k {called}_{study}"
    near = did_you_mean(model, SHORT_NAMES)
    if near.startswith("did you mean"):
        return near
    return f"did you mean --model PATH/{model}?"


def _mistake_of(item: pytest.Item) -> BenchError | None:
    study = _empty_study(item)
    return item.config.stash[_MISTAKES].get(study.name) if study is not None else None


def _on_demand(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    if config.option.keyword or config.option.markexpr:
        return []
    named = {Path(word.partition("::")[0]).name for word in config.args}
    return [
        item
        for item in items
        if item.get_closest_marker(ON_DEMAND_MARK) and item.path.name not in named
    ]


def _empty_study(item: pytest.Item) -> Study | None:
    """Return the study that an item is the placeholder of; None for a case, and other tests."""
    callspec = getattr(item, "callspec", None)
    mark = item.get_closest_marker(STUDY_MARK)
    if mark is None or callspec is None or "case" not in callspec.params or case_of(item):
        return None
    study: Study = mark.args[0]
    return study
