"""Runs on models in a user's own folders: what they are called, and what is refused."""

import json

import pytest

from analog_bench.zoo.own_folder import add_folder
from tests.own_folders import saved_bert, saved_gpt2

FEW = ("--layer", "*0.attention.self.query", "--chips", "2", "--examples", "3", "--noise", "pcm")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    saved_bert(folder / "mine")
    saved_bert(folder / "other" / "mine")
    saved_gpt2(folder / "bert")
    return folder


def results(folder):
    return json.loads((folder / "results.json").read_text())["results"]


def test_folders_are_measured_beside_an_embedded_model(warm, models, tmp_path):
    named = ("--model", models / "mine", "--model", models / "bert", "--model", "bert")
    named = (*named, "--data", "embedded")
    given = ("--layer", "*.0.attention.self.query", "--layer", "h.0.attn.c_attn", *FEW[2:])
    done = warm(*named, *given, folder=tmp_path)
    assert done.code == 0, done.out
    found = {r["case_id"]: r for r in results(tmp_path)}
    assert sorted(case.split("/")[0] for case in found) == ["bert", "folder-bert", "mine"]
    assert {r["status"] for r in found.values()} == {"measured"}
    assert len({r["weights"] for r in found.values()}) == 3
    # Baselines go by the names; the keyword of a folder is its own name.
    again = ("--update-baselines", "--json", tmp_path / "again.json")
    done = warm(
        *named[:2], *FEW, "--data", "embedded", "-k", "mine_layer_noise", *again, folder=tmp_path
    )
    assert done.code == 0, done.out
    assert (tmp_path / "stored" / "direct" / "mine" / "layer_noise.json").is_file()
    assert not (tmp_path / "zoo.lock.json").exists()


def test_a_folder_goes_by_its_name_in_what_is_asked_for(warm, models, tmp_path):
    named = ("--model", models / "mine", "-k", "other_layer_noise")
    done = warm("--collect-only", "-q", *named, folder=tmp_path)
    assert done.cases == []
    right = f"that of --model {models / 'mine'} is called mine: -k mine_layer_noise"
    assert f"-k other_layer_noise: no case is of a model other; {right}" in done.out


def test_an_added_folder_is_measured_by_its_name(warm, models, tmp_path):
    lock = tmp_path / "zoo.lock.json"
    add_folder(models / "other" / "mine", lock, name="second")
    both = ("--model", "second", "--model", models / "mine", f"--lock={lock}")
    done = warm(*both, *FEW, folder=tmp_path)
    assert done.code == 0, done.out
    assert sorted(r["case_id"].split("/")[0] for r in results(tmp_path)) == ["mine", "second"]


def test_two_folders_of_one_name_are_told_apart_by_names(warm, models, tmp_path):
    same = ("--model", models / "mine", "--model", models / "other" / "mine")
    done = warm("--collect-only", "-q", *same, folder=tmp_path)
    assert done.code == 4
    (error,) = done.errors
    assert f"{models}/mine and {models}/other/mine would both be mine in results" in error
    assert "`analog-bench zoo add PATH --name NAME`" in error
