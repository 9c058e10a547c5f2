"""What the cases of a session share: the loaded model, its data, its runner."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from analog_bench.analog.layer_manifest import prepare
from analog_bench.case import Case, Variant
from analog_bench.codec import Json
from analog_bench.engine.computing import device_name
from analog_bench.engine.runner import Runner
from analog_bench.engine.scores import Scores
from analog_bench.errors import UsageError
from analog_bench.gate.case_verdicts import DIGITAL_SHARE
from analog_bench.records import Computed, Metric
from analog_bench.session.calibrated_ranges import CalibratedRanges, fit_while_running, read_from
from analog_bench.session.cases import name_in_study, spec_of_case
from analog_bench.session.run_data import check_source, make_generation, make_task
from analog_bench.session.settings import Settings
from analog_bench.simulators.environment_probe import probe
from analog_bench.store.baseline import CaseBaseline
from analog_bench.store.baselines_by_device import read_cases_for
from analog_bench.study import Budget, Study
from analog_bench.tasks.task import Task
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.zoo.devices import check_device
from analog_bench.zoo.hwa_folder import is_hwa, shipped_hwa
from analog_bench.zoo.hwa_weights import load_hwa
from analog_bench.zoo.model_loading import LoadedModel, load
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.range_folder import RANGES

_Key = tuple[str, int | None, str | None]
"""Name of a model in cases, number of examples, prompt: what makes a task."""


class ModelCache:
    """Loads what cases need, and keeps the last model only: cases come model by model."""

    def __init__(self, settings: Settings, workers: int) -> None:
        self.settings = settings
        self._loaded: dict[tuple[str, Variant], LoadedModel] = {}
        self._calibrated: dict[str, CalibratedRanges] = {}
        self._tasks: dict[_Key, Task] = {}
        self._runners: dict[tuple[_Key, Variant], Runner] = {}
        self._scores: dict[_Key, Scores] = {}
        self._baseline = cache(partial(read_cases_for, settings.baselines))
        self._precise: set[tuple[str, _Key]] = set()
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        elif workers > 1:  # each takes its part of the cores, on which results do not depend
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))

    def loaded(self, model: str, variant: Variant = "direct") -> LoadedModel:
        """Return a model by its name in cases, ready for conversion; raises as `load`."""
        key = (model, variant)
        if key not in self._loaded:
            if variant == "hwa":
                loaded = load_hwa(self.loaded(model), self._hwa_folder(model))
            elif variant == "calibrated":
                loaded = replace(self.loaded(model), weights_sha256=self._ranges(model).weights)
            else:
                everything = (self._loaded, self._tasks, self._runners, self._scores)
                for kept in (*everything, self._calibrated):
                    kept.clear()
                settings = self.settings
                loaded = load(self._spec(model), lock_path=settings.lock, device=settings.device)
                prepare(loaded.model)
            self._loaded[key] = loaded
        return self._loaded[key]

    def missing_weights(self, case: Case) -> str:
        """Say which HWA weights or input ranges a case lacks; empty where it can be measured."""
        spec = self._spec(case.model)
        words = spec.asked_name + (" --zoo hub" if spec.source == "hub" else "")
        if case.variant == "hwa":
            folder = self._hwa_folder(case.model)
            if not is_hwa(folder):
                return (
                    f"{case.model} has no HWA weights in {folder}; `analog-bench hwa train "
                    f"{words}` makes them, and --hwa runs/hwa then finds them"
                )
        elif case.variant == "calibrated" and isinstance(self.settings.calibration, Path):
            folder = self.settings.calibration / spec.folder_name
            if not os.path.exists(folder / RANGES):
                return (
                    f"{case.model} has no input ranges in {folder}; `analog-bench calibrate "
                    f"{words} -o {self.settings.calibration}` makes them"
                )
        return ""

    def task(self, study: Study, model: str) -> Task:
        """Return what a study measures a model on: the run's data, or a prompt to write on from.

        Raises as `run_data.make_task` and `make_generation`.
        """
        key = self._key(study, model)
        _, examples, prompt = key
        if prompt is None:
            # Before the weights are asked for: they may take a while to come.
            check_source(self.settings.data, self._spec(model))
        loaded = self.loaded(model)
        if key not in self._tasks:
            self._tasks[key] = (
                make_task(
                    self.settings.data,
                    loaded,
                    examples=examples,
                    data_folder=self.settings.data_folder,
                    lock=self.settings.lock,
                )
                if prompt is None
                else make_generation(prompt, loaded, examples)
            )
        return self._tasks[key]

    def runner(self, study: Study, model: str, variant: Variant = "direct") -> Runner:
        """Return the runner for a study's cases of a model with these weights."""
        task = self.task(study, model)
        key = self._key(study, model)
        if (key, variant) not in self._runners:
            # Its digital scores come first: the runner that computes them is not kept beside this.
            digital = None if variant == "direct" else self._digital_scores(study, model)
            self._runners = {k: runner for k, runner in self._runners.items() if k[1] == variant}
            loaded = self.loaded(model, variant)
            self._runners[key, variant] = Runner(
                loaded.model,
                task,
                seed=self.settings.seed,
                weights=loaded.weights_sha256,
                replay=self.settings.replay,
                per_example=self.settings.keeps_examples(task.examples),
                precision=self.settings.precision,
                digital=digital,
                input_ranges=(
                    self._ranges(model).of_case
                    if variant == "calibrated"
                    else lambda case: loaded.input_ranges
                ),
            )
        return self._runners[key, variant]

    @property
    def computed(self) -> Computed:
        """What computes, and in which precision; `UsageError` where it is not there."""
        check_device(self.settings.device, torch.cuda.device_count())
        return device_name(torch.device(self.settings.device)), self.settings.precision

    def check_precision(self, study: Study, model: str) -> None:
        """Refuse a precision that moves a model's digital score by more than devices may.

        Raises:
            UsageError: It does.
        """
        precision, key = self.settings.precision, (study.name, self._key(study, model))
        if precision == "float32" or key in self._precise:
            return
        loaded, metric = self.loaded(model), self.metric(study, model)
        exactly = Runner(
            loaded.model,
            self.task(study, model),
            seed=self.settings.seed,
            weights=loaded.weights_sha256,
        )
        score = exactly.digital().mean.get(metric.name)
        now = self._digital_scores(study, model).mean.get(metric.name)
        most = DIGITAL_SHARE * metric.margin
        if score is not None and (now is None or abs(now - score) > most):
            is_now = "no finite number" if now is None else f"{now:.6g}"
            raise UsageError(
                f"--precision {precision} moves {model} itself: its digital {metric.name} is "
                f"{score:.6g} in float32, and {is_now} now, where {most:.4g} {metric.unit} may lie "
                "between them; measure it in float32"
            )
        self._precise.add(key)

    def budget(self, study: Study, model: str) -> Budget:
        """Return what the run affords of a study on a model, by its name in cases."""
        return self.settings.budget_of(study, name_in_study(model, self.settings.zoo))

    def metric(self, study: Study, model: str) -> Metric:
        """Return the metric that a study's verdicts on a model are about, with its margin there."""
        kind = self._spec(model).task if study.prompt is None else "generation"
        return study.with_own_margin(KINDS[kind].metrics[0])

    def case_baseline(self, case: Case) -> CaseBaseline:
        """Return the stored results that a case belongs to; raises BaselineError."""
        return self._baseline(case.variant, case.model, case.study, self.computed)

    def _key(self, study: Study, model: str) -> _Key:
        return model, self.budget(study, model).examples, self.settings.prompt_of(study)

    def _digital_scores(self, study: Study, model: str) -> Scores:
        key = self._key(study, model)
        if key not in self._scores:
            self._scores[key] = self.runner(study, model).digital()
        return self._scores[key]

    def _ranges(self, model: str) -> CalibratedRanges:
        if model not in self._calibrated:
            loaded, asked = self.loaded(model), self.settings.calibration
            self._calibrated[model] = (
                read_from(loaded, asked / loaded.spec.folder_name)
                if isinstance(asked, Path)
                else fit_while_running(loaded, asked)
            )
        return self._calibrated[model]

    def _hwa_folder(self, model: str) -> Path:
        if self.settings.hwa is None:
            return shipped_hwa(model)
        folder = self.settings.hwa / self._spec(model).folder_name
        # Training leaves them beside its checkpoints.
        return folder / "ship" if is_hwa(folder / "ship") else folder

    def _spec(self, model: str) -> ModelSpec:
        if (model, "direct") in self._loaded:
            return self._loaded[model, "direct"].spec
        return spec_of_case(self.settings, model)


def environment_facts(device: str) -> dict[str, Json]:
    """Return what only a process that has loaded torch can say of the environment."""
    here = probe()
    return {
        "device": device,
        "devices": list(here.devices),
        "threads": here.threads,
        "tiles": {name: tile.reason or "works" for name, tile in here.tiles.items()},
    }
