"""The heads that models are measured with, one per kind of task. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Head:
    """The head of a model, which determines its task.

    Attributes:
        models: The term for models with it, such as `a language model`.
        builder: Transformers' class that builds them, such as `AutoModelForCausalLM`.
        classes: The dictionary in transformers' `modeling_auto` that names their classes by family.
        outputs: The outputs that are scored.
        padded: Whether they read texts of several lengths at once, for which the tokeniser needs a
            padding token; such a text may have two segments.
        writes: Whether they can continue a text.
    """

    models: str
    builder: str
    classes: str
    outputs: tuple[str, ...]
    padded: bool = True
    writes: bool = False


_HEADS = {
    "qa": Head(
        models="a question-answering model",
        builder="AutoModelForQuestionAnswering",
        classes="MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES",
        outputs=("start_logits", "end_logits"),
    ),
    "lm": Head(
        models="a language model",
        builder="AutoModelForCausalLM",
        classes="MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
        outputs=("logits",),
        padded=False,
        writes=True,
    ),
    "classification": Head(
        models="a text classifier",
        builder="AutoModelForSequenceClassification",
        classes="MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
        outputs=("logits",),
    ),
}
HEADS: Mapping[str, Head] = MappingProxyType(_HEADS)
"""Every head by the name of its task, as recorded in structures."""


def register_head(task: str, head: Head) -> None:
    """Add a head, so that models with it can be locked and loaded."""
    if task in _HEADS:
        raise ValueError(f"two heads are for the task {task!r}")
    _HEADS[task] = head
