"""What chips need to know beforehand of a layer's clean inputs: input ranges, severities."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from torch import nn

from analog_bench.analog.clean_inputs import BATCHES, CleanInputs, Pass, observe_inputs, spread
from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.analog.severity_solver import solve_severity
from analog_bench.analog.tile_protocol import InputRange
from analog_bench.case import Case
from analog_bench.engine.replay import Replay
from analog_bench.noise import EqualError
from analog_bench.simulators.registry import has_input_ranges, simulator_of
from analog_bench.tasks.task import Task


class Known(NamedTuple):
    """What chips are told about their layers, by module path; None for what they do not need."""

    input_ranges: Mapping[str, InputRange] | None
    severities: Mapping[str, float] | None


class Calibration:
    """Observes each layer once, in the clean model, for all cases that need it.

    What is observed does not depend on which other layers a case has. The replay must have moved to
    the case's layers. Input ranges that are `given` for a case, by module path, replace observed
    ones.
    """

    def __init__(
        self,
        model: nn.Module,
        replay: Replay,
        task: Task,
        *,
        seed: int,
        given: Callable[[Case], Mapping[str, InputRange]],
    ) -> None:
        self._model = model
        self._replay = replay
        self._task = task
        self._seed = seed
        self._given = given
        self._observed: dict[str, float] = {}
        self._inputs: dict[str, CleanInputs] = {}
        self._severities: dict[tuple[object, ...], float] = {}

    def needed(self, case: Case) -> bool:
        """Return whether a case needs anything observed."""
        return isinstance(case.noise, EqualError) or has_input_ranges(case)

    def of(self, case: Case, paths: Sequence[str]) -> Known:
        """Return what a case's chips need to know; `UsageError` where an error is out of reach."""
        ranges = self._input_ranges(case, paths)
        return Known(ranges, self._all_severities(case, paths, ranges))

    def _input_ranges(self, case: Case, paths: Sequence[str]) -> dict[str, InputRange] | None:
        if not has_input_ranges(case):
            return None
        given = self._given(case)
        unknown = [path for path in paths if path not in given and path not in self._observed]
        if unknown:
            # No output is kept: those of a language model over a whole text would fill the memory.
            self._observed |= observe_input_ranges(
                self._model, unknown, lambda: deque(self._replay.outputs(), maxlen=0)
            )
        return {path: given[path] if path in given else self._observed[path] for path in paths}

    def _all_severities(
        self, case: Case, paths: Sequence[str], ranges: Mapping[str, InputRange] | None
    ) -> dict[str, float] | None:
        if not isinstance(case.noise, EqualError):
            return None
        keys = {path: (case.noise, path, case.drift_s, case.tile, case.hardware) for path in paths}
        sampled = self._sampled([path for path, key in keys.items() if key not in self._severities])
        for path, inputs in sampled.items():
            self._severities[keys[path]] = solve_severity(
                self._model,
                path,
                case.noise,
                inputs,
                seed=self._seed,
                simulator=simulator_of(case),
                hardware=case.hardware,
                drift_s=case.drift_s,
                input_ranges=ranges and {path: ranges[path]},
            )
        return {path: self._severities[key] for path, key in keys.items()}

    def _sampled(self, paths: Sequence[str]) -> Mapping[str, CleanInputs]:
        """Return inputs of layers; those of the last ones asked for are kept, and no others."""
        unknown = [path for path in paths if path not in self._inputs]
        if unknown:
            batches, by_token = self._task.batches, self._task.by_token
            passes = [
                Pass(
                    None if by_token else batches[index].attention_mask,
                    partial(self._replay.output, index),
                )
                for index in spread(len(batches), BATCHES)
            ]
            found = {path: kept for path, kept in self._inputs.items() if path in paths}
            self._inputs = found | observe_inputs(self._model, unknown, passes)
        return {path: self._inputs[path] for path in paths}
