"""Runs cases on one model and one set of inputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property

from msgspec import structs
from torch import Tensor, nn

from analog_bench.analog.chip import Chip, install
from analog_bench.analog.layer_manifest import Coverage
from analog_bench.analog.layers import find
from analog_bench.analog.propagation import Tracer
from analog_bench.case import Case
from analog_bench.engine.batch_reader import BatchReader
from analog_bench.engine.calibration import Calibration, Known
from analog_bench.engine.computing import device_name
from analog_bench.engine.layer_facts import Facts
from analog_bench.engine.noise_following import Follower
from analog_bench.engine.pace import Pace
from analog_bench.engine.pace_measurement import measure_pace
from analog_bench.engine.scores import Scores, score
from analog_bench.noise import Int8
from analog_bench.propagation_record import Propagation
from analog_bench.records import Measurement, Precision, Result, Status
from analog_bench.simulators.registry import NO_TILE, simulator_of
from analog_bench.tasks.task import Task


@dataclass(frozen=True, eq=False)
class _Reading:
    """A chip's outputs for every batch, and the seconds they took.

    `broken` says of the first that is no finite number where it comes from; empty where all are.
    """

    outputs: list[Tensor]
    seconds: float
    broken: str
    propagation: Propagation | None


class Runner:
    """Measures cases of one model on one task, sharing clean computation between them."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        *,
        seed: int,
        weights: str,
        replay: bool = True,
        per_example: bool = False,
        precision: Precision = "float32",
        digital: Scores | None = None,
        input_ranges: Callable[[Case], Mapping[str, tuple[float, ...]]] = lambda case: {},
    ) -> None:
        """Prepare; nothing is computed yet.

        The model is without noise, in eval mode. It is perturbed while a case runs, and is exactly
        itself again afterwards. Everything random derives from the run's seed; `weights` is the
        fingerprint of the weights, for the results. `replay` keeps clean activations between cases,
        which changes no number; `per_example` keeps every example's score in results; `precision`
        is that of forward passes, and chips are programmed in float32 in any. `digital` are
        the digital model's scores to compare with, where the weights are others. `input_ranges` are
        those of a case's tiles, by public layer name, that training has learned or calibration
        found; it is asked while the model is clean. For all other layers they are observed.
        """
        self.model = model
        self.task = task
        self.weights = weights
        self._seed = seed
        self._per_example = per_example
        self._facts = Facts(model)
        self._reader = BatchReader(model, task, self._facts.layers, precision, replay=replay)
        self._calibration = Calibration(
            model,
            self._reader.replay,
            task,
            seed=seed,
            given=lambda case: self._by_path(input_ranges(case)),
        )
        self._digital = digital

    def digital(self) -> Scores:
        """Return the digital model's scores: those given, or computed once."""
        if self._digital is None:
            reduced, broken = self._reader.read(lambda *_: nullcontext())
            self._digital = score(self.task, "digital", reduced, broken)
        return self._digital

    def pace(self) -> Pace:
        """Find out, in a fraction of a second, how fast the clean model runs here."""
        return measure_pace(self.model, self.task, self._reader.run)

    def seconds(self, case: Case, pace: Pace, *, propagation: bool = False) -> float:
        """Return the seconds that one chip of a case will take, about."""
        return pace.seconds(
            case,
            self._touched(case),
            replayed=self._reader.replays,
            share=self.share(case),
            tokens=sum(batch.input_ids.numel() for batch in self.task.batches),
            propagation=propagation,
        )

    def share(self, case: Case) -> float:
        """Return the share of the model's matrix multiplication that a case's layers have."""
        return self._facts.share(self._paths(case.layers))

    def measure(self, case: Case, chips: Sequence[int], *, propagation: bool = False) -> Result:
        """Measure a case on each chip; see `measure_together`."""
        return self.measure_together([case], chips, propagation=propagation)[0]

    def measure_together(
        self, cases: Sequence[Case], chips: Sequence[int], *, propagation: bool = False
    ) -> list[Result]:
        """Measure cases that differ only in drift time on the same chips, each programmed once.

        With `propagation`, noise is followed from block to block as well, which changes no score.
        Results are those of the cases one by one: equal chip indices are equal chips in every run.
        A measurement's seconds hold the programming at the shortest time only. There is one result
        per case. It is `broken` if a chip's outputs or scores are not finite, or if those of the
        digital model are not; no chip is measured then.
        """
        first = cases[0]
        paths = self._paths(first.layers)
        self._reader.replay.move_to(self._touched(first))
        problem = self.digital().problem
        if problem:
            return [self._result(case, paths, "broken", problem, (), None) for case in cases]
        known = self._calibration.of(first, paths)
        follower = self._follower if propagation else None
        measured: dict[Case, list[Measurement]] = {case: [] for case in cases}
        broken: dict[Case, str] = {}
        covered: Coverage | None = None
        for index in chips:
            readings: dict[Case, _Reading] = {}
            began = time.perf_counter()
            with self._chip(first, paths, index, known) as chip:
                covered = self._facts.covered()
                for case in sorted(cases, key=lambda case: case.drift_s):
                    if case not in broken:
                        chip.drift_to(case.drift_s)
                        readings[case] = self._read(index, chip, began, follower)
                        began = time.perf_counter()
            # Not before the model is itself again: it may be the judge of what was written.
            for case, reading in readings.items():
                measurement = self._measurement(index, reading, chip.fingerprint)
                if isinstance(measurement, str):
                    broken[case] = measurement
                else:
                    measured[case].append(measurement)
        return [
            self._result(case, paths, "broken", broken[case], (), covered)
            if case in broken
            else self._result(case, paths, "measured", "", tuple(measured[case]), covered)
            for case in cases
        ]

    def measure_more(
        self, results: Mapping[Case, Result], chips: Sequence[int], *, propagation: bool = False
    ) -> list[Result]:
        """Measure further chips of cases that were measured together; return results with all.

        A result is `broken` if the outputs of a further chip are not finite.
        """
        more = self.measure_together(list(results), chips, propagation=propagation)
        return [
            structs.replace(old, chips=(*old.chips, *new.chips))
            if new.status == "measured"
            else structs.replace(
                old, status=new.status, reason=new.reason, chips=(), digital_per_example={}
            )
            for old, new in zip(results.values(), more, strict=True)
        ]

    def skipped(self, case: Case, reason: str) -> Result:
        """Return the result of a case that this environment cannot measure."""
        return self._result(case, self._paths(case.layers), "skipped", reason, (), None)

    @contextmanager
    def chip(self, case: Case, index: int) -> Iterator[Chip]:
        """Put a case's chip, at its drift time, into the model for as long as the context lasts."""
        paths = self._paths(case.layers)
        if self._calibration.needed(case):
            self._reader.replay.move_to(self._touched(case))
        with self._chip(case, paths, index, self._calibration.of(case, paths)) as chip:
            chip.drift_to(case.drift_s)
            yield chip

    @contextmanager
    def _chip(self, case: Case, paths: Sequence[str], index: int, known: Known) -> Iterator[Chip]:
        """Put a case's chip into the clean model: its layers under its noise, others in INT8.

        INT8 draws nothing and does not age, so the chip is that of the noise alone.
        """
        in_int8 = self._paths(case.in_int8)
        integers = install(self.model, layers=in_int8, noise=Int8(), chip=index, seed=self._seed)
        with (
            integers if in_int8 else nullcontext(),
            install(
                self.model,
                layers=paths,
                noise=case.noise,
                chip=index,
                seed=self._seed,
                simulator=simulator_of(case),
                hardware=case.hardware,
                input_ranges=known.input_ranges,
                severities=known.severities,
            ) as chip,
        ):
            yield chip

    def _measurement(
        self, index: int, reading: _Reading, fingerprint: tuple[float, ...]
    ) -> Measurement | str:
        """Return what was measured of a chip, or why that is nothing."""
        began = time.perf_counter()
        scores = score(self.task, f"chip {index}", reading.outputs, reading.broken)
        if scores.problem:
            return scores.problem
        return Measurement(
            chip=index,
            scores=scores.mean,
            per_example=scores.per_example if self._per_example else {},
            fingerprint=fingerprint,
            texts=scores.texts,
            propagation=reading.propagation,
            seconds=reading.seconds + time.perf_counter() - began,
        )

    def _by_path(self, ranges: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        return dict(zip(self._paths(ranges), ranges.values(), strict=True))

    def _touched(self, case: Case) -> list[str]:
        """Return the paths of all layers that are not as in the clean model."""
        return self._paths((*case.layers, *case.in_int8))

    def _paths(self, layers: Iterable[str]) -> list[str]:
        return [layer.path for layer in find(self.model, layers)]

    @cached_property
    def _follower(self) -> Follower:
        return Follower(self.model, self.task, self._reader.run)

    def _read(self, index: int, chip: Chip, began: float, follower: Follower | None) -> _Reading:
        tracer = Tracer(seed=self._seed)

        @contextmanager
        def reading(batch: int, mask: Tensor | None) -> Iterator[None]:
            follows = follower.following(index, batch, tracer) if follower else nullcontext()
            with chip.reading(batch, mask), follows:
                yield

        outputs, broken = self._reader.read(reading)
        propagation = tracer.result() if follower and not broken else None
        return _Reading(outputs, time.perf_counter() - began, broken, propagation)

    def _result(
        self,
        case: Case,
        paths: Sequence[str],
        status: Status,
        reason: str,
        chips: tuple[Measurement, ...],
        covered: Coverage | None,
    ) -> Result:
        return Result(
            case_id=case.id,
            study=case.study,
            model=case.model,
            group=case.group,
            noise=str(case.noise),
            drift_s=case.drift_s,
            tile=case.tile if case.noise.WHERE == "tile" else NO_TILE,
            hardware=case.hardware,
            variant=case.variant,
            case_version=case.version,
            protocol=self.task.protocol,
            weights=self.weights,
            seed=self._seed,
            status=status,
            reason=reason,
            digital=self.digital().mean,
            digital_texts=self.digital().texts,
            digital_per_example=self.digital().per_example if chips and self._per_example else {},
            chance=dict(self.task.chance),
            chips=chips,
            facts=self._facts.of(paths, covered),
            device=device_name(self._reader.device),
            precision=self._reader.precision,
        )
