"""A supernet of a few kilobytes: it goes on where it stopped, and its parts learn."""

from dataclasses import replace

import pytest
import torch
from transformers import MobileBertForQuestionAnswering

from analog_bench.errors import UsageError
from analog_bench.hwa.supernet import PARTS, networks_of_step, supernet_recipe, train_supernet
from analog_bench.zoo.mobilebert_parts import SubNetwork, whole
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec, find_embedded
from tests.hwa.conftest import QA_RECIPE
from tests.tiny_teacher import student_of

RECIPE = replace(QA_RECIPE, accumulation=PARTS, steps=4, precision="float32", warmup=1)


@pytest.fixture(scope="module")
def start(qa):
    config = student_of(architectures=["MobileBertForQuestionAnswering"], num_hidden_layers=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = MobileBertForQuestionAnswering(config).eval()
    spec = ModelSpec("student", "embedded", None, observe(config, "student"))
    return LoadedModel(spec, model, qa.tokenizer, "d" * 64)


def interrupted(at):
    def tell(progress):
        if progress.step == at:
            raise KeyboardInterrupt

    return tell


def test_goes_on_as_if_it_had_not_stopped(start, questions, tmp_path, monkeypatch):
    monkeypatch.setattr("analog_bench.hwa.supernet._SAVE_STEPS", 2)
    losses = []
    straight = train_supernet(
        RECIPE, start, start, questions, tmp_path / "a", tell=lambda p: losses.append(p.loss)
    )
    assert len(losses) == 4
    with pytest.raises(KeyboardInterrupt):
        train_supernet(RECIPE, start, start, questions, tmp_path / "b", tell=interrupted(3))
    again = train_supernet(RECIPE, start, start, questions, tmp_path / "b")
    assert again.made_with == straight.made_with
    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor), name
    assert not any(p.requires_grad for p in again.model.parameters())
    embedding = "mobilebert.embeddings.word_embeddings.weight"
    assert torch.equal(straight.model.state_dict()[embedding], start.model.state_dict()[embedding])
    with pytest.raises(UsageError, match="steps was 4 and is now 5"):
        train_supernet(replace(RECIPE, steps=5), start, start, questions, tmp_path / "b")


def test_who_learns_in_a_step(start):
    config = start.model.config
    first, second = (networks_of_step(config, 7, step) for step in (0, 1))
    assert first[0] == second[0] == whole(config) == SubNetwork((2, 2, 2), 2, 20)
    assert first == networks_of_step(config, 7, 0)
    assert first[1:] != second[1:]


def test_a_recipe_has_a_batch_for_each_network(start, questions, tmp_path):
    recipe = supernet_recipe(find_embedded("mobilebert"), 100, 1)
    assert (recipe.accumulation, recipe.warmup, recipe.modifier_std) == (PARTS, 4, 0.03)
    with pytest.raises(ValueError, match="3 networks learn in a step, not 1"):
        train_supernet(replace(RECIPE, accumulation=1), start, start, questions, tmp_path)


def test_a_loss_that_is_not_finite_is_told(start, questions, tmp_path):
    recipe = replace(RECIPE, learning_rate=1e12)
    with pytest.raises(UsageError, match="the supernet diverged at step"):
        train_supernet(recipe, start, start, questions, tmp_path)
