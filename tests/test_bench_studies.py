"""The studies in bench/: every case of every budget makes sense, and embedded data suffices."""

import importlib.util
from pathlib import Path

import pytest

from analog_bench.noise import Preset
from analog_bench.session.case_grid import list_cases
from analog_bench.simulators.registry import DEFAULT_TILE, check_case
from analog_bench.study import BUDGETS, Choice, Study
from analog_bench.zoo.model_specs import find_embedded

BENCH = Path(__file__).parents[1] / "bench"
FILES = sorted(path for path in BENCH.glob("bench_*.py") if "STUDY = " in path.read_text())
# Questions, blocks of text, and pairs, that come with the project.
EMBEDDED = {"qa": 575, "lm": 143, "classification": 574}


def study_of(path) -> Study:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.STUDY


STUDIES = {path.stem: study_of(path) for path in FILES}


def test_each_study_has_its_name_and_its_file():
    names = [study.name for study in STUDIES.values()]
    assert [f"bench_{name}" for name in names] == list(STUDIES)
    # `-k bert_drift` must not take another study's cases along.
    assert not [(a, b) for a in names for b in names if a != b and a in b]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_study_is_a_page(path):
    assert len(path.read_text().splitlines()) <= 60


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("name", BUDGETS)
def test_what_a_budget_affords_can_be_measured(study, name):
    if name not in study.budgets:
        assert name == "smoke"
        return
    budget, ids = study.budgets[name], []
    assert budget.per_model.keys() <= set(study.models)
    for model in study.models:
        spec, own = find_embedded(model), budget.of(model)
        cases = list_cases(study, Choice(), {model: spec.layers}, budget, usual_tile=DEFAULT_TILE)
        assert cases
        for case in cases:
            check_case(case.noise, case.drift_s, case.tile, case.hardware)
        ids += [case.id for case in cases]
        # The chip is the sampling unit; fewer than three have no spread worth the name.
        assert own.chips >= 3
        assert own.examples is None or study.prompt or own.examples <= EMBEDDED[spec.task]
    assert len(set(ids)) == len(ids)


def test_the_drift_study_has_what_its_scores_need():
    study = STUDIES["bench_drift"]
    layers = {model: find_embedded(model).layers for model in study.models}
    for name, budget in study.budgets.items():
        cases = list_cases(study, Choice(), layers, budget, usual_tile=DEFAULT_TILE)
        assert {case.variant for case in cases} == {"direct", "calibrated", "hwa"}
        # One-day accuracy, and AVM from a second to a month.
        preset = {c.drift_s for c in cases if isinstance(c.noise, Preset)}
        assert preset >= {1.0, 86_400.0, 2_592_000.0}
        groups = {case.group for case in cases if case.model == "distilgpt2"}
        assert groups == {"all", "blocks"}, name
