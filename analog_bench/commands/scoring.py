"""Scoring a digital model on questions, for `analog-bench zoo score`."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from analog_bench.engine.front import Front
from analog_bench.engine.runner import WALKS
from analog_bench.errors import UsageError, WeightsError
from analog_bench.tasks.qa_crosscheck import crosscheck
from analog_bench.tasks.qa_sources import Questions
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.zoo.load import load
from analog_bench.zoo.record import Scalar, read_record, write_record
from analog_bench.zoo.specs import ModelSpec


@dataclass(frozen=True)
class Score:
    """What was measured.

    Attributes:
        model: The model's name.
        zoo: Where it came from.
        data: Name of the questions.
        f1: Mean F1 in points.
        em: Mean exact match in points.
        questions: How many there were.
        seconds: Time of the forward passes and the scoring, without loading.
        protocol: Fingerprint of everything but the model.
        weights: Fingerprint of the weights.
        crosschecked: Whether the evaluate library confirmed the means; a difference is an error.
    """

    model: str
    zoo: str
    data: str
    f1: float
    em: float
    questions: int
    seconds: float
    protocol: str
    weights: str
    crosschecked: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def score_model(
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
        UsageError: A model that cannot answer questions this way.
        WeightsError: Weights that are missing or not what they should be.
    """
    protocol = QaProtocol()
    if spec.architecture.positions < protocol.limits.max_length:
        raise UsageError(
            f"{spec.name} takes {spec.architecture.positions} tokens at most, "
            f"the protocol needs {protocol.limits.max_length}"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load(spec, lock_path=lock, shipped=weights)
    task = QuestionAnswering(questions.name, questions.rows, loaded.tokenizer, protocol)
    front = Front(WALKS[spec.family](loaded.model), task.batches)
    console = Console(stderr=True)
    begin = time.perf_counter()
    front.move_to(0)
    logits = list(
        track(
            front.outputs(),
            description="scoring",
            total=len(task.batches),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
    )
    if not all(bool(torch.isfinite(out).all()) for out in logits):
        raise WeightsError(f"{spec.name} computes values that are not finite numbers")
    scores = task.score(logits)
    seconds = time.perf_counter() - begin
    return Score(
        model=spec.name,
        zoo=spec.source,
        data=questions.name,
        f1=fmean(scores["f1"]),
        em=fmean(scores["em"]),
        questions=task.examples,
        seconds=seconds,
        protocol=task.protocol,
        weights=loaded.weights_sha256,
        crosschecked=crosscheck(task.answers(logits), questions.rows, scores),
    )


def record_score(folder: Path, score: Score) -> None:
    """Write a score into the record beside the weights it was measured with.

    Args:
        folder: The weights.
        score: What was measured with exactly them.

    Raises:
        WeightsError: The record cannot be read.
    """
    record = read_record(folder)
    name = re.sub(r"[^a-z0-9]+", "_", score.data.lower()).strip("_")
    measured: dict[str, Scalar] = {
        f"{name}_f1": round(score.f1, 4),
        f"{name}_em": round(score.em, 4),
        f"{name}_questions": score.questions,
        f"{name}_protocol": score.protocol,
    }
    write_record(folder, record.base, record.recipe, {**record.results, **measured})
