"""A MobileBERT and a GPT-2 from a hub on this machine, through a whole run of the benchmark."""

import json

import pytest

from tests import tiny_gpt2, tiny_mobilebert
from tests.hub_stand_in import HubStandIn

USAGE_ERROR = 4
GPT2, MOBILE = "someone/tiny-gpt2", "someone/tiny-mobilebert"
LOCK_BOTH = f"""
import sys
from pathlib import Path
from analog_bench.zoo.hub_lock_and_fetch import lock_model
for name in {(GPT2, MOBILE)!r}:
    lock_model(name, Path(sys.argv[1]))
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789?."
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS)]


def saved(model, folder, tokenizer, text):
    """Write a model and its tokeniser's one file; return the files by name."""
    model.save_pretrained(folder)
    (folder / tokenizer).write_text(text)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def zoo(forked_client, tmp_path_factory):
    """Lock the two models; return the lock file and the cache that holds them."""
    folder = tmp_path_factory.mktemp("zoo")
    words = tiny_gpt2.tokenizer_of(positions=256)
    gpt2 = tiny_gpt2.model_of(words, positions=256)
    mobile = tiny_mobilebert.model_of(len(VOCABULARY), positions=320)
    with HubStandIn() as hub:
        spelt = words.backend_tokenizer.to_str()
        hub.add(GPT2, saved(gpt2, folder / "gpt2", "tokenizer.json", spelt))
        hub.add(MOBILE, saved(mobile, folder / "mobilebert", "vocab.txt", "\n".join(VOCABULARY)))
        done = forked_client(
            LOCK_BOTH, endpoint=hub.endpoint, home=folder / "home", argv=(folder / "lock.json",)
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_cases_of_both_are_measured(zoo, warm, tmp_path):
    models = ("--zoo", "hub", "--lock", zoo / "lock.json", "--model", GPT2, "--model", MOBILE)
    layers = ("*.c_fc", "wpe", "ln_f", "lm_head")
    layers += ("*.ffn.1.intermediate.dense", "*.bottleneck.input.LayerNorm", "qa_outputs")
    words = [word for layer in layers for word in ("--layer", layer)]
    few = ("--examples", "3", "--chips", "2", "--noise", "pcm:prog=20", "--noise", "white_output")
    done = warm(*models, *words, *few, folder=tmp_path, env={"HF_HOME": str(zoo / "home")})
    assert done.code == 0, done.out
    run = json.loads((tmp_path / "results.json").read_text())
    results = run["results"]
    assert {result["status"] for result in results} == {"measured"}
    language = [r for r in results if r["model"] == "hub-someone--tiny-gpt2"]
    # A layer in each of two blocks and the head go on tiles; noise also acts on two more layers.
    assert len(language) == len(results) / 2 == 3 + 5
    for result in language:
        assert set(result["digital"]) == {"cross_entropy", "perplexity", "bits_per_byte"}
        assert all(chip["scores"] != result["digital"] for chip in result["chips"]), result
    assert len({json.dumps(result["digital"]) for result in language}) == 1
    data = {scope["model"]: (scope["examples"], scope["data"]) for scope in run["scopes"]}
    assert data == {
        "hub-someone--tiny-gpt2": (3, "embedded blocks"),
        "hub-someone--tiny-mobilebert": (3, "embedded questions"),
    }
    assert "3 embedded blocks" in " ".join(done.out.split())
    assert "3 embedded questions" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        (
            "distilgpt2",
            "squad",
            "is for a question-answering model or a text classifier, and distilgpt2 is",
        ),
        ("distilgpt2", "mine.json", "it takes embedded, hub, wikitext-2, wikitext-2-raw, a .txt"),
        ("bert", "wikitext-2", "--data wikitext-2 is for a language model, and bert is"),
        ("bert", "prose.txt", "it takes embedded, hub, squad, a SQuAD .json file"),
    ],
)
def test_data_of_the_other_kind_is_one_line(warm, lock, tmp_path, model, data, said):
    """Said before the weights are asked for, which nobody here could give."""
    hub = ("--zoo", "hub", "--lock", lock)
    done = warm(*hub, "--model", model, f"--data={data}", folder=tmp_path)
    assert done.code == USAGE_ERROR, done.out
    (error,) = done.errors
    assert said in error
    assert "--model picks the models of a run" in error
    assert "Traceback" not in done.out
    assert not (tmp_path / "results.json").exists()
