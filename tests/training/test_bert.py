"""The recipe behind the embedded BERT, trained for real: two blocks, 32 wide, four steps."""

import json
import shutil
from dataclasses import asdict

import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering, BertTokenizerFast

pytest.importorskip("peft", reason="training needs the extra `train`")

from analog_bench.errors import DataError, UsageError, WeightsError
from analog_bench.tasks.squad_files import read_squad
from analog_bench.zoo.tokenizer import make_tokenizer
from tests.squad_articles import write_articles
from training.bert import QaRecipe, train

TEXT = "the fox saw a red barn near old mill and green pond by blue gate who what where ? ."
WORDS = TEXT.split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
TINY = BertConfig(
    vocab_size=len(VOCABULARY),
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=48,
    max_position_embeddings=64,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


def recipe(rank, **changed):
    values = {"steps": 4, "batch": 2, "warmup": 1, "max_length": 48, "stride": 8, "seed": 3}
    return QaRecipe(rank=rank, **{**values, **changed})


@pytest.fixture(scope="module")
def base():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = BertForQuestionAnswering(TINY).state_dict()
    return {name: value for name, value in state.items() if not name.startswith("qa_outputs.")}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n")
    return make_tokenizer(BertTokenizerFast(vocab=str(path)).backend_tokenizer, 64)


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    context = "the fox saw a red barn near the old mill and the green pond by the blue gate ."
    answers = ["red barn", "old mill", "green pond", "blue gate", "fox", "saw", "near", "by"]
    asked = [("what saw the fox ?" if n % 2 else "where ?", a) for n, a in enumerate(answers)]
    path = tmp_path_factory.mktemp("data") / "tiny.json"
    return read_squad(write_articles(path, {"tiny": [(context, asked)]}))


@pytest.fixture(scope="module", params=[4, 0], ids=["adapter", "full"])
def finished(request, base, tokenizer, questions, tmp_path_factory):
    """One uninterrupted training: its recipe, folder and final weights."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    used = recipe(request.param)
    model = train(used, TINY, base, tokenizer, questions, folder, save_steps=2)
    return used, folder, weights(model)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_a_killed_training_goes_on_to_the_same_weights(
    finished, base, tokenizer, questions, tmp_path
):
    used, whole, expected = finished
    folder = tmp_path / "killed"
    shutil.copytree(whole, folder)
    # What a process leaves that dies while it saves step 4: no state, and half of a weights file.
    half = folder / "checkpoint-4"
    (half / "trainer_state.json").unlink()
    for file in half.glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:100])
    before = weights_at(folder / "checkpoint-2")
    found = weights(train(used, TINY, base, tokenizer, questions, folder, save_steps=2))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    # And steps 3 and 4 did something: the checkpoint was not merely handed back.
    after = weights_at(folder / "checkpoint-4")
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_resumed_training_is_not_one_started_anew(finished, base, tokenizer, questions, tmp_path):
    used, whole, expected = finished
    folder = tmp_path / "altered"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "checkpoint-4")
    path = next((folder / "checkpoint-2").glob("*model.safetensors"))
    altered = {name: value + 0.25 for name, value in weights_at(path.parent).items()}
    from safetensors.torch import save_file

    save_file(altered, path, metadata={"format": "pt"})
    found = weights(train(used, TINY, base, tokenizer, questions, folder, save_steps=2))
    assert any(not torch.equal(found[name], expected[name]) for name in expected)


def weights_at(checkpoint):
    from safetensors.torch import load_file

    return load_file(next(checkpoint.glob("*model.safetensors")))


def test_a_finished_training_is_handed_back(finished, base, tokenizer, questions):
    used, folder, expected = finished
    found = weights(train(used, TINY, base, tokenizer, questions, folder, save_steps=2))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_what_is_frozen_stays_and_the_rest_moves(finished, base):
    used, _, found = finished
    if used.rank:
        plain = {
            n.replace(".base_layer", "").removeprefix("base_model.model."): v
            for n, v in found.items()
        }
        assert all(torch.equal(plain[name], value) for name, value in base.items())
        assert any(".lora_B." in name and bool(value.any()) for name, value in found.items())
    else:
        moved = {name for name, value in base.items() if not torch.equal(found[name], value)}
        assert moved == {name for name in base if ".embeddings." not in name} - unmoved(base, found)
        assert "bert.encoder.layer.1.output.dense.weight" in moved


def unmoved(base, found):
    """Key biases: softmax does not see them, so that their gradient is rounding noise at most."""
    return {n for n in base if n.endswith("key.bias") and torch.equal(found[n], base[n])}


def test_the_folder_says_what_it_was_made_with(finished):
    used, folder, _ = finished
    written = json.loads((folder / "recipe.json").read_text())
    assert {key: written[key] for key in asdict(used)} == asdict(used)
    assert set(written) - set(asdict(used)) == {"data"}


def test_another_recipe_or_other_data_is_refused(finished, base, tokenizer, questions):
    used, folder, _ = finished
    before = sorted(path.name for path in folder.iterdir())
    other = recipe(used.rank, learning_rate=5e-4, steps=6)
    with pytest.raises(
        UsageError, match=r"learning_rate was 0\.001 and is now 0\.0005; steps was 4"
    ):
        train(other, TINY, base, tokenizer, questions, folder)
    with pytest.raises(UsageError, match="data was '"):
        train(used, TINY, base, tokenizer, questions.select(range(4)), folder)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(("text", "wrong"), [("[1]", "is no recipe"), ("{", "cannot use")])
def test_an_unreadable_recipe_is_refused(text, wrong, base, tokenizer, questions, tmp_path):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(UsageError, match=wrong):
        train(recipe(4), TINY, base, tokenizer, questions, tmp_path)


def test_checkpoints_of_an_unknown_recipe_are_refused(base, tokenizer, questions, tmp_path):
    (tmp_path / "checkpoint-2").mkdir()
    with pytest.raises(UsageError, match=r"checkpoints but no recipe\.json"):
        train(recipe(4), TINY, base, tokenizer, questions, tmp_path)


def test_a_base_that_lacks_a_parameter_is_refused(base, tokenizer, questions, tmp_path):
    lacking = {n: v for n, v in base.items() if n != "bert.encoder.layer.1.output.dense.weight"}
    with pytest.raises(WeightsError, match=r"lack bert\.encoder\.layer\.1\.output\.dense\.weight"):
        train(recipe(4), TINY, lacking, tokenizer, questions, tmp_path)


def test_nothing_to_train_on(base, tokenizer, questions, tmp_path):
    twice = questions.map(lambda row: {"context": row["context"] + " " + row["context"]})
    with pytest.raises(DataError, match="nothing to train on"):
        train(recipe(4), TINY, base, tokenizer, twice, tmp_path)


def test_the_base_and_the_draws_are_left_alone(base, tokenizer, questions, tmp_path):
    before = {name: value.clone() for name, value in base.items()}
    torch.manual_seed(99)
    first = weights(train(recipe(0, steps=1), TINY, base, tokenizer, questions, tmp_path / "a"))
    torch.manual_seed(7)
    second = weights(train(recipe(0, steps=1), TINY, base, tokenizer, questions, tmp_path / "b"))
    third = weights(
        train(recipe(0, steps=1, seed=4), TINY, base, tokenizer, questions, tmp_path / "c")
    )
    assert all(torch.equal(base[name], before[name]) for name in base)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["qa_outputs.weight"], third["qa_outputs.weight"])
