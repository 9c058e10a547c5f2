"""What the fixtures share in a session: the loaded model, its data, its runner."""

from __future__ import annotations

import os
from functools import partial

import torch

from analog_bench.analog.manifest import prepare
from analog_bench.analog.probe import probe
from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.grid import asked_name, spec_of
from analog_bench.inputs import check_source, examples_name, make_task
from analog_bench.options import Settings
from analog_bench.result import Metric
from analog_bench.store.baseline import CaseBaseline, DigitalBaseline
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.document import Json
from analog_bench.study import Study
from analog_bench.tasks.metrics import METRICS_OF
from analog_bench.tasks.task import Task
from analog_bench.zoo.layers import module_path
from analog_bench.zoo.load import LoadedModel, load
from analog_bench.zoo.specs import ModelSpec


class Workshop:
    """Loads what cases need, and keeps the last model only: cases come model by model."""

    def __init__(self, settings: Settings, workers: int) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            settings: The run's options.
            workers: Processes that share this machine; each takes its part of the cores. Results
                do not depend on it.
        """
        self._settings = settings
        self._loaded: dict[str, LoadedModel] = {}
        self._tasks: dict[tuple[str, int | None], Task] = {}
        self._runners: dict[tuple[str, int | None], Runner] = {}
        self._baselines: dict[tuple[str, str, str], CaseBaseline] = {}
        self._digital: dict[str, DigitalBaseline] = {}
        if workers > 1:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))

    def loaded(self, model: str) -> LoadedModel:
        """Return a digital model, ready for conversion.

        Args:
            model: Its name in cases.

        Raises:
            WeightsError: Its weights are not to be had.
            UsageError: There is no such model, or the device does not exist.
        """
        if model not in self._loaded:
            for kept in (self._loaded, self._tasks, self._runners):
                kept.clear()
            loaded = load(
                self._spec(model), lock_path=self._settings.lock, device=self._settings.device
            )
            prepare(loaded.model)
            self._loaded[model] = loaded
        return self._loaded[model]

    def task(self, model: str, examples: int | None) -> Task:
        """Return the model's task over so many examples (all where None).

        Args:
            model: Its name in cases.
            examples: Questions, or blocks of text.

        Raises:
            DataError: The data is missing or malformed.
            UsageError: Data of another kind than the model's, fewer examples than asked for, or a
                model that takes too few tokens.
        """
        # Before the weights are asked for: they may take a while to come.
        check_source(self._settings.data, self._spec(model))
        key = (model, examples)
        loaded = self.loaded(model)
        if key not in self._tasks:
            self._tasks[key] = make_task(
                self._settings.data,
                loaded,
                examples=examples,
                data_folder=self._settings.data_folder,
                lock=self._settings.lock,
            )
        return self._tasks[key]

    def data_name(self, model: str, task: Task) -> str:
        """Return what a model's examples are called in tables, such as `embedded questions`."""
        return f"{task.name} {examples_name(self._spec(model).task)}"

    def runner(self, study: Study, model: str) -> Runner:
        """Return the runner for a study's cases of a model."""
        examples = self._settings.budget_of(study).examples
        task = self.task(model, examples)
        key = (model, examples)
        if key not in self._runners:
            loaded = self.loaded(model)
            self._runners[key] = Runner(
                loaded.model,
                loaded.spec.family,
                task,
                seed=self._settings.seed,
                weights=loaded.weights_sha256,
                module_path=partial(module_path, loaded.spec.family),
                front=self._settings.front,
                per_example=self._settings.per_example,
            )
        return self._runners[key]

    def main_metric(self, model: str) -> Metric:
        """Return the metric that verdicts on a model are about."""
        return METRICS_OF[self._spec(model).task][0]

    def case_baseline(self, case: Case) -> CaseBaseline:
        """Return the stored results that a case belongs to.

        Raises:
            BaselineError: The file is corrupt.
        """
        key = (case.variant, case.model, case.study)
        if key not in self._baselines:
            self._baselines[key] = read_cases(self._settings.baselines, *key)
        return self._baselines[key]

    def digital_baseline(self, model: str) -> DigitalBaseline:
        """Return the stored digital scores of a model.

        Raises:
            BaselineError: The file is corrupt.
        """
        if model not in self._digital:
            self._digital[model] = read_digital(self._settings.baselines, model)
        return self._digital[model]

    def _spec(self, model: str) -> ModelSpec:
        if model in self._loaded:
            return self._loaded[model].spec
        return spec_of(self._settings, asked_name(model, self._settings.zoo))


def environment_facts(device: str) -> dict[str, Json]:
    """Return what only a process that has loaded torch can say of the environment."""
    here = probe()
    return {
        "device": device,
        "devices": list(here.devices),
        "threads": here.threads,
        "tiles": {
            "torch": here.torch_tile.reason or "works",
            "cpp": here.cpp_tile.reason or "works",
        },
    }
