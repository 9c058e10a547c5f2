"""Every architecture from a folder: its tokeniser, layer noise, drift, and what is on tiles."""

import json
from collections import defaultdict

import pytest
import torch
from transformers import AutoTokenizer

from analog_bench.cli import main
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.own_folder import read_folder
from tests.architectures import DECODERS, ENCODERS, NAMES
from tests.own_folders import saved

SENTENCES = ("Who keeps the bees?", "The bees of Mara: 4.5 kg in Zürich, and the baker.")
FEW = ("--chips", "1", "--examples", "1", "--data", "embedded", "--gate", "off")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    top = tmp_path_factory.mktemp("architectures")
    return {name: saved(name, top / f"my-{name}") for name in NAMES}


@pytest.fixture(scope="module")
def specs(folders):
    return {name: read_folder(folder) for name, folder in folders.items()}


def named(folders):
    return [word for folder in folders.values() for word in ("--model", folder)]


def results_by_model(folder):
    found = defaultdict(list)
    for result in json.loads((folder / "results.json").read_text())["results"]:
        found[result["model"].removeprefix("my-")].append(result)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_model_and_its_tokeniser_are_transformers_own(specs, folders, name):
    loaded = load(specs[name], lock_path=None)
    theirs = AutoTokenizer.from_pretrained(folders[name])
    for words in (SENTENCES, SENTENCES[::-1], SENTENCES[:1]):
        assert dict(loaded.tokenizer(*words)) == dict(theirs(*words))
    assert loaded.tokenizer.all_special_tokens == theirs.all_special_tokens
    model = type(loaded.model).from_pretrained(folders[name]).eval()
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    ids = theirs(SENTENCES[1], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        ours, wanted = loaded.model(input_ids=ids)[0], model(input_ids=ids)[0]
    assert torch.allclose(ours, wanted, atol=1e-5)
    assert float(ours.std()) > 0.01


def test_layer_noise_is_measured_in_each(warm, specs, folders, tmp_path):
    # The first layer, and one of the second block; ALBERT has one block only.
    picked = {
        name: (spec.layers[0], next((x for x in spec.layers if x.block), spec.layers[-2]))
        for name, spec in specs.items()
    }
    layers = {layer.name for pair in picked.values() for layer in pair}
    patterns = [word for layer in sorted(layers) for word in ("--layer", layer)]
    done = warm(*named(folders), *patterns, *FEW, folder=tmp_path)
    assert done.code == 0, done.out
    found = results_by_model(tmp_path)
    assert found.keys() == specs.keys()
    for name, results in found.items():
        assert {r["status"] for r in results} == {"measured"}, name
        assert {layer.name for layer in picked[name]} <= {
            r["case_id"].split("/")[1] for r in results
        }, name
        main_metric = "f1" if name in ENCODERS else "cross_entropy"
        assert all(main_metric in r["digital"] for r in results), name
        # Random answers may score the same; a perplexity moves with any noise.
        if name in DECODERS:
            assert all(r["chips"][0]["scores"] != r["digital"] for r in results), name


def test_the_whole_model_drifts_in_each(warm, folders, tmp_path):
    times = ("--drift", "1", "--drift", "86400", "--noise", "pcm", "--variant", "direct")
    done = warm(
        "bench/bench_drift.py", "-k", "drift", *named(folders), *times, *FEW, folder=tmp_path
    )
    assert done.code == 0, done.out
    found = results_by_model(tmp_path)
    assert found.keys() == set(NAMES)
    for name, results in found.items():
        assert [r["status"] for r in results] == ["measured"] * 2, name
        fingerprints = {tuple(r["chips"][0]["fingerprint"]) for r in results}
        assert len(fingerprints) == 1, "one chip that drifts"


def test_every_matrix_multiplication_of_the_blocks_is_on_tiles(folders, capsys):
    assert main(["zoo", "coverage", *map(str, folders.values()), "--json"]) == 0
    for facts in json.loads(capsys.readouterr().out):
        assert facts["blocks"]["weights_of_blocks"] == 1.0, facts["name"]
        assert facts["all"]["weights"] == 1.0, facts["name"]
        assert facts["all"]["digital"] == [], facts["name"]
        assert facts["attention_macs"] > 0, facts["name"]


@pytest.mark.parametrize(
    ("name", "layer"), [("llama", "layers.1.*norm"), ("bert", "encoder.layer.1.output.dense")]
)
def test_a_model_that_takes_few_tokens_has_shorter_windows(warm, name, layer, tmp_path):
    short = saved(name, tmp_path / "short", max_position_embeddings=96)
    done = warm("--model", short, "--layer", layer, *FEW, folder=tmp_path)
    assert done.code == 0, done.out
    results = results_by_model(tmp_path)["short"]
    assert results
    assert {r["status"] for r in results} == {"measured"}
