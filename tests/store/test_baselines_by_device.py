"""Baselines of a processor and of GPUs, side by side."""

import pytest
from msgspec.structs import replace

from analog_bench.store.baseline_file import update_cases, update_digital
from analog_bench.store.baselines_by_device import own_folder, read_cases_for, read_digital_for
from tests.store.test_baseline_file import THEN, digital, result, result_on

HERE, GPU = ("cpu", "float32"), ("NVIDIA H200", "float32")
WHERE = ("direct", "bert", "layer_noise")


def store(root, computed, *results):
    device, precision = computed
    made = [replace(one, device=device, precision=precision) for one in results]
    update_cases(own_folder(root, computed), made, THEN)


@pytest.mark.parametrize(
    ("computed", "folder"),
    [
        (HERE, "."),
        (("cpu", "bfloat16"), "cpu-bfloat16"),
        (GPU, "cuda-float32"),
        (("NVIDIA A100", "tf32"), "cuda-tf32"),
    ],
)
def test_each_has_a_folder_of_its_own(tmp_path, computed, folder):
    assert own_folder(tmp_path, computed) == tmp_path / folder
    store(tmp_path, computed, result())
    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / folder / "direct/bert"]
    (entry,) = read_cases_for(tmp_path, *WHERE, computed).entries.values()
    assert entry.device == computed[0]


def test_a_device_is_compared_with_its_own_and_lent_what_it_has_not(tmp_path):
    store(tmp_path, HERE, result("bert/c0", f1=(50.0,)), result("bert/c1", f1=(51.0,)))
    store(tmp_path, GPU, result("bert/c1", f1=(61.0,)), result("bert/c2", f1=(62.0,)))

    def found(computed):
        entries = read_cases_for(tmp_path, *WHERE, computed).entries.values()
        return {entry.case_id: entry.chips[0].scores["f1"] for entry in entries}

    assert found(HERE) == {"bert/c0": 50.0, "bert/c1": 51.0, "bert/c2": 62.0}
    assert found(GPU) == {"bert/c0": 50.0, "bert/c1": 61.0, "bert/c2": 62.0}
    # Of other precisions those of the same kind of device come first.
    assert found(("NVIDIA A100", "bfloat16")) == found(GPU)
    assert found(("cpu", "bfloat16")) == found(HERE)


def test_all_chips_that_are_lent_are_initial_ones(tmp_path):
    store(tmp_path, HERE, result_on((60.0, 62.0), (10.0, 20.0)))
    (own,) = read_cases_for(tmp_path, *WHERE, HERE).entries.values()
    assert [chip.chip for chip in own.chips] == [0, 1, 1000, 1001]
    for computed in (GPU, ("NVIDIA A100", "bfloat16")):
        (lent,) = read_cases_for(tmp_path, *WHERE, computed).entries.values()
        assert [chip.chip for chip in lent.initial_chips] == [0, 1, 2, 3]
        assert [chip.scores for chip in lent.chips] == [chip.scores for chip in own.chips]
    # The same chips in another precision.
    (half,) = read_cases_for(tmp_path, *WHERE, ("cpu", "bfloat16")).entries.values()
    assert half == own


def test_digital_scores_too(tmp_path):
    update_digital(tmp_path, "bert", digital("p1", 70.0))
    update_digital(own_folder(tmp_path, GPU), "bert", digital("p1", 70.01))

    def found(computed):
        return read_digital_for(tmp_path, "bert", computed).entries["p1"].scores["f1"]

    assert (found(HERE), found(GPU)) == (70.0, 70.01)
    assert found(("NVIDIA H200", "tf32")) == 70.01
