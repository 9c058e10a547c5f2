"""The run file: everything measured in one run, as JSON. docs/schema.md describes each field."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from analog_bench.atomic_file import check_target, write_atomic
from analog_bench.codec import DocumentError, Json, convert, layout, plain, read_json
from analog_bench.errors import StoreError, reason_of
from analog_bench.records import (
    FIRST_CONFIRMATION_CHIP,
    Identity,
    Measurement,
    Metric,
    Result,
    Scope,
)
from analog_bench.spelling import counted
from analog_bench.store.baseline import StoredChip
from analog_bench.store.run import Incomplete, Manifest, Run, Unmeasured, storable
from analog_bench.zoo.model_shape import ModelShape

Version: TypeAlias = Literal[6]
RUN_VERSION: Version = 6


class RunDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a run file.

    Attributes:
        schema_version: 6.
        manifest: Where, when and how.
        metrics: Metric name to its record; every metric that a result or a scope mentions.
        scopes: What the results of a study on a model share; one for every result.
        results: One record a case, sorted by case id, study and protocol; none twice.
        incomplete: What is missing; null where every case of the run has a result.
        shapes: Name of a model to what an inference of it computes; of the models that were on
            tiles as a whole.
    """

    schema_version: Version
    manifest: Manifest
    metrics: Mapping[str, Json]
    scopes: tuple[Scope, ...]
    results: tuple[Result, ...]
    incomplete: Incomplete | None = None
    shapes: Mapping[str, ModelShape] = {}


def run_to_json(run: Run) -> dict[str, Any]:
    """Return the JSON of a run file: storable results and scopes, sorted."""
    return plain(
        RunDocument(
            RUN_VERSION,
            run.manifest,
            {name: plain(metric, "name") for name, metric in sorted(run.metrics.items())},
            tuple(sorted(run.scopes, key=lambda scope: scope.study_and_model)),
            tuple(sorted(map(storable, run.results), key=lambda result: result.identity)),
            run.incomplete,
            run.shapes,
        )
    )


def run_from_json(document: Json) -> Run:
    """Read the JSON of a run file; raises DocumentError."""
    check_version(document, RUN_VERSION)
    content = convert(document, RunDocument)
    nodes = content.metrics.items()
    metrics = {n: convert(node, Metric, f"metrics[{n!a}]", name=n) for n, node in nodes}
    scopes = {scope.study_and_model: scope for scope in content.scopes}
    if len(scopes) != len(content.scopes):
        raise DocumentError("scopes: a study and model stand twice")
    for n, scope in enumerate(content.scopes):
        _check_names({scope.main_metric, *scope.margins}, metrics, f"scopes[{n}]")
    seen = set()
    for n, result in enumerate(content.results):
        at = f"results[{n}]"
        check_result(result, at)
        _check_names(result.scored, metrics, at)
        if result.identity in seen:
            raise DocumentError(f"{at}: the case {result.case_id!a} stands twice")
        if result.study_and_model not in scopes:
            raise DocumentError(f"{at}: no scope is of its study and model")
        seen.add(result.identity)
    return Run(
        content.manifest,
        metrics,
        content.scopes,
        content.results,
        content.incomplete,
        content.shapes,
    )


def check_version(document: Json, known: int) -> None:
    """Make sure that a document is of a schema that this release reads; raises DocumentError."""
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is not int or version != known:
        raise DocumentError(
            f"schema_version: this release reads schema version {known}, "
            f"found {str(version)[:20]!a}; use the release that wrote the file, or measure anew"
        )


def check_result(result: Result, at: str) -> None:
    """Make sure that a result that was read holds together; raises DocumentError."""
    if (result.status == "measured") != bool(result.chips):
        raise DocumentError(f"{at}.status: {len(result.chips)} chips do not go with the status")
    check_chips(result.chips, f"{at}.chips")


def check_chips(chips: Sequence[Measurement | StoredChip], at: str) -> None:
    """Refuse, with a DocumentError, chips twice, scored differently, or without initial ones."""
    if len({chip.chip for chip in chips}) != len(chips):
        raise DocumentError(f"{at}: a chip stands twice")
    for n, chip in enumerate(chips):
        if not chip.scores or chip.scores.keys() != chips[0].scores.keys():
            raise DocumentError(f"{at}[{n}].scores: not the same metrics as the first chip's")
    if chips and all(chip.chip >= FIRST_CONFIRMATION_CHIP for chip in chips):
        raise DocumentError(
            f"{at}: no chip below {FIRST_CONFIRMATION_CHIP}: confirmation chips"
            " without initial ones"
        )


