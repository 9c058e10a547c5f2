"""Both tasks through the one interface that the engine knows."""

from pathlib import Path

import pytest
import torch
from datasets import Dataset

from analog_bench.records import WEIGHTS_OF_EXAMPLES
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import load_text
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.task import Task
from tests.tiny_gpt2 import tokenizer_of


@pytest.fixture(scope="module")
def questions(embedded):
    return Dataset.from_list(embedded.to_list()[:6])


@pytest.fixture(params=["qa", "lm"])
def task_and_outputs(request, questions, tokenizer):
    if request.param == "qa":
        qa = QuestionAnswering("few", questions, tokenizer)
        return qa, 2
    words = tokenizer_of()
    text = load_text("embedded", data_folder=None, lock=Path("none"))
    return LanguageModelling(text, words, LmProtocol(64, 32), examples=6), len(words)


def test_the_engines_steps(task_and_outputs):
    task: Task = task_and_outputs[0]
    generator = torch.Generator().manual_seed(0)
    reduced = []
    for number, batch in enumerate(task.batches):
        assert batch.input_ids.shape == batch.attention_mask.shape == batch.token_type_ids.shape
        shape = (*batch.input_ids.shape, task_and_outputs[1])
        reduced.append(task.reduce(number, torch.randn(shape, generator=generator)))
    scores = task.score(reduced)
    names = [metric.name for metric in task.metrics]
    # Where blocks do not count alike, what each counts stands beside their scores.
    assert [name for name in scores if name != WEIGHTS_OF_EXAMPLES] == names
    assert {len(values) for values in scores.values()} == {task.examples} == {6}
    means = task.mean(scores)
    assert list(means) == names == list(task.chance)
    for name in names:
        assert min(scores[name]) <= means[name] <= max(scores[name])
    assert len(task.protocol) == 16
