"""Which of the collected tests run: studies without cases, and what runs on demand only."""

from __future__ import annotations

from pathlib import Path

import pytest

from analog_bench.case import Case
from analog_bench.errors import BenchError, LayerError
from analog_bench.plugin.fixtures import SETTINGS, STUDY_MARK
from analog_bench.session.cases import cases_of, keyword, known_models
from analog_bench.study import Study

ON_DEMAND_MARK = "on_demand"
_MISTAKES: pytest.StashKey[dict[str, BenchError]] = pytest.StashKey()
"""By study: why it could not be made into cases."""
_LEFT_OUT: pytest.StashKey[list[str]] = pytest.StashKey()


def begin(config: pytest.Config) -> None:
    """Prepare a session; nothing is collected yet."""
    config.stash[_MISTAKES] = {}
    config.stash[_LEFT_OUT] = []


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that an item measures; None for other tests."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("case") if callspec is not None else None
    return found if isinstance(found, Case) else None


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Make one test of every case of a study; pytest makes a place of one that has none."""
    mark = metafunc.definition.get_closest_marker(STUDY_MARK)
    if mark is None or "case" not in metafunc.fixturenames:
        return
    cases: list[Case] = []
    try:
        cases = cases_of(mark.args[0], metafunc.config.stash[SETTINGS])
    except BenchError as problem:
        # Raised later, if the study is asked for: an error here would be shown as a broken file,
        # with a traceback.
        metafunc.config.stash[_MISTAKES][mark.args[0].name] = problem
    metafunc.parametrize("case", cases, ids=[case.id for case in cases])


def add_keywords(item: pytest.Item) -> None:
    """Let `-k MODEL_STUDY` find a case, and the place of a study that has none."""
    options, case, place = item.config.stash[SETTINGS], case_of(item), _place_of(item)
    if case is not None:
        word = keyword(case, known_models(options), item.config.option.keyword)
        item.extra_keyword_matches |= {word} if word else set()
    elif place is not None:
        models = {*options.choice.models, *place.models}
        item.extra_keyword_matches |= {*models, *(f"{model}_{place.name}" for model in models)}


def mistake_of(item: pytest.Item) -> BenchError | None:
    """Return why the study whose place an item holds could not be made into cases."""
    study = _place_of(item)
    return item.config.stash[_MISTAKES].get(study.name) if study is not None else None


def narrow(config: pytest.Config, items: list[pytest.Item], *, raising: bool) -> None:
    """Leave out what is not asked for, and what has no cases.

    That is what runs on demand only, unless it is asked for: by its file, by `-k` or by `-m`; and
    studies to which the options leave nothing, as long as others have something.

    Args:
        config: The session's configuration.
        items: The tests that `-k` and the like have left; some are taken out.
        raising: Whether to end the run here; otherwise the place of a mistaken study stays.

    Raises:
        BenchError: A study that is asked for could not be made into cases.
    """
    out = _unasked(config, items)
    for item in items:
        study, problem = _place_of(item), mistake_of(item)
        if study is None:
            continue
        why = f"nothing to measure at budget {config.stash[SETTINGS].budget} with these options"
        if problem is not None:
            why = str(problem)
            if not isinstance(problem, LayerError) or not any(map(case_of, items)):
                if raising:
                    raise problem
                continue
        config.stash[_LEFT_OUT].append(f"{study.name}: {why}")
        out.append(item)
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def left_out(config: pytest.Config) -> list[str]:
    """Return a line for each study that was left out, with the reason."""
    return config.stash[_LEFT_OUT]


def _unasked(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    if config.option.keyword or config.option.markexpr:
        return []
    named = {Path(word.partition("::")[0]).name for word in config.args}
    return [
        item
        for item in items
        if item.get_closest_marker(ON_DEMAND_MARK) and item.path.name not in named
    ]


def _place_of(item: pytest.Item) -> Study | None:
    """Return the study whose place an item holds; None for a case, and for other tests."""
    callspec = getattr(item, "callspec", None)
    mark = item.get_closest_marker(STUDY_MARK)
    if mark is None or callspec is None or "case" not in callspec.params or case_of(item):
        return None
    study: Study = mark.args[0]
    return study
