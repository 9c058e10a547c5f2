"""Fixtures of real parts: the embedded questions, and the embedded BERT's tokeniser."""

import re
from pathlib import Path

import pytest

from analog_bench.tasks.qa_sources import load_questions
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.tokenizer import read_tokenizer
from tests.squad_articles import write_squad


@pytest.fixture(scope="session")
def tokenizer():
    return read_tokenizer(find_base().tokenizer, 512)


@pytest.fixture(scope="session")
def embedded():
    return load_questions("embedded", examples=None, data_folder=None, lock=Path("none")).rows


@pytest.fixture(scope="session")
def sentences(embedded, tmp_path_factory):
    """Write 40 of the questions, each with the one sentence that answers it, in SQuAD form.

    A tenth of the tokens that passages have, and a model that answers well still does.
    """
    path = tmp_path_factory.mktemp("data") / "sentences.json"
    shortest = sorted(map(_sentence_of, embedded), key=lambda row: (len(row["context"]), row["id"]))
    return write_squad(shortest[:40], path)


def _sentence_of(row):
    """Return a question whose context is the sentence with its first answer."""
    answer, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
    begin = max((m.end() for m in re.finditer(r"[.!?] ", row["context"][:start])), default=0)
    end = re.compile(r"[.!?]( |$)").search(row["context"], start + len(answer)).start() + 1
    here = {"text": [answer], "answer_start": [start - begin]}
    return {**row, "context": row["context"][begin:end], "answers": here}
