"""Cases go to workers in groups that replay serves, and to workers that measure the same alone."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields

from analog_bench.defining_files import SourceFile
from analog_bench.errors import UsageError
from analog_bench.noise import WhiteOutput
from analog_bench.session.case_groups import AskedCase, fingerprints_of, groups_of, measure_group
from analog_bench.session.cases import cases_of
from analog_bench.session.model_cache import ModelCache
from analog_bench.study import Budget, Study
from tests.session.test_case_measurement import SETTINGS
from tests.session.test_shard_cut import LAYERS, WHOLE, selected

STUDY = Study(
    name="one",
    question="what does one layer do?",
    models=("bert",),
    noises=(WhiteOutput(std=1.0),),
    budgets={"smoke": Budget(chips=1, examples=2, layers=("qa_outputs",))},
)
(CASE,) = cases_of(STUDY, SETTINGS)
LISTED = {(CASE.study, CASE.id): (STUDY, CASE)}


@pytest.mark.parametrize("workers", [1, 2, 200])
def test_groups_hold_every_case_once_and_keep_what_shares_chips_together(workers):
    pairs = selected(LAYERS, WHOLE)
    groups = groups_of(pairs, SETTINGS, workers)
    assert sorted(case.id for group in groups for _, case in group) == sorted(
        case.id for _, case in pairs
    )
    owner = {}
    for n, group in enumerate(groups):
        for study, case in group:
            assert owner.setdefault((study.name, replace(case, drift_s=0.0)), n) == n
    # Model after model, so that a worker loads each once.
    models = [group[0][1].model for group in groups]
    assert models == sorted(models)


def test_no_group_is_long_however_few_workers():
    pairs = selected(LAYERS)
    groups = groups_of(pairs, SETTINGS, 1)
    assert len(groups) >= len(pairs) / 16
    assert groups_of([], SETTINGS, 3) == []


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the models of a worker whose baselines are in an empty folder."""
    baselines = tmp_path_factory.mktemp("baselines")
    return ModelCache(replace(SETTINGS, gate="fail", baselines=baselines), workers=1)


@pytest.fixture(scope="module")
def asked(models):
    return AskedCase(CASE.study, CASE.id, fingerprints_of(models, STUDY, CASE), ())


def test_a_fault_in_one_case_is_its_own(models, asked, monkeypatch):
    from analog_bench.session import case_groups

    def fail(*_, **__):
        raise ZeroDivisionError("a fault")

    good = measure_group(models, LISTED, [asked], {"cpu": "any"})
    assert [record.result.case_id for record in good.records] == [CASE.id]
    assert (good.failures, good.environment) == ((), {"cpu": "any"})
    monkeypatch.setattr(case_groups, "measure_case", fail)
    bad = measure_group(models, LISTED, [asked], {})
    assert bad.records == ()
    assert bad.failures[0].reason.endswith("ZeroDivisionError: a fault\n")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"case_id": "bert/none"}, "has no case bert/none in the study one"),
        ({"sources": (SourceFile("noise", "n.py", "a" * 64),)}, "n.py is another: aaaaaaaaaaaa"),
        ({"weights": "b" * 64}, "has other weights for one: bbbbbbbbbbbb there and "),
        ({"data": "other"}, "has other data for one: other there and "),
        ({"baselines": "1f2e3d4c"}, "has other baselines for one: 1f2e3d4c there and none here"),
    ],
)
def test_what_would_not_be_the_same_is_refused(models, asked, changes, why):
    own = {name: value for name, value in changes.items() if hasattr(asked, name)}
    made_of = {name: value for name, value in changes.items() if name not in own}
    other = with_fields(asked, **own, fingerprints=with_fields(asked.fingerprints, **made_of))
    with pytest.raises(UsageError, match=why):
        measure_group(models, LISTED, [other], {})
