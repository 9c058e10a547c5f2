import copy
from dataclasses import replace

import pytest
import torch

from analog_bench.tasks.qa_answers import exact_match, token_f1
from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering

SHORT = QaProtocol(limits=WindowLimits(max_length=48, stride=16, max_question=20), batch_tokens=512)


@pytest.fixture(scope="module")
def few(embedded):
    return embedded.select(range(0, 60, 4))


@pytest.fixture(scope="module")
def task(few, tokenizer):
    return QuestionAnswering("few", few, tokenizer, SHORT)


def pointing_at(task, character_spans):
    """Logits that point at one span of characters in each question's context."""
    logits = []
    for batch in task.batches:
        out = torch.zeros(*batch.input_ids.shape, 2)
        for row, index in enumerate(batch.windows):
            window = task.windows[index]
            begin, end = character_spans[window.example]
            for token, (first, last) in enumerate(window.offsets.tolist()):
                out[row, token, 0] = 5.0 * (first == begin)
                out[row, token, 1] = 5.0 * (last == end)
        logits.append(out)
    return logits


def test_logits_that_point_at_the_gold_answers_score_100(task, few):
    golds = [(a["answer_start"][0], a["text"][0]) for a in few["answers"]]
    logits = pointing_at(task, [(start, start + len(text)) for start, text in golds])
    assert len(task.windows) > len(task.questions)
    assert task.answers(logits) == [text for _, text in golds]
    perfect = (100.0,) * len(few)
    assert task.score(logits) == {"f1": perfect, "em": perfect}


def test_scores_are_of_each_question_in_the_order_of_the_data(task, few):
    logits = [torch.randn(*b.input_ids.shape, 2, generator=seeded()) for b in task.batches]
    answers = task.answers(logits)
    scores = task.score(logits)
    assert [metric.name for metric in task.metrics] == list(scores) == ["f1", "em"]
    for row, answer, f1, em in zip(few, answers, scores["f1"], scores["em"], strict=True):
        assert answer in row["context"]
        assert f1 == token_f1(answer, row["answers"]["text"])
        assert em == exact_match(answer, row["answers"]["text"])


def seeded():
    return torch.Generator().manual_seed(3)


def test_batches_are_within_the_budget(task):
    assert len(task.batches) > 1
    assert all(batch.input_ids.numel() <= SHORT.batch_tokens for batch in task.batches)
    assert task.examples == len(task.questions)


def test_the_protocol_names_what_scores_depend_on(task, few, tokenizer):
    def fingerprint(rows=few, protocol=SHORT, used=tokenizer, name="few"):
        return QuestionAnswering(name, rows, used, protocol).protocol

    assert fingerprint() == fingerprint(name="renamed") == task.protocol
    cased = copy.deepcopy(tokenizer)
    cased.backend_tokenizer.normalizer.lowercase = False
    others = [
        fingerprint(few.select(range(len(few) - 1))),
        fingerprint(few.select(range(len(few) - 1, -1, -1))),
        fingerprint(few.map(lambda row: {"question": row["question"] + " "})),
        fingerprint(used=cased),
        fingerprint(protocol=replace(SHORT, max_answer_tokens=29)),
        fingerprint(protocol=replace(SHORT, batch_tokens=1024)),
        *(
            fingerprint(protocol=replace(SHORT, limits=replace(SHORT.limits, **{key: 24})))
            for key in ("stride", "max_question")
        ),
        fingerprint(protocol=replace(SHORT, limits=replace(SHORT.limits, max_length=64))),
        fingerprint(protocol=None),
    ]
    assert len({*others, task.protocol}) == len(others) + 1
    # Tokenising leaves settings behind in a tokeniser; the fingerprint must not see them.
    tokenizer("one two three", truncation=True, max_length=3, padding="max_length")
    assert fingerprint() == task.protocol
