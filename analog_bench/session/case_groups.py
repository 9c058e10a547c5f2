"""Groups of cases for the workers of a cluster: what a worker is asked, measures and answers.

A worker is sent names and fingerprints, never a model, weights or code: it has the project's files,
and lists the cases itself.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from msgspec import Struct
from msgspec.structs import asdict

from analog_bench.case import Case
from analog_bench.codec import Json
from analog_bench.content_name import fingerprint
from analog_bench.defining_files import SourceFile
from analog_bench.errors import BenchError, UsageError
from analog_bench.records import Result
from analog_bench.regular_file import read_regular
from analog_bench.session.case_measurement import measure_case
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.own_code import sources_of_case
from analog_bench.session.recorder import CaseName
from analog_bench.session.settings import Settings
from analog_bench.session.shard_cut import cut
from analog_bench.store.baseline_file import case_path
from analog_bench.store.run import Manifest, Record
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
    """A case that a worker is to measure, with the user's own files that define it."""

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
    """What became of a group of cases, and the environment of the worker, as in manifests."""

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
    """Return what a case is measured with here; its weights must not be missing."""
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


def measure_group(
    models: ModelCache,
    listed: Mapping[CaseName, tuple[Study, Case]],
    asked: Sequence[AskedCase],
    environment: Mapping[str, Json],
) -> GroupOutcome:
    """Measure cases by their names, out of those that are listed here.

    An exception in one of them is its failure; the others are measured all the same.

    Raises:
        BenchError: Weights, data, baselines or files of a case are not those that were asked for.
    """
    for one in asked:
        if one.name not in listed:
            raise UsageError(
                f"its copy of the project has no case {one.case_id} in the study {one.study}"
            )
    group = [listed[one.name] for one in asked]
    checked = set()
    records: list[Record] = []
    failures: list[Failure] = []
    ahead: dict[Case, Result] = {}
    for n, (one, (study, case)) in enumerate(zip(asked, group, strict=True)):
        family = study.name, case.model, case.variant
        if family not in checked:
            _check_family(models, study, case, one)
            checked.add(family)
        check_files(one.sources, sources_of_case(case, models.settings.root))
        upcoming = [other for its_study, other in group[n + 1 :] if its_study == study]
        try:
            measured = measure_case(models, study, case, upcoming=upcoming, ahead=ahead)
            records.append(measured[0])
        except BenchError as problem:
            failures.append(Failure(*one.name, str(problem)))
        # As in pytest's own process: a fault in one case, perhaps of the user's code, is its own.
        except Exception:
            failures.append(Failure(*one.name, traceback.format_exc()))
    return GroupOutcome(tuple(records), tuple(failures), environment)


def check_files(wanted: Sequence[SourceFile], here: Sequence[SourceFile]) -> None:
    """Refuse, with a UsageError, to measure with other files of the user's own than are wanted."""
    for one, own in zip_longest(sorted(wanted, key=_by_name), sorted(here, key=_by_name)):
        if one != own:
            file = (one or own).file
            shas = " there and ".join(f.sha256[:12] if f else "none" for f in (one, own))
            raise UsageError(f"the file {file} is another: {shas} here")


def _check_family(models: ModelCache, study: Study, case: Case, one: AskedCase) -> None:
    missing = models.missing_weights(case)
    if missing:
        raise UsageError(missing)
    own = asdict(fingerprints_of(models, study, case))
    for what, wanted in asdict(one.fingerprints).items():
        if wanted != own[what]:
            raise UsageError(
                f"{case.model} ({case.variant}) has other {what} for {study.name}: "
                f"{wanted[:12] or 'none'} there and {own[what][:12] or 'none'} here"
            )


def _by_name(file: SourceFile) -> tuple[str, str]:
    return file.role, file.file
