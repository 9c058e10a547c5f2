"""The inputs of a run's models: which data is for which model, and the task made of it."""

from __future__ import annotations

from pathlib import Path

from analog_bench.errors import UsageError
from analog_bench.tasks.task import Task
from analog_bench.tasks.task_kinds import KINDS, takers
from analog_bench.tasks.text_generation import TextGeneration
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec


def check_source(source: str, spec: ModelSpec) -> None:
    """Refuse data that a model cannot read, before anything is loaded.

    Raises:
        UsageError: Data for another kind of model, such as text for one that answers questions, or
            a model that takes fewer tokens at once than the protocol has.
    """
    kind, meant = KINDS[spec.task], takers(source)
    if meant and spec.task not in meant:
        readers = " or ".join(HEADS[name].models for name in meant)
        raise UsageError(
            f"--data {source} is for {readers}, and {spec.name} is {HEADS[spec.task].models}: "
            f"it takes {', '.join([*kind.sources, *kind.files.values()])}; --model picks the "
            "models of a run"
        )
    needed = kind.load().needed_positions()
    if spec.structure.positions < needed:
        raise UsageError(
            f"{spec.name} takes {spec.structure.positions} tokens at most, the protocol needs "
            f"{needed}; --model picks the models of a run"
        )


def make_task(
    source: str, loaded: LoadedModel, *, examples: int | None, data_folder: Path | None, lock: Path
) -> Task:
    """Load all examples, or so many, of a model's kind of data, and make them ready for the model.

    Raises:
        DataError: The data is missing or malformed.
        UsageError: Fewer examples than asked for, or as `check_source`.
        WeightsError: The hub's file is not locked, unreachable, or not the locked one.
    """
    check_source(source, loaded.spec)
    module = KINDS[loaded.spec.task].load()
    return module.make_task(source, loaded, examples=examples, data_folder=data_folder, lock=lock)


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
