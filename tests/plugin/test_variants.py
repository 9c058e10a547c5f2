"""Digital weights and those of hardware-aware training, side by side through whole runs."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from analog_bench.analog.layer_manifest import prepare
from analog_bench.cli import main
from analog_bench.zoo.hwa_weights import float_state, load_hwa, ship_hwa
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find
from tests.own_folders import saved_gpt2

LOCK = Path("zoo.lock.json")
NOISE = "preset:name=StandardHWATrainingTorch"
DIRECT = f"bert/qa_outputs/{NOISE}/1s/torch"
HWA = f"{DIRECT}/hwa"
UNCALIBRATED = f"tiny/lm_head/{NOISE}/1s/torch"
CALIBRATED = f"{UNCALIBRATED}/calibrated"
CHOICE = ("--layer", "qa_outputs", "--noise", "preset", "--drift", "1", "--chips", "2")
CHOICE += ("--examples", "8")
BOTH = (*CHOICE, "--variant", "hwa", "--variant", "direct")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Ship weights that lie a little beside BERT's; return their folder and fingerprint."""
    direct = load(find("bert", "embedded", read_lock(LOCK)), lock_path=LOCK)
    prepare(direct.model)
    draws = torch.Generator().manual_seed(3)
    tuned = {
        name: value + 0.05 * value.std() * torch.randn(value.shape, generator=draws)
        if name == "qa_outputs.weight"
        else value
        for name, value in float_state(direct.model).items()
    }
    folder = tmp_path_factory.mktemp("trained")
    ship_hwa(
        *(direct, tuned, folder / "bert" / "ship"),
        input_ranges={"qa_outputs": (2.5,)},
        recipe={},
        results={},
    )
    return folder, load_hwa(direct, folder / "bert" / "ship").weights_sha256


@pytest.fixture(scope="module")
def stored(warm, trained, tmp_path_factory):
    """Store baselines of both; return the folder of the run."""
    folder = tmp_path_factory.mktemp("both")
    done = warm("-q", *BOTH, "--hwa", trained[0], "--update-baselines", folder=folder)
    assert done.code == 0, done.out
    assert "expected:" not in done.out
    (folder / "output.txt").write_text(done.out)
    return folder


def test_without_weights_a_case_is_skipped_with_what_to_do(warm, results_of, trained, tmp_path):
    empty = tmp_path / "none"
    empty.mkdir()
    done = warm("-rs", *BOTH, "--hwa", empty, folder=tmp_path)
    assert done.code == 0, done.out
    assert "1 passed, 1 skipped" in done.out
    said = " ".join(done.out.split())
    assert "skipped 1: bert has no HWA weights in" in said
    assert "`analog-bench hwa train bert` makes them" in said
    # Said before the first case; what is skipped takes no time.
    assert "expected: about" in done.out
    assert " for 1 case on " in done.out
    results = results_of(tmp_path / "results.json")
    assert {name: result["status"] for name, result in results.items()} == {
        DIRECT: "measured",
        HWA: "skipped",
    }


def test_what_is_skipped_is_said_where_nothing_is_compared(warm, tmp_path):
    empty = tmp_path / "none"
    empty.mkdir()
    done = warm(*BOTH, "--hwa", empty, "--gate", "off", folder=tmp_path)
    assert done.code == 0, done.out
    said = " ".join(done.out.split())
    assert "2 cases: 1 skipped, 1 not compared with a baseline" in said
    assert "skipped 1: bert has no HWA weights in" in said


def test_each_has_its_weights_and_baseline_and_both_one_digital_model(stored, trained, results_of):
    results = results_of(stored / "results.json")
    assert list(results) == [DIRECT, HWA]
    direct, hwa = results.values()
    assert hwa["weights"] == trained[1] != direct["weights"]
    assert hwa["digital"] == direct["digital"]
    assert hwa["chips"] != direct["chips"]
    for variant, name in (("direct", DIRECT), ("hwa", HWA)):
        path = stored / "stored" / variant / "bert" / "layer_noise.json"
        assert set(json.loads(path.read_text())["cases"]) == {name}
    (entry,) = json.loads((stored / "stored/digital/bert.json").read_text())["protocols"].values()
    assert entry["weights"] == direct["weights"]
    out = (stored / "output.txt").read_text()
    assert out.count("bert (MiniLM-L6) digital: ") == 1
    # Side by side in one table.
    assert out.index("direct  ") < out.index("hwa  ")


