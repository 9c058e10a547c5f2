"""`analog-bench calibrate`: ranges in a folder, which runs and trainings start from."""

import json

import pytest

from analog_bench.cli import main
from analog_bench.errors import UsageError
from analog_bench.tasks.squad_files import EMBEDDED, read_squad
from analog_bench.zoo.range_folder import RANGES, read_ranges
from tests.own_folders import saved_bert
from tests.squad_articles import write_squad

PRESET = "StandardHWATrainingTorch"


def test_it_writes_a_range_for_every_tile(tmp_path, capsys):
    assert main(["calibrate", "bert", "-o", str(tmp_path), "--threads", "1"]) == 0
    assert "ranges: of 49 tiles in 37 layers" in capsys.readouterr().out
    record = read_ranges(tmp_path / "bert")
    assert (record.tile, record.hardware) == ("torch", PRESET)
    assert (record.recipe["method"], record.recipe["sequences"]) == ("fit", 32)
    # 1,536 inputs on tiles of at most 512.
    assert len(record.input_ranges["encoder.layer.0.output.dense"]) == 3


def test_data_of_ones_own_gives_other_ranges(tmp_path, capsys):
    write_squad(read_squad(EMBEDDED).select(range(0, 60, 6)), tmp_path / "some.json")
    call = ["calibrate", "bert", "--data", str(tmp_path / "some.json"), "--sequences", "4"]
    call += ["-o", str(tmp_path), "--calibration", "max", "--threads", "1", "--json"]
    assert main(call) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["method"], told["sequences"], told["hardware"]) == ("max", 4, PRESET)
    record = read_ranges(tmp_path / "bert")
    assert record.recipe["data"] == told["data"]
    record.check_hardware("torch", PRESET, tmp_path)
    with pytest.raises(UsageError, match="were fitted to StandardHWATrainingTorch"):
        record.check_hardware("cpp", "StandardHWATrainingPreset", tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hardware", "FloatingPointPreset"], "FloatingPointPreset have no static input ranges"),
        (["--hardware", "StandardHWATrainingTorc"], "did you mean 'StandardHWATrainingTorch'?"),
        (["--data", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, capsys, options, said):
    assert main(["calibrate", "bert", "-o", str(tmp_path), *options]) == 4
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "bert").exists()


def test_a_training_starts_from_them_and_refuses_those_of_other_hardware(tmp_path, capsys):
    mine = str(saved_bert(tmp_path / "mine"))
    capsys.readouterr()  # writing models draws bars
    folder = tmp_path / "ranges"
    call = ["hwa", "train", mine, "--data", "nowhere.json", "--calibration", str(folder)]
    folder.mkdir()
    assert main(call) == 4
    assert f"no input ranges in {folder / 'mine'}: there is no {RANGES}" in capsys.readouterr().err
    assert main(["calibrate", mine, "-o", str(folder), "--threads", "1"]) == 0
    assert main([*call, "--preset", "StandardHWATrainingPreset"]) == 4
    assert "not to StandardHWATrainingPreset (tile cpp)" in capsys.readouterr().err
    assert main(call) == 4  # the data is next
    assert "nowhere.json" in capsys.readouterr().err
