"""A MobileBERT to train: drawn from a seed, or factorised from a BERT that answers questions."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import MobileBertForQuestionAnswering, PretrainedConfig

from analog_bench.errors import UsageError
from analog_bench.hwa.span_batches import SpanBatch
from training.factorised_block import factorise_block
from training.factorised_embedding import factorise_embeddings
from training.teacher_view import view_of


def new_student(config: PretrainedConfig, seed: int) -> MobileBertForQuestionAnswering:
    """Return a model with weights drawn from a seed; the global generator is left alone.

    It computes the same function as the model that is loaded later, by other kernels.
    """
    config = copy.deepcopy(config)
    # On a CPU its backward pass is faster than the fused one's.
    config._attn_implementation = "eager"
    made: Any = MobileBertForQuestionAnswering  # untyped
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cast(MobileBertForQuestionAnswering, made(config))


def take_after(
    student: MobileBertForQuestionAnswering, teacher: nn.Module, batch: SpanBatch, counts: Tensor
) -> None:
    """Set a student's weights from its teacher's, from the embeddings to the answers.

    Each block is fitted to the teacher's next hidden state from what the blocks before it really
    leave, so that it also makes up for their errors.

    Args:
        student: A MobileBERT as wide and deep as the teacher, with as many heads; on the CPU.
        teacher: A `BertForQuestionAnswering`, on the CPU.
        batch: Windows to fit to.
        counts: How often each token occurs in the training data, shape (vocabulary,).

    Raises:
        UsageError: The two do not fit together.
    """
    _check(student.config, cast(Any, teacher).config)
    view = view_of(teacher, batch)
    mobile = student.mobilebert
    real = batch.attention_mask.bool()
    bias = torch.zeros(batch.attention_mask.shape).masked_fill(~real, torch.finfo().min)
    bias = bias[:, None, None, :]
    factorise_embeddings(mobile.embeddings, view, counts)
    with torch.no_grad():
        hidden: Tensor = mobile.embeddings(batch.input_ids, token_type_ids=batch.token_type_ids)
        for number, block in enumerate(mobile.encoder.layer):

            def attend(block: Any = block, hidden: Tensor = hidden) -> Tensor:
                queries, keys, values, _ = block.bottleneck(hidden)
                attended = block.attention.self(queries, keys, values, bias)
                return cast(Tensor, attended[0][real])

            factorise_block(block, number, view, hidden[real], attend)
            hidden = block(hidden, bias)
    student.qa_outputs.load_state_dict(cast(Any, teacher).qa_outputs.state_dict())


def _check(student: Any, teacher: Any) -> None:
    for name in (
        *("hidden_size", "num_hidden_layers", "num_attention_heads"),
        *("vocab_size", "max_position_embeddings"),
    ):
        if getattr(student, name) != getattr(teacher, name):
            raise UsageError(
                f"a student with {name} {getattr(student, name)} cannot take after a teacher with "
                f"{getattr(teacher, name)}"
            )
    neurons = student.intermediate_size * student.num_feedforward_networks
    if neurons > teacher.intermediate_size:
        raise UsageError(
            f"a student with {neurons} neurons a block cannot take after a teacher with "
            f"{teacher.intermediate_size}"
        )
