"""Measures sub-networks of a supernet on chips, one after another, each kept as it comes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from msgspec import structs
from torch import nn
from transformers import PreTrainedModel

from analog_bench.analog.compatibility import IDEAL
from analog_bench.analog.layer_manifest import manifest
from analog_bench.case import Case
from analog_bench.codec import write_record
from analog_bench.content_name import fingerprint
from analog_bench.engine.runner import Runner
from analog_bench.errors import UsageError
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.hwa.checkpoint_owner import changes
from analog_bench.noise import Preset
from analog_bench.planning.energy import model_energy
from analog_bench.planning.scenarios import Scenario
from analog_bench.planning.shape_tracing import trace
from analog_bench.planning.subnetwork_record import (
    TIMES_S,
    MeasuredSubNetwork,
    SubNetworkStudy,
    read_study,
)
from analog_bench.planning.subnetworks import next_subnetwork
from analog_bench.session.calibrated_ranges import fit_while_running
from analog_bench.simulators.registry import presets
from analog_bench.tasks.task import Task
from analog_bench.zoo.mobilebert_parts import SubNetwork, share, whole
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.range_folder import DEFAULT_METHOD

STUDY = "study.json"
"""The file in a study's folder with all that was measured."""
HARDWARE = Preset()
_NAME = "sub-networks"
Tell = Callable[[str, Sequence[MeasuredSubNetwork]], None]
"""Is told what is being done, and what was measured of it so far."""


@dataclass(frozen=True, eq=False)
class SubNetworkLab:
    """All that sub-networks are measured with.

    Attributes:
        supernet: The model with all of them in it, its tokeniser and its weights' fingerprint.
        outline: A model of the same configuration on the device `meta`.
        task: What they are scored on.
        scenario: What energy is estimated for.
        tokens: Tokens of an inference, for energy.
    """

    supernet: LoadedModel
    outline: PreTrainedModel
    task: Task
    scenario: Scenario
    tokens: int

    @property
    def whole(self) -> SubNetwork:
        """The network that nothing is missing of."""
        return whole(self.supernet.model.config)

    def measure(self, part: SubNetwork, chips: Sequence[int], seed: int) -> MeasuredSubNetwork:
        """Cut a sub-network out, fit its input ranges, and score it digital and on chips.

        Raises:
            UsageError: Its outputs are not finite numbers.
            TileUnavailable: Tiles cannot be had here.
        """
        began = time.perf_counter()
        own: nn.Module = copy.deepcopy(share(self.supernet.model, part))
        layers = tuple(one.name for one in manifest(own) if one.kind == "matmul")
        weights = fingerprint(f"{self.supernet.weights_sha256} {part}".encode())
        loaded = replace(
            self.supernet, model=cast(PreTrainedModel, own), weights_sha256=weights, input_ranges={}
        )
        simulator = presets()[HARDWARE.name]
        simulator.require(str(next(own.parameters()).device))
        ranges = fit_while_running(loaded, DEFAULT_METHOD)
        runner = Runner(
            own, self.task, seed=seed, weights=weights, replay=False, input_ranges=ranges.of_case
        )
        cases = [
            Case(
                study=_NAME,
                model=self.supernet.spec.stored_name,
                layers=layers,
                noise=HARDWARE,
                drift_s=drift_s,
                tile=simulator.name,
                hardware=IDEAL,
                variant="calibrated",
                group="all",
            )
            for drift_s in TIMES_S
        ]
        results = runner.measure_together(cases, chips)
        for result in results:
            if result.status != "measured":
                raise UsageError(f"sub-network {part}: {result.reason}")
        metric = self.task.metrics[0].name
        by_time = [[chip.scores[metric] for chip in result.chips] for result in results]
        shape = trace(cast(PreTrainedModel, share(copy.deepcopy(self.outline), part)), self.tokens)
        return MeasuredSubNetwork(
            part=part,
            parameters=sum(parameter.numel() for parameter in own.parameters()),
            pj=model_energy(shape, self.scenario, layers).pj_per_token,
            digital=runner.digital().mean[metric],
            chips=tuple(zip(*by_time, strict=True)),
            seconds=time.perf_counter() - began,
        )


def study_subnetworks(
    lab: SubNetworkLab,
    folder: Path,
    made_with: Mapping[str, Any],
    *,
    trials: int,
    chips: int,
    fresh_chips: int,
    seed: int,
    tell: Tell,
) -> SubNetworkStudy:
    """Measure so many sub-networks, those in the folder included, and the best on fresh chips.

    Fresh chips see the whole, the best of its parts after a day, and the best of those that take at
    most half of the whole's energy. Each is in the file before the next is begun. UsageError where
    the study in the folder was made with something else.
    """
    path = folder / STUDY
    study = read_study(path) or SubNetworkStudy(1, dict(made_with))
    if changed := changes(study.made_with, made_with):
        raise UsageError(
            f"{path} was made with something else ({changed}); go on with that or choose another "
            "--out"
        )
    while len(study.measured) < trials:
        tell("measuring sub-networks", study.measured)
        part = next_subnetwork(lab.whole, study.measured, seed)
        if part is None:
            raise UsageError(
                f"there are hardly more than {len(study.measured)} sub-networks; ask for fewer "
                "--trials"
            )
        measured = lab.measure(part, range(chips), seed)
        study = structs.replace(study, measured=(*study.measured, measured))
        write_record(path, study)
    for part in chosen(study.measured[:trials]):
        if not _fresh(study, part, fresh_chips):
            tell("measuring the best on fresh chips", study.fresh)
            measured = lab.measure(part, range(fresh_chips), seed + 1)
            study = structs.replace(study, fresh=(*study.fresh, measured))
            write_record(path, study)
    return study


def fresh_of(study: SubNetworkStudy, trials: int, chips: int) -> list[MeasuredSubNetwork]:
    """Return what a study has of the chosen on so many fresh chips, the whole first."""
    return [
        one for part in chosen(study.measured[:trials]) for one in _fresh(study, part, chips)[:1]
    ]


def _fresh(study: SubNetworkStudy, part: SubNetwork, chips: int) -> list[MeasuredSubNetwork]:
    return [one for one in study.fresh if one.part == part and len(one.chips) == chips]


def chosen(measured: Sequence[MeasuredSubNetwork]) -> list[SubNetwork]:
    """Return the whole, its best part after a day, and the best at half of its energy, once each.

    Where no part takes so little there are two, and of the whole alone one.
    """
    everything, *parts = measured
    best = [everything.part]
    for most in (float("inf"), everything.pj / 2):
        fitting = [one for one in parts if one.pj <= most]
        if fitting:
            best.append(max(fitting, key=lambda one: one.one_day).part)
    return list(dict.fromkeys(best))


def gain_after_a_day(part: MeasuredSubNetwork, everything: MeasuredSubNetwork) -> Interval:
    """Return a part's score after a day less the whole's, over chips of the same numbers."""
    pairs = zip(part.one_day_by_chip, everything.one_day_by_chip, strict=True)
    return mean_interval([one - other for one, other in pairs])
