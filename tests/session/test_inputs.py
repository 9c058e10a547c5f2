"""Prompts and data made ready for models."""

import pytest

from analog_bench.errors import UsageError
from analog_bench.session.run_data import check_source, make_generation
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.model_structure import Structure
from tests.tiny_gpt2 import model_of, spec_of, tokenizer_of


@pytest.mark.parametrize(("task", "needed"), [("qa", 64), ("lm", 64)])
def test_a_model_that_takes_fewer_tokens_than_the_protocol_is_refused(task, needed):
    def spec(positions):
        layers = ("matmul head",)
        return ModelSpec("x/y", "hub", "x/y", Structure("a", task, "b", positions, 9, layers))

    check_source("embedded", spec(needed))
    for positions in (1, needed - 1):
        said = f"x/y takes {positions} tokens at most, the protocol needs {needed}"
        with pytest.raises(UsageError, match=said):
            check_source("embedded", spec(positions))


def test_a_study_of_generation_needs_a_number_of_texts():
    tokenizer = tokenizer_of(positions=128)
    spec = spec_of(tokenizer, 128)
    loaded = LoadedModel(spec, model_of(tokenizer, positions=128), tokenizer, "a" * 64)
    assert make_generation("The fox", loaded, 3).examples == 3
    with pytest.raises(UsageError, match="--examples must say how many texts"):
        make_generation("The fox", loaded, None)
