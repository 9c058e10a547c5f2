"""`analog-bench physics`: a sound installation, a faulty one, and what its document holds."""

import json

import pytest

from analog_bench.cli import main
from analog_bench.simulators import aihwkit as kit
from analog_bench.simulators.environment_probe import probe
from analog_bench.simulators.physics import run_survey
from analog_bench.simulators.physics.survey_record import survey_from_plain
from analog_bench.simulators.protocol import TileStatus


def test_this_installation_is_sound(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["physics", "--tile", "torch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    versions = probe().versions
    assert lines[0].startswith(f"aihwkit {versions['aihwkit']}, torch {versions['torch']}, Python")
    (row,) = [line.split() for line in lines if line.startswith("pcm programming noise")]
    assert row[3:5] == ["torch", "4"]
    assert row[-1] == "agrees"
    assert "conditions, none off." in " ".join(lines)
    # A line a quantity: none is folded in a terminal of 80 columns.
    table = lines[2 : lines.index("")]
    assert len(table) > 15
    assert {line.split()[-1] for line in table} == {"agrees"}


def test_the_document_holds_all_that_was_measured(capsys):
    assert main(["physics", "--json"]) == 0
    survey = survey_from_plain(json.loads(capsys.readouterr().out))
    assert survey.usable
    assert survey.failing == ()
    assert len(survey.checks) > 60
    assert {fact.kind for fact in survey.facts} == {
        *("random numbers", "digital", "ideal tile", "deterministic", "programming", "reading")
    }


@pytest.fixture
def pcm_alone(monkeypatch):
    """Examine the experiments of PCM only: they are what is faulty here."""
    experiments = [e for e in run_survey.EXPERIMENTS if e.family == "pcm"]
    monkeypatch.setattr(run_survey, "EXPERIMENTS", experiments)


def test_a_fault_is_named_in_detail(pcm_alone, capsys, monkeypatch):
    sound = kit.PCMLikeNoiseModel.generate_drift_coefficients
    monkeypatch.setattr(
        kit.PCMLikeNoiseModel, "generate_drift_coefficients", lambda self, g: 1.1 * sound(self, g)
    )
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["physics", "--tile", "torch"]) == 1
    said = capsys.readouterr().out
    assert "pcm drift exponent, torch tile: mean of |N(μ, σ²)|" in said
    (row,) = [line for line in said.splitlines() if line.startswith("g = 0.8, 10 years")]
    assert row.split()[-1] == "deviates"
    assert "9 off." in said
    assert "pcm programming noise, torch tile:" not in said
    assert main(["physics", "--tile", "torch", "--all"]) == 1
    assert "pcm programming noise, torch tile:" in capsys.readouterr().out


def test_no_tile_that_works_is_no_success(capsys, monkeypatch):
    from dataclasses import replace

    broken = TileStatus(False, "undefined symbol")
    here = replace(probe(), tiles={"torch": broken, "cpp": broken})
    monkeypatch.setattr(run_survey, "probe", lambda: here)
    assert main(["physics"]) == 1
    said = capsys.readouterr().out
    assert "torch tile: undefined symbol" in said
    assert "C++ tile: undefined symbol" in said
    assert main(["physics", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"] == []
