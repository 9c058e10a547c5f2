"""The inputs of a run's models: which data is for which model, and the task made of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from analog_bench.errors import UsageError
from analog_bench.tasks import lm_sources, qa_sources
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.task import Task
from analog_bench.tasks.text_generation import TextGeneration
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.model_structure import Task as Kind

_MODELS: Mapping[Kind, str] = {"qa": "a question-answering model", "lm": "a language model"}
_SOURCES: Mapping[Kind, tuple[str, ...]] = {
    "qa": (*qa_sources.SOURCES, "a SQuAD .json file"),
    "lm": (*lm_sources.SOURCES, "a .txt file", "a folder of them"),
}


def check_source(source: str, spec: ModelSpec) -> None:
    """Refuse data that a model cannot read, before anything is loaded.

    Raises:
        UsageError: Questions for a language model, text for one that answers questions, or a model
            that takes fewer tokens at once than the protocol has.
    """
    meant = _meant_for(source)
    if meant is not None and meant != spec.task:
        raise UsageError(
            f"--data {source} is for {_MODELS[meant]}, and {spec.name} is {_MODELS[spec.task]}: "
            f"it takes {', '.join(_SOURCES[spec.task])}; --model picks the models of a run"
        )
    needed = QaProtocol().limits.max_length if spec.task == "qa" else LmProtocol().block
    if spec.structure.positions < needed:
        raise UsageError(
            f"{spec.name} takes {spec.structure.positions} tokens at most, the protocol needs "
            f"{needed}; --model picks the models of a run"
        )


def make_task(
    source: str, loaded: LoadedModel, *, examples: int | None, data_folder: Path | None, lock: Path
) -> Task:
    """Load data of a model's kind, as `--data` names it, and make it ready for that model.

    Examples are questions or blocks of text; all where None.

    Raises:
        DataError: The data is missing or malformed.
        UsageError: Fewer examples than asked for, or as `check_source`.
        WeightsError: The hub's file is not locked, unreachable, or not the locked one.
    """
    check_source(source, loaded.spec)
    if loaded.spec.task == "qa":
        questions = qa_sources.load_questions(
            source, examples=examples, data_folder=data_folder, lock=lock
        )
        return QuestionAnswering(questions.name, questions.rows, loaded.tokenizer)
    text = lm_sources.load_text(source, data_folder=data_folder, lock=lock)
    return LanguageModelling(text, loaded.tokenizer, examples=examples)


def make_generation(prompt: str, loaded: LoadedModel, texts: int | None) -> TextGeneration:
    """Make a prompt ready for a language model, which also judges what is written.

    Raises:
        UsageError: The number of texts is not given, or a text would be too long for the model.
    """
    if texts is None:
        raise UsageError(
            "a study of generation has no end of examples: --examples must say how many texts"
        )
    return TextGeneration(prompt, loaded.tokenizer, loaded.model, texts=texts)


def _meant_for(source: str) -> Kind | None:
    questions, text = source in qa_sources.SOURCES, source in lm_sources.SOURCES
    if questions or text:
        return None if questions and text else "qa" if questions else "lm"
    ending = os.path.splitext(source)[1].lower()
    if ending == ".json":
        return "qa"
    return "lm" if ending == ".txt" or os.path.isdir(source) else None
