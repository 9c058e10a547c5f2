"""Baseline files: `baselines/digital/MODEL.json`, `baselines/VARIANT/MODEL/STUDY.json`.

docs/schema.md describes each field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from msgspec import Struct

from analog_bench.atomic_file import write_atomic
from analog_bench.case import Variant
from analog_bench.codec import DocumentError, Json, convert, layout, parse, plain, read_json
from analog_bench.errors import BaselineError, reason_of
from analog_bench.file_lock import ExclusiveLock, HeldError
from analog_bench.records import Result
from analog_bench.store.baseline import (
    CaseBaseline,
    CaseEntry,
    Change,
    DigitalBaseline,
    DigitalEntry,
    Provenance,
    merge_cases,
    merge_digital,
)
from analog_bench.store.run_file import check_chips, check_version

Version: TypeAlias = Literal[1]
BASELINE_VERSION: Version = 1
T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
# Windows keeps these for devices, whatever follows the first dot; baselines are shared by git.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LOCK = ".lock"
_LOCK_TIMEOUT_S = 60.0


class CaseDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of `baselines/VARIANT/MODEL/STUDY.json`.

    Attributes:
        schema_version: 1.
        variant: As in the file's path.
        model: Name of the model, as in the file's path.
        study: Name of the study, as in the file's path.
        cases: Case id to an object of protocol to entry, both sorted.
    """

    schema_version: Version
    variant: str
    model: str
    study: str
    cases: Mapping[str, Mapping[str, Json]]


class DigitalDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of `baselines/digital/MODEL.json`.

    Attributes:
        schema_version: 1.
        variant: `digital`.
        model: Name of the model, as in the file's path.
        protocols: Protocol to entry, sorted.
    """

    schema_version: Version
    variant: Literal["digital"]
    model: str
    protocols: Mapping[str, Json]


def case_path(root: Path, variant: str, model: str, study: str) -> Path:
    """Return where the baseline of a model in a study is kept: `root/VARIANT/MODEL/STUDY.json`.

    Raises:
        BaselineError: There is no such variant, or a name cannot be a file's.
    """
    if variant not in get_args(Variant):
        known = ", ".join(get_args(Variant))
        raise BaselineError(f"a baseline is of variant {known}, found {variant!a}")
    return root / variant / _name(model, "model") / f"{_name(study, 'study')}.json"


def digital_path(root: Path, model: str) -> Path:
    """Return where a digital baseline is kept, `root/digital/MODEL.json`; raises as `case_path`."""
    return root / "digital" / f"{_name(model, 'model')}.json"


def read_cases(root: Path, variant: str, model: str, study: str) -> CaseBaseline:
    """Read the baseline of a model in a study; empty where there is no file.

    Raises:
        BaselineError: A name that cannot be a file's, or a file that does not follow the schema.
    """
    path = case_path(root, variant, model, study)
    empty = CaseBaseline(variant, model, study, {})
    return _read(path, lambda document: _cases(document, empty), empty)


def read_digital(root: Path, model: str) -> DigitalBaseline:
    """Read the digital baseline of a model; empty, and refused, as `read_cases`."""
    path = digital_path(root, model)
    return _read(path, lambda document: _digital(document, model), DigitalBaseline(model, {}))


def write_cases(root: Path, baseline: CaseBaseline) -> Path:
    """Write the baseline of a model in a study, and return the file; raises BaselineError."""
    cases: dict[str, dict[str, Json]] = {}
    for (case_id, protocol), entry in sorted(baseline.entries.items()):
        cases.setdefault(case_id, {})[protocol] = plain(entry, "case_id", "protocol")
    heading = {name: getattr(baseline, name) for name in ("variant", "model", "study")}
    path = case_path(root, **heading)
    document = {"schema_version": BASELINE_VERSION, **heading, "cases": cases}
    return _write(path, document, lambda node: _cases(node, baseline))


def write_digital(root: Path, baseline: DigitalBaseline) -> Path:
    """Write the digital baseline of a model, and return the file; raises BaselineError."""
    protocols = {p: plain(entry, "protocol") for p, entry in sorted(baseline.entries.items())}
    heading = {"schema_version": BASELINE_VERSION, "variant": "digital", "model": baseline.model}
    path = digital_path(root, baseline.model)
    document = {**heading, "protocols": protocols}
    return _write(path, document, lambda node: _digital(node, baseline.model))


def check_updatable(root: Path) -> None:
    """Make sure, before anything is measured, that they can be updated; raises BaselineError."""
    with _locked(root):
        pass


def update_cases(root: Path, results: Iterable[Result], provenance: Provenance) -> list[Change]:
    """Store results as the new baselines; what they do not mention stays, see `merge_cases`.

    Every file concerned is read before any is written, so that a corrupt one spoils nothing.
    Several processes may update at once: one waits for the other. Changes come by file and case id;
    files without one are not touched. BaselineError where a file or a result is unfit.
    """

    def file_of(result: Result) -> tuple[str, str, str]:
        return result.variant, result.model, result.study

    merged = []
    with _locked(root):
        for where, members in groupby(sorted(results, key=file_of), key=file_of):
            merged.append(merge_cases(read_cases(root, *where), list(members), provenance))
        for baseline, changes in merged:
            if changes:
                write_cases(root, baseline)
    return [change for _, changes in merged for change in changes]


def update_digital(root: Path, model: str, entry: DigitalEntry) -> list[Change]:
    """Store digital scores as the new baseline; other protocols stay. Raises BaselineError.

    Without a change the file is not touched.
    """
    with _locked(root):
        baseline, changes = merge_digital(read_digital(root, model), entry)
        if changes:
            write_digital(root, baseline)
    return changes


def _name(name: str, noun: str) -> str:
    if not _NAME.fullmatch(name):
        raise BaselineError(
            f"the {noun} {name[:60]!a} cannot name a baseline file: letters, digits and ._+- are "
            "allowed, a letter or digit first, 100 at most"
        )
    if _DEVICE.fullmatch(name):
        raise BaselineError(
            f"the {noun} {name[:60]!a} cannot name a baseline file: Windows keeps it for a device"
        )
    return name


def _check_heading(document: CaseDocument | DigitalDocument, **heading: str) -> None:
    for key, value in heading.items():
        stored = getattr(document, key)
        if stored != value:
            raise DocumentError(
                f"{key}: {value!r} is expected, as the file's path says, found {stored[:60]!a}"
            )


def _cases(node: Json, where: CaseBaseline) -> CaseBaseline:
    check_version(node, BASELINE_VERSION)
    document = convert(node, CaseDocument)
    _check_heading(document, variant=where.variant, model=where.model, study=where.study)
    entries = {}
    for case_id, protocols in document.cases.items():
        for protocol, entry in protocols.items():
            at = f"cases[{case_id!a}][{protocol!a}]"
            key = (case_id, protocol)
            entries[key] = convert(entry, CaseEntry, at, case_id=case_id, protocol=protocol)
            chips = entries[key].chips
            if not chips:
                raise DocumentError(f"{at}.chips: at least one chip is expected")
            check_chips(chips, f"{at}.chips")
    return CaseBaseline(where.variant, where.model, where.study, entries)


def _digital(node: Json, model: str) -> DigitalBaseline:
    check_version(node, BASELINE_VERSION)
    document = convert(node, DigitalDocument)
    _check_heading(document, model=model)
    entries = {
        protocol: convert(entry, DigitalEntry, f"protocols[{protocol!a}]", protocol=protocol)
        for protocol, entry in document.protocols.items()
    }
    return DigitalBaseline(model, entries)


def _read(path: Path, read: Callable[[Json], T], missing: T) -> T:
    try:
        return read(read_json(path))
    except FileNotFoundError:
        return missing
    except DocumentError as problem:
        raise BaselineError(
            f"baseline {str(path)!r}: {problem}; restore the file, or delete it and measure anew "
            "with --update-baselines"
        ) from None


def _write(path: Path, document: Mapping[str, Json], read: Callable[[Json], object]) -> Path:
    try:
        content = layout(document)
        # A baseline that no later run could read would be worse than none.
        read(parse(content))
        write_atomic(path, content)
    except (OSError, ValueError) as problem:
        raise _cannot_write(path, problem) from None
    return path


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = ExclusiveLock(root / _LOCK, _LOCK_TIMEOUT_S)
    except HeldError:
        raise BaselineError(
            f"another process has been updating {str(root)!r} for {_LOCK_TIMEOUT_S:.0f} s; "
            "wait for it to end"
        ) from None
    except (OSError, ValueError) as problem:
        raise _cannot_write(root, problem) from None
    with lock:
        yield


def _cannot_write(path: Path, problem: Exception) -> BaselineError:
    return BaselineError(f"cannot write the baseline {str(path)!r}: {reason_of(problem)}")
