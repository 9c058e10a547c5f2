"""A case that this environment cannot measure is skipped, with the reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from analog_bench.noise import Pcm, PcmRead, Preset, SShape
from analog_bench.session.case_measurement import measure_case
from analog_bench.session.cases import cases_of
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.settings import Settings
from analog_bench.study import Budget, Choice, Study

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
    budget="smoke",
    chips=None,
    examples=None,
    data="embedded",
    zoo="embedded",
    hwa=None,
    calibration="fit",
    lock=Path("zoo.lock.json"),
    device="cpu",
    seed=1,
    replay=True,
    per_example="off",
    json=None,
    baselines=Path("baselines"),
    data_folder=None,
    gate="off",
    requirements=(),
    update_baselines=False,
    report=False,
    resume=False,
    given={},
    root=Path(),
    extensions=(),
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
