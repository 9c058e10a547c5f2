"""`python -m training distilgpt2` and `zoo score`: from a data file to recorded figures."""

import json
import random
from functools import partial

import pytest

import training.distilgpt2
from analog_bench.cli import main
from analog_bench.hwa.held_out_articles import hold_out_articles
from analog_bench.hwa.prose_corpus import Article
from analog_bench.zoo.weight_record import read_record
from tests.squad_articles import write_articles
from tests.training.conftest import run
from training.distilgpt2 import LmRecipe


@pytest.fixture(scope="module", autouse=True)
def _small_steps():
    """Train on fewer tokens a step than the recipe's 4096: the model keeps its size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.distilgpt2, "LmRecipe", partial(LmRecipe, batch_tokens=256))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write nine articles with words enough for 8,192 tokens, in SQuAD form."""
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefghijklmnoprstuvwy", k=7)) for _ in range(6000)]
    titles = [f"article {number}" for number in range(9)]
    ((trained,), _) = hold_out_articles([Article(title, "") for title in titles], 8)
    articles = {}
    for title in titles:
        text = " ".join(words * 2 if title == trained.title else rng.sample(words, 40))
        articles[title] = [(text, [("?", text[:3])])]
    return write_articles(tmp_path_factory.mktemp("data") / "words.json", articles)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "out"
    call = ["distilgpt2", "--data", str(data), "--out", str(out)]
    assert run(*call, "--steps", "2", "--decay-steps", "1", "--threads", "1") == 0
    return call, out


def test_trained_weights_are_shippable_and_say_how(trained):
    _, out = trained
    record = read_record(out / "ship")
    assert record.form == "whole"
    assert record.recipe["steps"] == 2
    assert record.recipe["data"] == "SQuAD v1.1 training contexts, 1 articles"
    assert set(record.results) == {"held_out_bits_per_byte"}
    size = sum(file.stat().st_size for file in (out / "ship").iterdir())
    assert size <= 15_000_000


def test_scores_are_recorded_beside_the_weights(trained, tmp_path, capsys):
    _, out = trained
    (tmp_path / "prose.txt").write_text("The fox saw a red barn near the old mill. " * 12)
    call = ["zoo", "score", "distilgpt2", "--weights", str(out / "ship"), "--data"]
    assert main([*call, str(tmp_path / "prose.txt"), "--json", "--record"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert 0 < said["bits_per_byte"] < 12
    assert said["tokens"] > 100
    results = read_record(out / "ship").results
    assert results["prose_bits_per_byte"] == pytest.approx(said["bits_per_byte"], abs=1e-4)
    assert results["prose_protocol"] == said["protocol"]
    assert "held_out_bits_per_byte" in results
    assert main([*call, str(tmp_path / "prose.txt"), "--examples", "1"]) == 0
    assert "bits/byte (bits): " in capsys.readouterr().out


def test_finish_decays_from_the_last_checkpoint(trained, capsys):
    call, out = trained
    assert run(*call, "--finish", "--decay-steps", "1", "--ship", str(out / "again")) == 0
    # Decayed once already: nothing is computed anew.
    assert "step" not in capsys.readouterr().err
    assert read_record(out / "again").files == read_record(out / "ship").files


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--finish", "--steps", "3"], "leave --steps out"),
        (["--steps", "1"], "stands at step 2, beyond the 1 asked for"),
        (["--steps", "3", "--seed", "1"], "seed was 20261123 and is now 1"),
    ],
)
def test_calls_that_cannot_be(trained, capsys, options, said):
    call, _ = trained
    assert run(*call, *options) != 0
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_too_few_words_for_the_tokeniser(tmp_path, capsys):
    articles = {f"t{n}": [("a fox", [("?", "a")])] for n in range(9)}
    path = write_articles(tmp_path / "few.json", articles)
    call = ["distilgpt2", "--data", str(path), "--out", str(tmp_path / "out")]
    assert run(*call) != 0
    assert "too few different words: it gives" in capsys.readouterr().err