def test_two_processes_give_the_same_and_the_gate_knows_both(
    warm, stored, trained, results_of, tmp_path
):
    options = ("--hwa", trained[0], "--baselines", stored / "stored", "-n", "2")
    done = warm(*BOTH, *options, folder=tmp_path)
    assert done.code == 0, done.out
    assert "2 cases: 2 equivalent" in done.out
    assert "expected:" not in done.out
    before = results_of(stored / "results.json")
    for name, result in results_of(tmp_path / "results.json").items():
        assert result["chips"] == before[name]["chips"][:2]
        assert result["weights"] == before[name]["weights"]


def test_weights_of_another_model_are_one_line(warm, trained, tmp_path):
    shutil.copytree(trained[0] / "bert" / "ship", tmp_path / "hwa" / "bert")
    record = tmp_path / "hwa" / "bert" / "record.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "direct": "0" * 64}))
    done = warm(*BOTH, "--hwa", tmp_path / "hwa", folder=tmp_path)
    assert done.code == 4, done.out
    (error,) = done.errors
    assert "were trained from other weights of bert" in error
    assert "Traceback" not in done.out


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return a folder with a model whose every score moves with its ranges."""
    return saved_gpt2(tmp_path_factory.mktemp("models") / "tiny")


def calibrated(model):
    choice = ("--layer", "lm_head", *CHOICE[2:], "--data", "embedded")
    return ("--model", model, *choice, "--variant", "calibrated")


@pytest.fixture(scope="module")
def fitted(warm, tiny, tmp_path_factory):
    """Store baselines with ranges fitted while running, and without; return the folder."""
    folder = tmp_path_factory.mktemp("fitted")
    both = (*calibrated(tiny), "--variant", "direct")
    done = warm(*both, "--update-baselines", folder=folder)
    assert done.code == 0, done.out
    return folder


def test_calibrated_has_ranges_of_its_own_and_a_baseline_that_knows_the_method(
    warm, fitted, tiny, results_of, tmp_path
):
    results = results_of(fitted / "results.json")
    own, direct = results[CALIBRATED], results[UNCALIBRATED]
    assert own["weights"] != direct["weights"]
    assert own["digital"] == direct["digital"]
    # The same chips, as the weights are the same; other ranges, and so other scores.
    both = zip(own["chips"], direct["chips"], strict=True)
    assert all(
        one["fingerprint"] == other["fingerprint"] and one["scores"] != other["scores"]
        for one, other in both
    )
    options = (*calibrated(tiny), "--variant", "direct", "--baselines", fitted / "stored")
    again = warm(*options, folder=tmp_path / "again")
    assert "2 cases: 2 equivalent" in again.out
    other = warm(*options, "--calibration", "max", folder=tmp_path / "max")
    assert "2 cases: 1 equivalent, 1 stale" in " ".join(other.out.split())


def test_ranges_come_from_a_folder_where_one_is_given(warm, fitted, tiny, results_of, tmp_path):
    options = (*calibrated(tiny), "--gate", "off")
    empty = tmp_path / "none"
    empty.mkdir()
    done = warm("-rs", *options, "--calibration", empty, folder=tmp_path)
    assert done.code == 0, done.out
    said = " ".join(done.out.split())
    assert "tiny has no input ranges in" in said
    assert "`analog-bench calibrate" in said
    assert main(["calibrate", str(tiny), "-o", str(empty), "--threads", "1"]) == 0
    done = warm(*options, "--calibration", empty, folder=tmp_path / "read")
    assert done.code == 0, done.out
    read = results_of(tmp_path / "read" / "results.json")[CALIBRATED]
    # An update measures the chips that confirm, too.
    itself = results_of(fitted / "results.json")[CALIBRATED]["chips"][: len(read["chips"])]
    assert [chip["scores"] for chip in read["chips"]] == [chip["scores"] for chip in itself]


@pytest.mark.parametrize(
    ("word", "said"), [("quantil", "did you mean 'quantile'?"), ("nowhere", "names no folder")]
)
def test_a_method_that_is_none_is_one_line(warm, tmp_path, word, said):
    done = warm(*CHOICE, "--variant", "calibrated", "--calibration", word, folder=tmp_path)
    assert done.code == 4
    (error,) = done.errors
    assert said in error