def target_of(path: Path) -> Path:
    """Return where results go, links followed; raises StoreError where the path cannot be one."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as problem:
        raise _cannot_write(path, problem) from None


def check_writable(path: Path) -> None:
    """Make sure, before anything is measured, that results can be written; raises StoreError.

    The folder is made where missing; a file that is there stays as it is.
    """
    try:
        check_target(path)
    except (OSError, ValueError) as problem:
        raise _cannot_write(path, problem) from None


def check_replaceable(path: Path, manifest: Manifest) -> None:
    """Make sure, before anything is measured, that a run's file replaces nothing of value.

    It may replace an empty file, and what the same run left when it was stopped.

    Raises:
        StoreError: There is something else, or results cannot be written there at all.
    """
    check_writable(path)
    try:
        if not holds_anything(path):
            return
        run = read_run(path)
    except StoreError:
        raise StoreError(
            f"{str(path)!r} is there and is no results file that this release can read; it stays "
            "as it is: choose another file"
        ) from None
    if run.incomplete is None or run.manifest.created != manifest.created:
        raise StoreError(
            f"{str(path)!r} holds the results of an earlier run "
            f"({counted(len(run.results), 'case')}, begun {run.manifest.created[:60]}), which stay "
            "as they are: choose another file, or move that one away"
        )


def holds_anything(path: Path) -> bool:
    """Return whether there is a file that is not empty."""
    return os.path.exists(path) and path.stat().st_size > 0


def write_run(path: Path, run: Run) -> None:
    """Write a run file; the file is either the old one or the whole new one; raises StoreError.

    Results are made storable (see `run.storable`) and sorted; numbers are in full precision.
    """
    try:
        write_atomic(path, layout(run_to_json(run)))
    except (OSError, ValueError) as problem:
        raise _cannot_write(path, problem) from None


def read_run(path: Path) -> Run:
    """Read a run file; StoreError where it is missing or does not follow the schema."""
    try:
        return run_from_json(read_json(path))
    except FileNotFoundError:
        raise StoreError(f"no run file at {str(path)!r}; a finished run writes one") from None
    except DocumentError as problem:
        raise StoreError(f"run file {str(path)!r}: {problem}") from None


def run_files(path: Path) -> list[Path]:
    """Return the run files that a path stands for: itself, or a folder's `*.json`."""
    return sorted(path.glob("*.json")) if os.path.isdir(path) else [path]


def read_runs(path: Path) -> Run:
    """Read a run file, or every run file of a folder as one run.

    Of several results of a case under one protocol the newest run's counts, and likewise of metrics
    and scopes; the manifest is the newest run's, whose results come first. A case is missing if one
    of the runs misses it and none has it; the command is that of the newest such run.

    Raises:
        StoreError: A file is missing or does not follow the schema, or the folder holds none.
    """
    if not os.path.isdir(path):
        return read_run(path)
    runs = sorted(map(read_run, run_files(path)), key=lambda run: run.manifest.created)
    if not runs:
        raise StoreError(f"no run file in the folder {str(path)!r}; a finished run writes one")
    metrics: dict[str, Metric] = {}
    shapes: dict[str, ModelShape] = {}
    scopes: dict[tuple[str, str], Scope] = {}
    results: dict[Identity, Result] = {}
    missing: dict[tuple[str, str], Unmeasured] = {}
    command = ""
    for run in runs:
        metrics |= run.metrics
        shapes |= run.shapes
        scopes |= {scope.study_and_model: scope for scope in run.scopes}
        own = {result.identity: result for result in run.results}
        # First: what speaks for the digital model is then of the protocol the scope is about.
        results = own | results | own
        if run.incomplete is not None:
            command = run.incomplete.command
            missing |= {(case.study, case.case_id): case for case in run.incomplete.cases}
    known = {(result.study, result.case_id) for result in results.values()}
    cases = tuple(case for key, case in missing.items() if key not in known)
    return Run(
        manifest=runs[-1].manifest,
        metrics=metrics,
        scopes=tuple(scopes.values()),
        results=tuple(results.values()),
        incomplete=Incomplete(cases, command) if cases else None,
        shapes=shapes,
    )


def _check_names(names: Iterable[str], metrics: Collection[str], at: str) -> None:
    for name in names:
        if name not in metrics:
            raise DocumentError(f"{at}: its metric {name!a} is not under 'metrics'")


def _cannot_write(path: Path, problem: Exception) -> StoreError:
    return StoreError(
        f"cannot write results to {str(path)!r}: {reason_of(problem)}; choose another file"
    )
