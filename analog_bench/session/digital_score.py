"""How a digital model scores on data, and the record of it beside its weights."""

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

from analog_bench.engine.computing import computing, device_name
from analog_bench.engine.scores import first_not_finite
from analog_bench.errors import WeightsError
from analog_bench.records import Precision
from analog_bench.session.run_data import check_source, make_task
from analog_bench.tasks.qa_crosscheck import crosscheck
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.weight_record import Scalar, read_record, write_record


@dataclass(frozen=True)
class DigitalScore:
    """Scores of a digital model.

    Attributes:
        means: Metric name to the score over all examples.
        counts: How much was scored, by what it is: `questions`, ...; see `Task.counts`.
        seconds: Time of the forward passes and the scoring, without loading.
        protocol: Fingerprint of everything but the model.
        weights: Fingerprint of the weights.
        crosschecked: Whether the evaluate library confirmed the means, a difference being an
            error; None where they are no answers to questions.
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
    device: str = "cpu"
    precision: Precision = "float32"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; each mean and each count is one beside the others."""
        values: dict[str, Any] = {}
        for name, value in vars(self).items():
            values |= value if isinstance(value, Mapping) else {name: value}
        return {name: value for name, value in values.items() if value is not None}


def score_model(
    spec: ModelSpec,
    source: str,
    *,
    examples: int | None,
    weights: Path | None,
    data_folder: Path | None,
    lock: Path,
    device: str = "cpu",
    precision: Precision = "float32",
) -> DigitalScore:
    """Load a model and score it on its kind of data, with a progress bar on a terminal.

    `examples` is None for all of them, `weights` a folder in place of an embedded model's own, and
    `source` the data, as `--data` names it.

    Raises:
        BenchError: As `check_source`, `load` and `make_task`, or the evaluate library contradicts.
    """
    check_source(source, spec)
    loaded = load(spec, lock_path=lock, device=device, shipped=weights)
    task = make_task(source, loaded, examples=examples, data_folder=data_folder, lock=lock)
    console = Console(stderr=True)
    began = time.perf_counter()
    hidden = not console.is_terminal
    batches = track(
        range(len(task.batches)), "scoring", console=console, disable=hidden, transient=True
    )
    with torch.inference_mode(), computing(precision, torch.device(device)):
        reduced = [task.reduce(batch, task.run(loaded.model, batch)) for batch in batches]
    if first_not_finite(reduced) is not None:
        raise WeightsError(f"{spec.name} computes values that are not finite numbers")
    per_example = task.score(reduced)
    means = task.mean(per_example)
    seconds = time.perf_counter() - began
    crosschecked = None
    if isinstance(task, QuestionAnswering):
        crosschecked = crosscheck(task.answers(reduced), task.questions, per_example)
    return DigitalScore(
        model=spec.name,
        zoo=spec.source,
        data=task.name,
        means=means,
        counts=task.counts,
        seconds=seconds,
        protocol=task.protocol,
        weights=loaded.weights_sha256,
        crosschecked=crosschecked,
        device=device_name(torch.device(device)),
        precision=precision,
    )


def record_score(folder: Path, score: DigitalScore) -> None:
    """Write a score into the record beside the weights it was measured with."""
    record = read_record(folder)
    measured: dict[str, Scalar] = {
        name: round(value, 3 if name == "perplexity" else 4) for name, value in score.means.items()
    }
    measured |= {name: count for name, count in score.counts.items() if name != "blocks"}
    measured["protocol"] = score.protocol
    data = re.sub(r"[^a-z0-9]+", "_", score.data.lower()).strip("_")
    results = {f"{data}_{name}": value for name, value in measured.items()}
    write_record(folder, record.base, record.recipe, {**record.results, **results})
