"""Measuring a group of cases in a worker of a cluster."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from msgspec.structs import asdict

from analog_bench.case import Case
from analog_bench.codec import Json
from analog_bench.defining_files import SourceFile
from analog_bench.errors import BenchError, UsageError
from analog_bench.records import Result
from analog_bench.session.case_groups import AskedCase, Failure, GroupOutcome, fingerprints_of
from analog_bench.session.case_measurement import measure_case
from analog_bench.session.model_cache import ModelCache
from analog_bench.session.own_code import sources_of_case
from analog_bench.session.recorder import CaseName, Record
from analog_bench.study import Study


def measure_group(
    models: ModelCache,
    listed: Mapping[CaseName, tuple[Study, Case]],
    asked: Sequence[AskedCase],
    environment: Mapping[str, Json],
) -> GroupOutcome:
    """Measure cases by their names, out of those that are listed here.

    What one of them raises is its failure, and the others are measured all the same.

    Raises:
        BenchError: Weights, data, baselines or files of a case are not those that were asked for.
    """
    group = [_listed(listed, one) for one in asked]
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
    """Refuse to measure with other files of the user's own than those that are wanted.

    Raises:
        UsageError: With the first one that differs.
    """
    for one, own in zip_longest(sorted(wanted, key=_by_name), sorted(here, key=_by_name)):
        if one != own:
            file = (one or own).file
            shas = " there and ".join(f.sha256[:12] if f else "none" for f in (one, own))
            raise UsageError(f"the file {file} is another: {shas} here")


def _listed(listed: Mapping[CaseName, tuple[Study, Case]], one: AskedCase) -> tuple[Study, Case]:
    if one.name not in listed:
        raise UsageError(
            f"its copy of the project has no case {one.case_id} in the study {one.study}"
        )
    return listed[one.name]


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
