"""Runs on a classifier in a user's own folder, with data of the user's own."""

import json

import pytest

from tests.tiny_classifier import classifier

FEW = ("-k", "layer_noise", "--layer", "classifier", "--layer", "pooler.dense", "--chips", "2")
MOODS = "text,label\nThe soup was cold.,bad\nNobody came.,bad\nWe danced.,good\nMore!,good\n"


@pytest.fixture(scope="module")
def moods(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "moods"
    loaded = classifier(("bad", "good"))
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder


def test_a_run_with_labelled_texts(warm, moods, tmp_path):
    (tmp_path / "mine.csv").write_text(MOODS)
    given = ("--model", moods, "--data", tmp_path / "mine.csv", "--examples", "all")
    done = warm(*FEW, *given, folder=tmp_path)
    assert done.code == 0, done.out
    run = json.loads((tmp_path / "results.json").read_text())
    assert [r["status"] for r in run["results"]] == ["measured"] * 2
    for result in run["results"]:
        assert set(result["digital_per_example"]) == {"accuracy", "predicted"}
        assert result["chance"] == {"accuracy": 50.0, "label_f1": 0.0, "matthews": 0.0}
        for chip in result["chips"]:
            assert set(chip["scores"]) == {"accuracy", "label_f1", "matthews"}
            # Few examples are kept without being asked for.
            assert set(chip["per_example"]) == {"accuracy", "predicted"}
            assert chip["scores"]["accuracy"] == sum(chip["per_example"]["accuracy"]) / 4
    (scope,) = run["scopes"]
    assert (scope["data"], scope["examples"]) == ("mine texts", 4)
    assert scope["main_metric"] == "accuracy"


@pytest.mark.parametrize(
    ("data", "content", "wrong"),
    [
        ("mine.csv", MOODS.replace("good", "fine"), "has the labels 'bad', 'fine', and moods has"),
        ("mine.csv", MOODS + "One,bad,2\n", "mine.csv, line 6: 3 fields, where 2 columns"),
        ("embedded", "", "embedded has the labels 'entailment', 'not_entailment', and moods has"),
        ("wikitext-2", "", "is for a language model, and moods is a text classifier"),
    ],
)
def test_what_is_refused_before_anything_is_measured(warm, moods, tmp_path, data, content, wrong):
    if content:
        data = tmp_path / data
        data.write_text(content)
    done = warm(*FEW, "--model", moods, "--data", data, folder=tmp_path)
    assert done.code == 4
    (error,) = done.errors
    assert wrong in error
    assert not (tmp_path / "results.json").exists()
