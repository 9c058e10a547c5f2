"""Fixtures of real parts: the embedded questions, and the embedded BERT's tokeniser."""

from pathlib import Path

import pytest

from analog_bench.tasks.qa_sources import load_questions
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.tokenizer import read_tokenizer


@pytest.fixture(scope="session")
def tokenizer():
    return read_tokenizer(find_base().tokenizer, 512)


@pytest.fixture(scope="session")
def embedded():
    return load_questions("embedded", examples=None, data_folder=None, lock=Path("none")).rows
