"""Ids name what is measured: stable, since baselines are stored under them, and unique."""

from dataclasses import FrozenInstanceError, replace

import pytest

from analog_bench.case import Case, spelt_seconds
from analog_bench.noise import Ideal, Pcm, Preset, WhiteOutput, WhiteWeight

CASE = Case(
    study="layer_noise",
    model="bert",
    layers=("encoder.layer.0.output.dense",),
    noise=Pcm(),
    drift_s=86_400.0,
    tile="torch",
    hardware="ideal",
    variant="direct",
    group="encoder.layer.0.output.dense",
)
WHERE = "bert/encoder.layer.0.output.dense"
PCM = "pcm:prog=1,read=1,drift=1,compensate=yes"


@pytest.mark.parametrize(
    ("changes", "case_id"),
    [
        ({}, f"{WHERE}/{PCM}/86400s/torch"),
        ({"noise": WhiteOutput()}, f"{WHERE}/white_output:std=1"),
        ({"noise": WhiteWeight(), "tile": "cpp"}, f"{WHERE}/white_weight:std=0.05"),
        ({"noise": Ideal()}, f"{WHERE}/ideal/torch"),
        ({"tile": "cpp"}, f"{WHERE}/{PCM}/86400s/cpp"),
        ({"drift_s": 0.5}, f"{WHERE}/{PCM}/0.5s/torch"),
        (
            {"hardware": "StandardHWATrainingTorch"},
            f"{WHERE}/{PCM}/86400s/torch/StandardHWATrainingTorch",
        ),
        ({"variant": "hwa"}, f"{WHERE}/{PCM}/86400s/torch/hwa"),
        ({"model": "hub-bert", "group": "all"}, f"hub-bert/all/{PCM}/86400s/torch"),
    ],
)
def test_ids_stay_what_they_are(changes, case_id):
    assert replace(CASE, **changes).id == case_id


@pytest.mark.parametrize(
    "change",
    [
        {"model": "mobilebert"},
        {"group": "encoder.layer.1.output.dense"},
        {"noise": Pcm(prog=2.0)},
        {"drift_s": 1.0},
        {"tile": "cpp"},
        {"hardware": "StandardHWATrainingTorch"},
        {"variant": "hwa"},
    ],
)
def test_whatever_changes_the_numbers_changes_the_id(change):
    assert replace(CASE, **change).id != CASE.id


def test_the_id_leaves_out_what_changes_nothing():
    white = replace(CASE, noise=WhiteOutput())
    assert replace(white, tile="cpp", drift_s=1.0).id == white.id


def test_cases_are_values():
    assert replace(CASE) == CASE
    assert len({CASE, replace(CASE), replace(CASE, drift_s=1.0)}) == 2
    with pytest.raises(FrozenInstanceError):
        CASE.drift_s = 1.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (1.0, "1s"), (86_400.0, "86400s"), (31_536_000.0, "31536000s"), (0.1, "0.1s")],
)
def test_seconds_are_spelt_plainly(seconds, text):
    assert spelt_seconds(seconds) == text


@pytest.mark.parametrize(
    ("changes", "without", "named"),
    [
        ({}, f"{WHERE}/pcm/torch", {"86400s"}),
        ({"noise": WhiteOutput(), "variant": "hwa"}, f"{WHERE}/white_output/hwa", set()),
        (
            {"hardware": "FloatingPointPreset", "tile": "cpp"},
            f"{WHERE}/pcm/cpp",
            {"86400s", "FloatingPointPreset"},
        ),
        (
            {"noise": Preset("mine.py:six_bits@1f3a9c2e-77b0d1e4"), "drift_s": 1.0},
            f"{WHERE}/preset/torch",
            {"1s", "mine.py:six_bits"},
        ),
    ],
)
def test_values_are_apart_from_the_id(changes, without, named):
    case = replace(CASE, **changes)
    assert case.id_without_values == without
    assert case.named_values == named
