"""Runs cases on one model and one set of inputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Protocol

import torch
from torch import Tensor, nn

from analog_bench.analog.chip import Chip, install
from analog_bench.analog.manifest import Layer, coverage, manifest, weight_spread
from analog_bench.analog.ranges import needs_input_ranges, observe_input_ranges
from analog_bench.case import Case
from analog_bench.engine.bert_walk import bert_walk
from analog_bench.engine.front import Front
from analog_bench.engine.walk import WalkBuilder
from analog_bench.result import LayerFacts, Measurement, Metric, Result
from analog_bench.tasks.windows import Batch

WALKS: Mapping[str, WalkBuilder] = {"bert": bert_walk}


class Task(Protocol):
    """What the runner needs of a task: inputs, and scores of outputs."""

    name: str
    examples: int
    batches: list[Batch]
    protocol: str
    metrics: tuple[Metric, ...]

    def score(self, logits: Sequence[Tensor]) -> dict[str, tuple[float, ...]]:
        """Return one score an example for each metric."""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of outputs.

    Attributes:
        mean: Metric name to the mean over examples.
        per_example: Metric name to one score an example.
    """

    mean: dict[str, float] = field(default_factory=dict)
    per_example: dict[str, tuple[float, ...]] = field(default_factory=dict)


class Runner:
    """Measures cases of one model on one task, sharing clean computation between them."""

    def __init__(
        self,
        model: nn.Module,
        family: str,
        task: Task,
        *,
        seed: int,
        weights: str,
        module_path: Callable[[str], str],
        front: bool = True,
    ) -> None:
        """Prepare; nothing is computed yet.

        Args:
            model: The digital model, in eval mode. It is perturbed while a case runs, and is
                exactly itself again afterwards.
            family: Its architecture, a key of `WALKS`.
            task: The inputs and how outputs are scored.
            seed: The run's seed, from which everything random derives.
            weights: Fingerprint of the weights, for the results.
            module_path: Maps a public layer name to its path in the model.
            front: Whether clean activations are kept between cases. Numbers do not depend on it.
        """
        self.model = model
        self.task = task
        self._walk = WALKS[family](model)
        self._front = Front(self._walk, task.batches)
        self._keep_front = front
        self._seed = seed
        self._weights = weights
        self._path = module_path
        self._layers = manifest(model)
        self._digital: Scores | None = None

    def digital(self) -> Scores:
        """Return the clean model's scores, computed once, from wherever the front stands."""
        if self._digital is None:
            self._front.move_to(self._front.stage)
            self._digital = self._scored(list(self._front.outputs()))
        return self._digital

    def measure(self, case: Case, chips: Sequence[int]) -> Result:
        """Measure a case on each chip.

        Args:
            case: What to measure.
            chips: Indices of the chips; equal indices are equal chips in every run.

        Returns:
            The result: `broken` where a chip's outputs are not numbers.
        """
        paths = [self._path(layer) for layer in case.layers]
        self._front.move_to(self._walk.first_stage(paths) if self._keep_front else 0)
        digital = self.digital()
        ranges = (
            observe_input_ranges(self.model, paths, case.hardware_name, self._run_clean)
            if needs_input_ranges(case.noise, case.hardware)
            else None
        )
        measurements: list[Measurement] = []
        broken = ""
        for index in chips:
            began = time.perf_counter()
            with install(
                self.model,
                paths,
                case.noise,
                chip=index,
                seed=self._seed,
                tile=case.tile,
                hardware=case.hardware,
                input_ranges=ranges,
            ) as chip:
                chip.drift_to(case.drift_s)
                covered = coverage(self.model, self._layers)
                outputs = self._read(chip)
            if not all(bool(torch.isfinite(logits).all()) for logits in outputs):
                broken = f"chip {index}: the model's outputs are not finite numbers"
                break
            scores = self._scored(outputs)
            measurements.append(
                Measurement(
                    chip=index,
                    scores=scores.mean,
                    per_example=scores.per_example,
                    fingerprint=chip.fingerprint,
                    seconds=time.perf_counter() - began,
                )
            )
        return Result()
