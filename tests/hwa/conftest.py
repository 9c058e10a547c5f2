"""Small real models and data to train on."""

from __future__ import annotations

import pytest
import torch
from datasets import Dataset

from analog_bench.analog.layer_manifest import prepare
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.tasks.squad_files import FEATURES
from analog_bench.zoo.model_loading import LoadedModel
from tests.tiny_gpt2 import model_of, spec_of, tokenizer_of
from tests.tiny_teacher import questions_of, teacher_of

QA_RECIPE = HwaRecipe(
    batch=4,
    steps=6,
    warmup=2,
    validate_every=3,
    chips=2,
    validation_examples=6,
    held_out=2,
    max_length=40,
    learning_rate=3e-3,
    seed=7,
)
LM_RECIPE = HwaRecipe(
    batch=4,
    steps=30,
    warmup=3,
    validate_every=15,
    chips=2,
    validation_examples=4,
    held_out=1,
    block=63,
    learning_rate=1e-2,
    digital_rate=2e-3,
    first_ranges="sigma",
    seed=7,
)
STORY = (
    "the fox saw a red barn near the old mill and the green pond by the blue gate while nine grey "
    "geese slept there and nobody had a dog that barked until one o'clock in the morning"
)
WORDS = STORY.split()


@pytest.fixture(scope="session")
def qa(tmp_path_factory):
    loaded = teacher_of(tmp_path_factory.mktemp("teacher"))
    prepare(loaded.model)
    return loaded


@pytest.fixture(scope="session")
def questions():
    return questions_of(48, 6)


@pytest.fixture(scope="session")
def prose():
    """Rows whose contexts tell one short story over and over, from different places on."""
    rows = []
    for number in range(3):
        start = 5 * number
        rows.append(
            {
                "id": f"p{number}",
                "title": f"title {number}",
                "context": " ".join((WORDS[start:] + WORDS * 16)[: 15 * len(WORDS)]),
                "question": "who ?",
                "answers": {"text": [WORDS[start]], "answer_start": [0]},
            }
        )
    return Dataset.from_list(rows, features=FEATURES)


@pytest.fixture(scope="session")
def lm(prose):
    """A GPT-2 that has learnt the story, so that noise has something to spoil."""
    tokenizer = tokenizer_of(" ".join(WORDS) * 4, 300)
    model = model_of(tokenizer, scale=1.0)
    text = " ".join(prose["context"])
    backend = tokenizer.backend_tokenizer
    ids = torch.tensor(backend.encode(text, add_special_tokens=False).ids)
    rows = ids[: len(ids) // 64 * 64].view(-1, 64)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(120):
        some = rows[[(step * 8 + n) % len(rows) for n in range(8)]]
        model(input_ids=some, labels=some).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    spec = spec_of(tokenizer)
    return LoadedModel(spec, prepare(model.eval()), tokenizer, "c" * 64)
