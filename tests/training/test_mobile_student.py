"""A MobileBERT's first weights, taken from a BERT: nearer to it than any that are drawn."""

import pytest
import torch

from analog_bench.errors import UsageError
from analog_bench.hwa.span_batches import SpanBatches
from analog_bench.tasks.qa_windows import WindowLimits
from tests.tiny_teacher import questions_of, student_of, teacher_of
from training.distil_loss import distillation_losses
from training.mobile_student import new_student, take_after

WIDTHS = ((4, 4), (12, 16), (32, 28))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return teacher_of(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def batches(teacher):
    return SpanBatches(questions_of(120), teacher.tokenizer, WindowLimits(30, 4), 20, seed=3)


def fitted(teacher, batches, **changes):
    config = student_of(**changes)
    student = new_student(config, 1)
    counts = batches.token_counts(config.vocab_size)
    take_after(student, teacher.model, batches.sample(len(batches)), counts)
    return student.eval()


def losses(student, teacher, batch):
    inputs = {**batch.inputs, "output_hidden_states": True}
    with torch.no_grad():
        return distillation_losses(student(**inputs), teacher.model(**inputs), batch)


def test_a_fitted_student_is_near_its_teacher_and_a_drawn_one_is_not(teacher, batches):
    # Questions that it was not fitted to.
    other = SpanBatches(questions_of(40, seed=9), teacher.tokenizer, WindowLimits(30, 4), 20, 3)
    batch = other.sample(40)
    student = fitted(teacher, batches)
    near = losses(student, teacher, batch)
    far = losses(new_student(student_of(), 1).eval(), teacher, batch)
    assert float(near.states) < 0.5
    assert float(near.states) < 0.4 * float(far.states)
    assert float(near.answers) < 0.7 * float(far.answers)
    head, own = teacher.model.qa_outputs, student.qa_outputs
    assert torch.equal(head.weight, own.weight)
    assert torch.equal(head.bias, own.bias)


def test_wider_bottlenecks_come_nearer(teacher, batches):
    batch = batches.sample(40)
    widths = ({"embedding_size": e, "intra_bottleneck_size": b} for e, b in WIDTHS)
    found = [
        float(losses(fitted(teacher, batches, **changes), teacher, batch).states)
        for changes in widths
    ]
    assert found[0] > found[1] > found[2]


def test_padding_changes_no_answer(teacher, batches):
    """A trigram at the end of an input must not see whether padding follows."""
    student = fitted(teacher, batches)
    batch = batches.sample(1)
    length = batch.input_ids.shape[1]

    def answered(extra):
        parts = (batch.input_ids, batch.token_type_ids, batch.attention_mask)
        ids, types, mask = (torch.nn.functional.pad(part, (0, extra)) for part in parts)
        with torch.no_grad():
            out = student(input_ids=ids, token_type_ids=types, attention_mask=mask)
        return out.start_logits[:, :length]

    assert torch.allclose(answered(0), answered(5), atol=1e-4)


def test_every_part_of_the_blocks_is_set(teacher, batches):
    drawn, own = new_student(student_of(), 1).state_dict(), fitted(teacher, batches).state_dict()
    kept = {name for name in own if torch.equal(own[name], drawn[name])}
    # What NoNorm starts with, and the streams' biases, which the next layer's has.
    assert {name for name in kept if "LayerNorm" not in name} <= {
        f"mobilebert.encoder.layer.{n}.bottleneck.input.dense.bias" for n in range(2)
    }
    assert all(torch.isfinite(value).all() for value in own.values())


def test_the_same_start_twice_and_an_untouched_teacher(teacher, batches):
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    one, other = (fitted(teacher, batches).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    after = teacher.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not teacher.model.bert.encoder.layer[0].attention.output._forward_hooks


def test_first_weights_come_from_the_seed_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = new_student(student_of(), 5).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = (new_student(student_of(), seed).state_dict() for seed in (5, 6))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_size": 24}, "hidden_size 24 cannot take after a teacher with 32"),
        ({"num_hidden_layers": 3}, "num_hidden_layers 3 cannot take after a teacher with 2"),
        ({"num_attention_heads": 4}, "num_attention_heads 4 cannot"),
        ({"max_position_embeddings": 32}, "max_position_embeddings 32 cannot"),
        ({"intermediate_size": 30}, "60 neurons a block cannot take after a teacher with 48"),
    ],
)
def test_a_student_that_does_not_fit_is_refused(teacher, batches, changes, said):
    with pytest.raises(UsageError, match=said):
        fitted(teacher, batches, **changes)
