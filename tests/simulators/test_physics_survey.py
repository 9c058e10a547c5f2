"""The survey of this very installation: sound as it is, and caught where a fault is put in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from scipy import stats

from analog_bench.noise import Pcm, families
from analog_bench.releases.comparison import Measured, compare_releases
from analog_bench.simulators import aihwkit as kit
from analog_bench.simulators.aihwkit import inventory
from analog_bench.simulators.environment_probe import probe
from analog_bench.simulators.physics import run_survey, specimen
from analog_bench.simulators.physics.experiment import Finding, experiment
from analog_bench.simulators.physics.run_survey import EXPERIMENTS, examine
from analog_bench.simulators.physics.survey_record import (
    ALLOWED_ERRORS,
    Fact,
    differ,
    survey_as_plain,
    survey_from_plain,
)
from analog_bench.simulators.protocol import TileStatus

SEEDS = (2, 3, 4, 5)


@pytest.fixture(scope="module")
def survey():
    return examine()


def torch_checks(*families):
    """Return the checks that are seeded: those on the torch tile."""
    found = [one for one in EXPERIMENTS if one.family in families or not families]
    return [check for one in found if one.runs_on("torch") for check in one.checks("torch")]


def test_this_installation_is_sound(survey):
    assert survey.usable
    assert [f"{check.subject}, {check.where}: {check.reason}" for check in survey.failing] == []
    assert all(check.expected and check.tolerance > 0 for check in survey.checks)
    assert [fact.identity for fact in survey.facts if fact.reason or not fact.figures] == []
    assert survey.reasons == {}
    assert "PCMLikeNoiseModel" in survey.noise_models
    assert survey.presets["StandardHWATrainingPreset"]["forward.out_noise"] == "0.04"


def test_no_two_records_of_a_survey_are_taken_for_one(survey):
    for records in (survey.checks, survey.facts):
        identities = [record.identity for record in records]
        assert len(set(identities)) == len(identities)


def test_every_family_of_aihwkit_has_its_closed_form(survey):
    """Those without: nothing to measure, our own devices, and what is made of others."""
    without = {"ideal", "stuck", "measured", "preset", "equal_error"}
    on_tiles = {name for name, noise in families().items() if noise.WHERE == "tile"}
    assert {check.family for check in survey.checks} == on_tiles - without


def test_any_seed_passes_and_tolerances_are_honest(monkeypatch):
    """Over seeds, errors are those of a standard normal number, and never near the tolerance."""
    errors = []
    for seed in SEEDS:
        monkeypatch.setattr(specimen, "SEED", seed)
        found = torch_checks()
        assert [check.subject for check in found if not check.passes] == []
        # Where nothing is drawn, rounding is far below the tolerance.
        errors += [ALLOWED_ERRORS * check.off for check in found if check.off > 1e-3]
    assert len(errors) > 250
    # Quantities of one sample hang together, so that the bounds are wide.
    assert 0.85 < (sum(e * e for e in errors) / len(errors)) ** 0.5 < 1.15
    beyond_two = sum(e > 2 for e in errors) / len(errors)
    assert 0.015 < beyond_two < 0.09  # 2 sf(2) = 0.046
    assert max(errors) < stats.norm.isf(1e-3 / len(errors) / 2)


@pytest.fixture
def louder(monkeypatch):
    """Give PCM 10 % more programming noise."""
    sound = kit.PCMLikeNoiseModel.apply_programming_noise_to_conductance

    def apply(self, g_target):
        scale, self.prog_noise_scale = self.prog_noise_scale, 1.1 * self.prog_noise_scale
        try:
            return sound(self, g_target)
        finally:
            self.prog_noise_scale = scale

    monkeypatch.setattr(kit.PCMLikeNoiseModel, "apply_programming_noise_to_conductance", apply)


def test_more_programming_noise_is_caught_and_named(survey, louder):
    faulty = examine()
    noisy = {check.subject for check in faulty.failing}
    assert noisy == {"pcm programming noise"}
    assert all(1.08 < c.ratio < 1.12 for c in faulty.failing)
    assert len(faulty.failing) == 4 * len(survey.usable)
    (step,) = compare_releases(
        [Measured("sound", "a", survey=survey), Measured("faulty", "b", survey=faulty)]
    ).steps
    found = {layer.name: layer.changes for layer in step.layers}
    assert [change.subject for change in found["physics"]] == ["pcm programming noise"]
    assert {(c.subject, c.description.partition(" differ")[0]) for c in found["exact"]} == {
        ("pcm", "fingerprints of chips programmed with one seed"),
        ("StandardHWATrainingTorch", "products read with one seed"),
    }
    assert (step.first, step.fails) == ("exact", True)


def test_a_sound_survey_does_not_change_when_it_is_made_again(survey):
    (step,) = compare_releases(
        [Measured("a", "a", survey=survey), Measured("b", "b", survey=examine())]
    ).steps
    assert (step.first, step.fails, step.abilities) == (None, False, ())


def scaled(function, factor):
    return lambda *args, **options: function(*args, **options) * factor


FAULTS = {
    "pcm drift exponent": ("PCMLikeNoiseModel", "generate_drift_coefficients", 1.02),
    "hermes drift exponent": ("HermesNoiseModel", "generate_drift_coefficients", 1.02),
}


@pytest.mark.parametrize("subject", FAULTS)
def test_a_fault_of_one_model_is_its_own(subject, monkeypatch):
    model, method, factor = FAULTS[subject]
    cls = getattr(kit, model)
    monkeypatch.setattr(cls, method, scaled(getattr(cls, method), factor))
    found = {check.subject for check in torch_checks("pcm", "hermes") if not check.passes}
    assert subject in found
    assert {name.partition(" ")[0] for name in found} == {subject.partition(" ")[0]}


def test_what_a_release_cannot_do_is_a_reason_and_no_crash(monkeypatch):
    def missing(self, *args, **options):
        raise TypeError("no argument\n  prog_noise_scale")

    class Broken:
        def __init__(self):
            raise ValueError("no such term")

    monkeypatch.setattr(kit.PCMLikeNoiseModel, "__init__", missing)
    named = {**inventory.presets(), "BrokenPreset": Broken}
    monkeypatch.setattr(inventory, "presets", lambda: named)
    found = examine("torch")
    broken = {check.subject: check.reason for check in found.checks if check.family == "pcm"}
    assert set(broken.values()) == {"TypeError: no argument prog_noise_scale"}
    assert [check for check in found.failing if check.family != "pcm"] == []
    assert {f.reason for f in found.facts if f.name.startswith("pcm")} == set(broken.values())
    assert found.reasons["preset BrokenPreset"] == "ValueError: no such term"
    # Its noise model is PCM.
    assert found.reasons["preset StandardHWATrainingPreset"] in broken.values()


def test_numbers_that_are_none_are_reasons(monkeypatch):
    @experiment("pcm", {"nothing": "a formula"}, tiles=("torch",))
    def nothing(tile):
        yield Finding("g = 0.3", float("nan"), 1.0, 0.1)

    (check,) = nothing.checks("torch")
    assert (check.measured, check.passes, check.off) == (None, False, None)
    assert check.reason == "what was measured is not a finite number"
    programming = kit.PCMLikeNoiseModel.apply_programming_noise_to_conductance
    monkeypatch.setattr(
        kit.PCMLikeNoiseModel,
        "apply_programming_noise_to_conductance",
        scaled(programming, float("nan")),
    )
    found = [fact for fact in examine("torch").facts if fact.name == "pcm"]
    assert [(fact.figures, fact.reason) for fact in found] == [
        ((), "what was computed is not finite")
    ]


def test_a_tile_that_does_not_work_is_not_examined(monkeypatch):
    works = probe()
    broken = TileStatus(False, "weights must be a CPU tensor")
    here = replace(works, tiles={**works.tiles, "cpp": broken})
    monkeypatch.setattr(run_survey, "probe", lambda: here)
    found = examine()
    assert found.usable == ("torch",)
    assert {check.tile for check in found.checks} == {"torch"}
    assert {fact.tile for fact in found.facts} == {"none", "torch"}
    nothing = replace(here, tiles={**here.tiles, "torch": TileStatus(False, "no")})
    monkeypatch.setattr(run_survey, "probe", lambda: nothing)
    assert examine().checks == ()


def test_a_survey_goes_through_json_unchanged(survey):
    plain = json.loads(json.dumps(survey_as_plain(survey), allow_nan=False))
    again = survey_from_plain(plain)
    assert again == survey
    assert {check["passes"] for check in plain["checks"]} == {True}


def test_fingerprints_of_facts_are_those_of_the_seed(monkeypatch):
    def programmed():
        noise = Pcm()
        with specimen.on_chip(torch.eye(8) * 0.5, noise, "torch") as (_, chip):
            return Fact("programming", "pcm", "torch", chip.fingerprint)

    first = programmed()
    assert not differ(first, programmed())
    monkeypatch.setattr(specimen, "SEED", 2)
    assert differ(first, programmed())
