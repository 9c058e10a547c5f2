"""What a training learns from: parted, drawn, and the loss by hand."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from analog_bench.errors import UsageError
from analog_bench.hwa.loss import distillation_loss, divergence, state_error
from analog_bench.hwa.training_data import make_data
from tests.hwa.conftest import LM_RECIPE, QA_RECIPE
from tests.tiny_classifier import classifier

PLAIN = {"distillation": 0.0, "temperature": 1.0, "states": 0.0, "precision": "float32"}


def loss_of(data, model, recipe, number=0):
    """The loss of a digital model that is its own teacher."""
    return distillation_loss(model, model, data.batch(number, model.device), recipe)


def test_held_out_articles_are_never_trained_on(qa, questions):
    data = make_data(qa, questions, QA_RECIPE)
    held = set(data.task.questions["title"])
    assert len(held) <= QA_RECIPE.held_out
    rows = questions.filter(lambda row: row["title"] not in held)
    alone = make_data(qa, questions, replace(QA_RECIPE, steps=200))
    batch = alone._batches
    assert len(batch) <= len(rows)
    assert data.task.examples == QA_RECIPE.validation_examples


def test_a_short_training_draws_only_what_it_needs(qa, lm, questions, prose):
    few = make_data(qa, questions, replace(QA_RECIPE, steps=2, warmup=0))
    many = make_data(qa, questions, replace(QA_RECIPE, steps=200))
    assert QA_RECIPE.batch * 2 <= len(few._batches) < len(many._batches)
    assert few.fingerprint != many.fingerprint
    short = make_data(lm, prose, replace(LM_RECIPE, steps=1, warmup=0, batch=1))
    assert short._rows.per_pass < make_data(lm, prose, LM_RECIPE)._rows.per_pass


def test_the_truth_alone_is_the_usual_loss(lm, qa, questions, prose):
    data = make_data(lm, prose, LM_RECIPE)
    rows = data._rows.of_step(3)
    usual = lm.model(input_ids=rows, labels=rows).loss
    found = loss_of(data, lm.model, replace(LM_RECIPE, **PLAIN), 3)
    torch.testing.assert_close(found, usual)
    data = make_data(qa, questions, QA_RECIPE)
    batch = data._batches.of_step(1)
    out = qa.model(
        input_ids=batch.input_ids,
        token_type_ids=batch.token_type_ids,
        attention_mask=batch.attention_mask,
        start_positions=batch.spans[:, 0],
        end_positions=batch.spans[:, 1],
    )
    found = loss_of(data, qa.model, replace(QA_RECIPE, **PLAIN), 1)
    torch.testing.assert_close(found, out.loss, rtol=0.05, atol=0)


def test_the_digital_model_has_nothing_to_learn_from_itself(lm, qa, questions, prose):
    for loaded, rows, recipe in ((lm, prose, LM_RECIPE), (qa, questions, QA_RECIPE)):
        data = make_data(loaded, rows, recipe)
        taught = replace(recipe, distillation=1.0)
        exact = replace(taught, precision="float32")
        assert loss_of(data, loaded.model, exact).item() < 1e-9
        # In bfloat16 the teacher is a little off: far less than one chip is.
        assert 0 < loss_of(data, loaded.model, taught).item() < 1e-2


def test_the_divergence_by_hand():
    own, taught = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, 0.0]])
    p = functional.softmax(taught / 2, -1)
    expected = 4 * (p * (p.log() - functional.log_softmax(own / 2, -1))).sum()
    assert float(divergence(own, taught, 2.0)) == pytest.approx(float(expected))
    assert float(divergence(own, own, 2.0)) == 0.0


def test_the_state_error_is_a_share_of_the_variance_of_real_tokens():
    taught = torch.randn(2, 50, 8)
    real = torch.ones(2, 50, dtype=torch.bool)
    real[1, 25:] = False
    mean = taught[real].mean(0).expand_as(taught)
    assert float(state_error([mean], [taught], real)) == pytest.approx(1.0)
    wrong = taught.masked_fill(~real[..., None], 1e6)
    assert float(state_error([wrong], [taught], real)) == 0.0


def test_a_kind_of_model_that_there_is_no_training_for_is_refused(questions):
    said = "tiny is a text classifier: hardware-aware training is there for a question-answering"
    with pytest.raises(UsageError, match=said):
        make_data(classifier(), questions, QA_RECIPE)
