"""Groups of cases for the workers of a cluster: what a worker is asked, and what it answers.

A worker is sent names and fingerprints, never a model, weights or code: it has the project's files,
and lists the cases itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from analog_bench.case import Case
from analog_bench.codec import Json
from analog_bench.content_name import fingerprint
from analog_bench.defining_files import SourceFile
from analog_bench.regular_file import read_regular
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.recorder import CaseName, Record
from analog_bench.session.settings import Settings
from analog_bench.session.shard_cut import cut
from analog_bench.store.baseline_file import case_path
from analog_bench.store.run import Manifest
from analog_bench.study import Study

# A worker that is lost, or a run that is stopped, loses what groups have measured in part: they
# are small. Each worker has several, so that none waits long for the last one.
_MOST_CASES, _GROUPS_A_WORKER = 16, 8


class RunWords(Struct, frozen=True):
    """What a worker is told of a run.

    Attributes:
        run_id: Tells runs apart that one worker serves.
        words: Pytest's command line, which lists the cases in the worker's copy of the project.
        manifest: Where and how the run is made: what numbers depend on has to be the same there.
        files: Bench files, conftest files and extensions, which have to be the same.
    """

    run_id: str
    words: tuple[str, ...]
    manifest: Manifest
    files: tuple[SourceFile, ...]


class Fingerprints(Struct, frozen=True):
    """What a model's cases in a study are measured with.

    Attributes:
        weights: Of the weights of the cases' variant.
        data: The protocol: everything but the model.
        baselines: Of the stored results that ask for confirmation chips; empty where none do.
    """

    weights: str
    data: str
    baselines: str


class AskedCase(Struct, frozen=True):
    """A case that a worker is to measure: its name, and what it must be made of.

    Attributes:
        sources: The user's own files that define its noise, tiles, hardware or devices.
    """

    study: str
    case_id: str
    fingerprints: Fingerprints
    sources: tuple[SourceFile, ...]

    @property
    def name(self) -> CaseName:
        """Study and id."""
        return self.study, self.case_id


class Failure(Struct, frozen=True):
    """A case that could not be measured, and why."""

    study: str
    case_id: str
    reason: str


class GroupOutcome(Struct, frozen=True):
    """What became of a group of cases.

    Attributes:
        environment: Of the worker, as in manifests.
    """

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    environment: Mapping[str, Json]


def groups_of(
    selected: Sequence[tuple[Study, Case]], settings: Settings, workers: int
) -> list[list[tuple[Study, Case]]]:
    """Return cases in groups for so many workers, cut as shards are; see `shard_cut`.

    A worker that takes them in this order replays what the layers of its groups have in common.
    """
    groups = max(_GROUPS_A_WORKER * workers, math.ceil(len(selected) / _MOST_CASES))
    number = cut(selected, settings, groups).number
    row: dict[int, list[tuple[Study, Case]]] = {}
    for study, case in selected:
        row.setdefault(number[study.name, case.id], []).append((study, case))
    return [row[n] for n in sorted(row)]


def fingerprints_of(models: ModelCache, study: Study, case: Case) -> Fingerprints:
    """Return what a case is measured with here; its weights must not be missing.

    Raises:
        BenchError: Weights, data or the baseline cannot be read.
    """
    task = models.task(study, case.model)
    return Fingerprints(
        weights=models.loaded(case.model, case.variant).weights_sha256,
        data=task.protocol,
        baselines=_baselines(models.settings, case),
    )


def _baselines(settings: Settings, case: Case) -> str:
    if settings.gate == "off" or settings.update_baselines:
        return ""
    try:
        path = case_path(settings.baselines, case.variant, case.model, case.study)
        return fingerprint(read_regular(path))
    except FileNotFoundError:
        return ""
