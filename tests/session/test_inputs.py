"""Prompts and data made ready for models."""

import pytest

from analog_bench.errors import UsageError
from analog_bench.session.run_data import make_generation
from analog_bench.zoo.model_loading import LoadedModel
from tests.tiny_gpt2 import model_of, spec_of, tokenizer_of


def test_a_study_of_generation_needs_a_number_of_texts():
    tokenizer = tokenizer_of(positions=128)
    spec = spec_of(tokenizer, 128)
    loaded = LoadedModel(spec, model_of(tokenizer, positions=128), tokenizer, "a" * 64)
    assert make_generation("The fox", loaded, 3).examples == 3
    with pytest.raises(UsageError, match="--examples must say how many texts"):
        make_generation("The fox", loaded, None)
