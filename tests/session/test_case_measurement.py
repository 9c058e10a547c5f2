"""A case that this environment cannot measure is skipped, with the reason."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec import structs

from analog_bench.errors import UsageError
from analog_bench.gate.precision import reached
from analog_bench.noise import Pcm, PcmRead, Preset, SShape, WhiteOutput
from analog_bench.records import Margin
from analog_bench.session.case_measurement import measure_case
from analog_bench.session.cases import cases_of
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.settings import Settings
from analog_bench.store.baseline import Provenance
from analog_bench.store.baseline_file import update_cases
from analog_bench.store.baselines_by_device import own_folder
from analog_bench.store.run import by_identity, storable, timeless
from analog_bench.study import Budget, Choice, PrecisionTarget, Study
from tests.gate.simulation import F1

NOISES = (SShape(), PcmRead(), Pcm())
STUDY = Study(
    name="exact",
    question="what does the C++ tile say?",
    models=("bert",),
    noises=NOISES,
    tiles=dict.fromkeys(NOISES, "cpp"),
    budgets={"smoke": Budget(chips=1, examples=2, layers=("qa_outputs",))},
)
SETTINGS = Settings(
    choice=Choice(),
    zoo="embedded",
    lock=Path("zoo.lock.json"),
    device="cpu",
    seed=1,
    per_example="off",
)


@pytest.fixture(scope="module")
def on_a_gpu():
    """Return the models of a run that is told that its models are on a GPU."""
    models = ModelCache(SETTINGS, workers=1)
    models.loaded("bert")
    models.settings = replace(SETTINGS, device="cuda")
    return models


@pytest.mark.parametrize("case", cases_of(STUDY, SETTINGS), ids=lambda case: case.noise.NAME)
def test_cases_of_the_cpp_tile_are_skipped_on_a_gpu(on_a_gpu, case):
    result = measure_case(on_a_gpu, STUDY, case)[0].result
    assert (result.status, result.chips) == ("skipped", ())
    assert result.reason.startswith("the C++ tile computes on cpu only, and the model is on cuda;")


def test_calibrated_is_left_out_where_the_hardware_has_no_ranges_unless_asked_for():
    study = replace(
        STUDY,
        noises=(Pcm(), Preset(terms="drift"), Preset()),
        tiles={},
        layers="all",
        variants=("direct", "calibrated"),
        budgets={"smoke": Budget(1, 2)},
    )

    def listed(*variants):
        chosen = replace(SETTINGS, choice=Choice(models=("bert",), variants=variants))
        return [(str(case.noise), case.variant) for case in cases_of(study, chosen)]

    presets = [f"preset:name={Preset().name}{terms}" for terms in (",terms=mapping+drift", "")]
    assert listed() == [
        *((str(noise), "direct") for noise in (Pcm(), *presets)),
        (presets[1], "calibrated"),
    ]
    assert listed("calibrated") == [(str(noise), "calibrated") for noise in (Pcm(), *presets)]


# Of four questions one is 25 points.
KNOWN = PrecisionTarget(25.0)
ADDING = Study(
    name="adding",
    question="how many chips does a layer need?",
    models=("bert",),
    noises=(WhiteOutput(3.0), Pcm()),
    drift_s=(1.0, 86_400.0),
    budgets={"smoke": Budget(9, 4, layers=("qa_outputs",), precision=KNOWN)},
)


@pytest.fixture(scope="module")
def added():
    """Return a function that measures cases one by one, or those on the same chips together."""
    models = ModelCache(replace(SETTINGS, per_example="on"), workers=1)
    cases = cases_of(ADDING, SETTINGS)

    def measure(*, together, earlier=MappingProxyType({}), study=ADDING):
        ahead, results = {}, {}
        for case in cases:
            upcoming = cases if together else ()
            records = measure_case(models, study, case, earlier, upcoming=upcoming, ahead=ahead)
            results[case] = records[0].result
        return results

    return measure


@pytest.fixture(scope="module")
def alone(added):
    return added(together=False)


def test_chips_are_added_until_a_case_is_known_as_well_as_asked(alone):
    for result in alone.values():
        assert result.target == KNOWN
        assert [chip.chip for chip in result.chips] == list(range(len(result.chips)))
        assert 5 <= len(result.chips) <= 9
        assert reached(result, F1) or len(result.chips) == 9
    assert len({len(result.chips) for result in alone.values()}) > 1


def test_a_case_has_as_many_chips_alone_as_with_others_on_the_same_chips(alone, added):
    for case, result in added(together=True).items():
        assert timeless(result) == timeless(alone[case])


def test_what_a_resumed_run_had_is_not_measured_again(alone, added):
    assert added(together=True, earlier=by_identity(alone.values())) == alone


def test_a_fixed_number_of_chips_is_measured_where_nothing_else_is_asked(added):
    study = replace(ADDING, budgets={"smoke": Budget(2, 4, layers=("qa_outputs",))})
    for result in added(together=True, study=study).values():
        assert (len(result.chips), result.target) == (2, None)


def test_a_run_may_ask_for_a_precision_that_its_budget_does_not():
    study = replace(ADDING, budgets={"smoke": Budget(3, 4)})
    asked = replace(SETTINGS, precision_target=PrecisionTarget(1.0))
    assert SETTINGS.budget_of(study, "bert").precision is None
    budget = asked.budget_of(study, "bert")
    assert (budget.chips, budget.precision) == (40, PrecisionTarget(1.0))
    assert replace(asked, chips=8).budget_of(study, "bert").chips == 8
    # Of a budget's own precision is nothing left where so few chips are asked for.
    few = replace(SETTINGS, chips=3).budget_of(ADDING, "bert")
    assert (few.chips, few.precision) == (3, None)
    with pytest.raises(UsageError, match="--precision-target takes 5 chips at least"):
        replace(asked, chips=3)


SMALL = {"smoke": Budget(2, 4, layers=("encoder.layer.2.intermediate.dense",))}
NOW = Provenance("2026-11-23T10:00:00+00:00", None, None, None, None)


def test_more_chips_are_measured_where_only_another_device_has_a_baseline(on_a_gpu, tmp_path):
    study = replace(STUDY, noises=(WhiteOutput(),), tiles={}, budgets=SMALL)
    models = ModelCache(replace(SETTINGS, update_baselines=True, baselines=tmp_path), workers=1)
    models._loaded = on_a_gpu._loaded
    (case,) = cases_of(study, SETTINGS)
    result = storable(measure_case(models, study, case)[0].result)
    there = structs.replace(result, device="NVIDIA H200")
    update_cases(own_folder(tmp_path, there.computed), [there], NOW)
    assert len(result.chips) == 6
    for margin, wanted in ((1e-3, 6), (1e3, 2)):
        margins = {"f1": Margin(margin, "to see how many chips it takes")}
        again = ModelCache(replace(SETTINGS, gate="warn", baselines=tmp_path), workers=1)
        again._loaded = on_a_gpu._loaded
        measured = measure_case(again, replace(study, margins=margins), case)[0].result
        assert len(measured.initial_chips) == wanted


def test_a_precision_that_moves_the_digital_score_is_refused():
    study = replace(
        STUDY,
        models=("distilgpt2",),
        noises=(WhiteOutput(),),
        tiles={},
        budgets={"smoke": Budget(1, 2)},
    )
    models = ModelCache(replace(SETTINGS, precision="bfloat16"), workers=1)
    models.check_precision(study, "distilgpt2")
    narrow = replace(study, name="narrow", margins={"cross_entropy": Margin(1e-9, "none passes")})
    said = r"--precision bfloat16 moves distilgpt2 itself: its digital cross_entropy is \d"
    with pytest.raises(UsageError, match=said):
        models.check_precision(narrow, "distilgpt2")
    runner = models.runner(study, "distilgpt2")
    assert runner.skipped(cases_of(study, SETTINGS)[0], "why").precision == "bfloat16"
