"""`analog-bench noises`, `hardware` and `studies`: all there is, as the project itself reads it."""

import json
from pathlib import Path

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.noise import families, parse_noise
from analog_bench.noise.whole_hardware import TERMS
from analog_bench.simulators.registry import presets

ROOT = Path(__file__).parents[2]
MINE = """
from analog_bench.noise import Pcm
from analog_bench.study import Budget, Study

STUDY = Study("mine", "what about mine?", ("bert",), (Pcm(),), {"smoke": Budget(1, None)})
"""


def listed(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_family_is_listed_with_what_its_parameters_default_to(capsys):
    found = {one["name"]: one for one in listed(capsys, "noises")}
    assert found.keys() == families().keys()
    for name, one in found.items():
        given = {key: getattr(parse_noise(name), key) for key in one["parameters"]}
        assert one["parameters"] == given
        assert one["description"]
    assert found["pcm_read"]["simulators"] == ["cpp"]
    assert found["white_output"]["simulators"] == []


def test_one_family_says_everything_in_words(capsys):
    assert main(["noises", "pcm"]) == 0
    text = capsys.readouterr().out
    assert f"default: {parse_noise('pcm')}" in text
    assert "drift: at any time" in text
    assert "chips: differ by what is programmed" in text
    assert "white_output" not in text


def test_a_family_of_fixed_times_names_them(capsys):
    assert main(["noises", "reram_wan2022"]) == 0
    assert "drift: at 1 s, 1 d, 2 d only" in capsys.readouterr().out


def test_an_unknown_family_is_one_line(capsys):
    assert main(["noises", "pmc"]) == 4
    assert "no noise family 'pmc'; did you mean 'pcm'?" in capsys.readouterr().err


def test_the_studies_of_this_project_are_listed(capsys):
    found = {one["name"]: one for one in listed(capsys, "studies", str(ROOT / "bench"))}
    assert {"layer_noise", "drift", "generation"} <= found.keys()
    assert found["layer_noise"]["budgets"]["smoke"]["chips"] == 3


def test_own_studies_are_listed_in_words(tmp_path, capsys):
    (tmp_path / "bench_mine.py").write_text(MINE)
    assert main(["studies", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "asks: what about mine?" in text
    assert "smoke: 1 chip, all examples" in text
    assert main(["studies"]) == 0
    text = capsys.readouterr().out
    assert "noises: hermes, pcm, StandardHWATrainingTorch\n" in text
    assert "up to 10 chips, until known to ±2 margins or 10 % of the loss, 96 examples" in text


def test_models_are_listed_as_the_zoo_lists_them(capsys):
    assert main(["models", "--zoo", "embedded", "--json"]) == 0
    models = capsys.readouterr().out
    assert {"bert", "mobilebert", "distilgpt2"} <= {one["name"] for one in json.loads(models)}
    assert main(["zoo", "list", "--zoo", "embedded", "--json"]) == 0
    assert capsys.readouterr().out == models


def test_a_study_that_does_not_import_is_one_line(tmp_path, capsys):
    (tmp_path / "bench_mine.py").write_text(MINE + "\nimport not_there\n")
    assert main(["studies", str(tmp_path)]) == 4
    assert "bench_mine.py, line 7: ModuleNotFoundError" in capsys.readouterr().err


def test_a_folder_without_studies_is_one_line(tmp_path, capsys):
    assert main(["studies", str(tmp_path)]) == 4
    assert "no study in" in capsys.readouterr().err


def test_every_preset_is_listed_with_its_tiles_and_terms(capsys):
    found = {one["name"]: one for one in listed(capsys, "hardware")}
    assert found.keys() == presets().keys()
    torch = found["StandardHWATrainingTorch"]
    assert torch["tile"] == {"inputs": 512, "outputs": 0, "input_bits": 8, "output_bits": 8}
    assert torch["input_ranges"] is True
    assert "perfect converters" in found["FloatingPointPreset"]["tile"]
    assert set(torch["terms"]) < set(found["StandardHWATrainingPreset"]["terms"])


def test_one_preset_says_what_its_terms_are(capsys):
    assert main(["hardware", "StandardHWATrainingTorch"]) == 0
    text = capsys.readouterr().out
    assert "tile: 512 × any (inputs × outputs), DAC 8 bits, ADC 8 bits" in text
    assert f"programming: {TERMS['programming']}" in text
    assert main(["hardware", "StandardHWATrainingTorhc"]) == BENCH_ERROR
    assert "did you mean 'StandardHWATrainingTorch'" in capsys.readouterr().err
