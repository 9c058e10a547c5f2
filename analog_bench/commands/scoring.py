"""Scoring a digital model on questions or on a text, for `analog-bench zoo score`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from analog_bench.errors import UsageError, WeightsError
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import Text
from analog_bench.tasks.qa_crosscheck import crosscheck
from analog_bench.tasks.qa_sources import Questions
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.tasks.task import Task
from analog_bench.zoo.load import LoadedModel, load
from analog_bench.zoo.record import Scalar, read_record, write_record
from analog_bench.zoo.specs import ModelSpec


@dataclass(frozen=True)
class Score:
    """What was measured.

    Attributes:
        model: The model's name.
        zoo: Where it came from.
        data: Name of the questions or of the text.
        means: Metric name to the score over all examples.
        counts: How many `questions` there were; or scored `tokens`, and the `blocks` they are in.
        seconds: Time of the forward passes and the scoring, without loading.
        protocol: Fingerprint of everything but the model.
        weights: Fingerprint of the weights.
        crosschecked: Whether the evaluate library confirmed the means, a difference being an
            error; None for a text, which it does not score.
    """

    model: str
    zoo: str
    data: str
    means: Mapping[str, float]
    counts: Mapping[str, int]
    seconds: float
    protocol: str
    weights: str
    crosschecked: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        checked = {} if self.crosschecked is None else {"crosschecked": self.crosschecked}
        return {
            "model": self.model,
            "zoo": self.zoo,
            "data": self.data,
            **self.means,
            **self.counts,
            "seconds": self.seconds,
            "protocol": self.protocol,
            "weights": self.weights,
            **checked,
        }


@dataclass(frozen=True, eq=False)
class _Measured:
    means: dict[str, float]
    per_example: dict[str, tuple[float, ...]]
    reduced: list[Tensor]
    seconds: float


def score_questions(
    spec: ModelSpec,
    questions: Questions,
    *,
    weights: Path | None,
    lock: Path,
    threads: int | None,
) -> Score:
    """Load a model, answer the questions, and score the answers.

    Args:
        spec: The model.
        questions: What to ask it.
        weights: Folder of weights in place of an embedded model's own.
        lock: The lock file.
        threads: Threads to compute with; torch's choice where None.

    Returns:
        The scores.

    Raises:
        DataError: Scores that the evaluate library contradicts.
        UsageError: A model with too few positions.
        WeightsError: Weights that are missing or not what they should be.
    """
    protocol = QaProtocol()
    loaded = _loaded(spec, protocol.limits.max_length, weights, lock, threads)
    task = QuestionAnswering(questions.name, questions.rows, loaded.tokenizer, protocol)
    measured = _measure(loaded, task)
    answers = task.answers(measured.reduced)
    confirmed = crosscheck(answers, questions.rows, measured.per_example)
    return _score(loaded, task, measured, {"questions": task.examples}, confirmed)


def score_text(
    spec: ModelSpec,
    text: Text,
    *,
    examples: int | None,
    weights: Path | None,
    lock: Path,
    threads: int | None,
) -> Score:
    """Load a language model and let it predict a text.

    Args:
        spec: The model.
        text: The text.
        examples: How many blocks; all where None.
        weights: Folder of weights in place of an embedded model's own.
        lock: The lock file.
        threads: Threads to compute with; torch's choice where None.

    Returns:
        The scores.

    Raises:
        UsageError: A model with too few positions, or more blocks asked for than there are.
        WeightsError: Weights that are missing or not what they should be.
    """
    protocol = LmProtocol()
    loaded = _loaded(spec, protocol.block, weights, lock, threads)
    task = LanguageModelling(text, loaded.tokenizer, protocol, examples=examples)
    counts = {"tokens": sum(task.tokens), "blocks": task.examples}
    return _score(loaded, task, _measure(loaded, task), counts)


def record_score(folder: Path, score: Score) -> None:
    """Write a score into the record beside the weights it was measured with.

    Args:
        folder: The weights.
        score: What was measured with exactly them.

    Raises:
        WeightsError: The record cannot be read.
    """
    record = read_record(folder)
    measured: dict[str, Scalar] = {
        name: round(value, 3 if name == "perplexity" else 4) for name, value in score.means.items()
    }
    measured |= {name: count for name, count in score.counts.items() if name != "blocks"}
    measured["protocol"] = score.protocol
    data = re.sub(r"[^a-z0-9]+", "_", score.data.lower()).strip("_")
    results = {f"{data}_{name}": value for name, value in measured.items()}
    write_record(folder, record.base, record.recipe, {**record.results, **results})


def _loaded(
    spec: ModelSpec, tokens: int, weights: Path | None, lock: Path, threads: int | None
) -> LoadedModel:
    if spec.structure.positions < tokens:
        raise UsageError(
            f"{spec.name} takes {spec.structure.positions} tokens at most, "
            f"the protocol needs {tokens}"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    return load(spec, lock_path=lock, shipped=weights)


def _measure(loaded: LoadedModel, task: Task) -> _Measured:
    console = Console(stderr=True)
    begin = time.perf_counter()
    batches = track(
        range(len(task.batches)),
        description="scoring",
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with torch.inference_mode():
        reduced = [task.reduce(batch, task.run(loaded.model, batch)) for batch in batches]
    if not all(bool(torch.isfinite(kept).all()) for kept in reduced):
        raise WeightsError(f"{loaded.spec.name} computes values that are not finite numbers")
    per_example = task.score(reduced)
    means = task.mean(per_example)
    return _Measured(means, per_example, reduced, time.perf_counter() - begin)


def _score(
    loaded: LoadedModel,
    task: Task,
    measured: _Measured,
    counts: Mapping[str, int],
    crosschecked: bool | None = None,
) -> Score:
    return Score(
        model=loaded.spec.name,
        zoo=loaded.spec.source,
        data=task.name,
        means=measured.means,
        counts=counts,
        seconds=measured.seconds,
        protocol=task.protocol,
        weights=loaded.weights_sha256,
        crosschecked=crosschecked,
    )
