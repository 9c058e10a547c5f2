"""Baseline files: `baselines/digital/MODEL.json`, `baselines/{direct,hwa}/MODEL/STUDY.json`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from analog_bench.atomic_file import write_atomic
from analog_bench.errors import BaselineError
from analog_bench.records import Result
from analog_bench.store.baseline import (
    CaseBaseline,
    DigitalBaseline,
    DigitalEntry,
    Provenance,
    merge_cases,
    merge_digital,
)
from analog_bench.store.baseline_schema import (
    BASELINE_VERSION,
    case_entry_from_json,
    case_entry_to_json,
    digital_entry_from_json,
    digital_entry_to_json,
)
from analog_bench.store.change import Change
from analog_bench.store.document import DocumentError, Json, Node, load, parse
from analog_bench.store.layout import layout
from analog_bench.store.schema import check_version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
# Windows keeps these for devices, whatever follows the first dot; baselines are shared by git.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def case_path(root: Path, variant: str, model: str, study: str) -> Path:
    """Return where the baseline of a model in a study is kept.

    Args:
        root: The baselines folder.
        variant: `direct` or `hwa`.
        model: Name of the model.
        study: Name of the study.

    Returns:
        `root/VARIANT/MODEL/STUDY.json`, always inside `root`.

    Raises:
        BaselineError: A name that cannot be a file's.
    """
    if variant not in ("direct", "hwa"):
        raise BaselineError(f"a baseline is of variant direct or hwa, found {variant!a}")
    return root / variant / _name(model, "model") / f"{_name(study, 'study')}.json"


def digital_path(root: Path, model: str) -> Path:
    """Return where the digital baseline of a model is kept: `root/digital/MODEL.json`.

    Raises:
        BaselineError: A name that cannot be a file's.
    """
    return root / "digital" / f"{_name(model, 'model')}.json"


def read_cases(root: Path, variant: str, model: str, study: str) -> CaseBaseline:
    """Read the baseline of a model in a study; empty where there is no file.

    Args:
        root: The baselines folder.
        variant: `direct` or `hwa`.
        model: Name of the model.
        study: Name of the study.

    Returns:
        What is stored.

    Raises:
        BaselineError: A name that cannot be a file's, or a file that does not follow the schema.
    """
    path = case_path(root, variant, model, study)
    try:
        return _cases(load(path), variant, model, study)
    except FileNotFoundError:
        return CaseBaseline(variant, model, study, {})
    except DocumentError as problem:
        raise BaselineError(_corrupt(path, problem)) from None


def read_digital(root: Path, model: str) -> DigitalBaseline:
    """Read the digital baseline of a model; empty where there is no file.

    Args:
        root: The baselines folder.
        model: Name of the model.

    Returns:
        What is stored.

    Raises:
        BaselineError: A name that cannot be a file's, or a file that does not follow the schema.
    """
    path = digital_path(root, model)
    try:
        return _digital(load(path), model)
    except FileNotFoundError:
        return DigitalBaseline(model, {})
    except DocumentError as problem:
        raise BaselineError(_corrupt(path, problem)) from None


def write_cases(root: Path, baseline: CaseBaseline) -> Path:
    """Write the baseline of a model in a study, cases and protocols sorted.

    Args:
        root: The baselines folder; made where missing.
        baseline: What to store.

    Returns:
        The file.

    Raises:
        BaselineError: It cannot be written.
    """
    path, content = _cases_content(root, baseline)
    _write(path, content)
    return path


def write_digital(root: Path, baseline: DigitalBaseline) -> Path:
    """Write the digital baseline of a model, protocols sorted.

    Args:
        root: The baselines folder; made where missing.
        baseline: What to store.

    Returns:
        The file.

    Raises:
        BaselineError: It cannot be written.
    """
    path = digital_path(root, baseline.model)
    protocols = {
        protocol: digital_entry_to_json(entry)
        for protocol, entry in sorted(baseline.entries.items())
    }
    heading = {"variant": "digital", "model": baseline.model}
    document = {"schema_version": BASELINE_VERSION, **heading, "protocols": protocols}
    _write(path, _content(path, document, lambda node: _digital(node, baseline.model)))
    return path


def update_cases(root: Path, results: Iterable[Result], provenance: Provenance) -> list[Change]:
    """Store results as the new baselines; what they do not mention stays, see `merge_cases`.

    Every file concerned is read before any is written, so a corrupt one spoils nothing; nor does a
    result that cannot be stored, such as one whose case id has a line break in it.

    Args:
        root: The baselines folder; made where missing.
        results: Results of any variants, models and studies.
        provenance: Where they come from.

    Returns:
        What changed, by file and case id; files without a change are not touched.

    Raises:
        BaselineError: A file that is corrupt or cannot be written, or a result that cannot be
            stored.
    """
    merged = []
    for where, members in groupby(sorted(results, key=_file_of), key=_file_of):
        merged.append(merge_cases(read_cases(root, *where), list(members), provenance))
    contents = [_cases_content(root, baseline) for baseline, changes in merged if changes]
    for path, content in contents:
        _write(path, content)
    return [change for _, changes in merged for change in changes]


def update_digital(root: Path, model: str, entry: DigitalEntry) -> list[Change]:
    """Store digital scores as the new baseline; other protocols stay, see `merge_digital`.

    Args:
        root: The baselines folder; made where missing.
        model: Name of the model.
        entry: Its scores under one protocol.

    Returns:
        What changed; without a change the file is not touched.

    Raises:
        BaselineError: A file that is corrupt or cannot be written.
    """
    baseline, changes = merge_digital(read_digital(root, model), entry)
    if changes:
        write_digital(root, baseline)
    return changes


def _file_of(result: Result) -> tuple[str, str, str]:
    return result.variant, result.model, result.study


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


def _check_heading(node: Node, body: str, **heading: str) -> None:
    check_version(node, BASELINE_VERSION)
    node.only("schema_version", *heading, body)
    for key, value in heading.items():
        if node.field(key).text() != value:
            node.field(key).fail(f"{value!r} is expected, as the file's place says")


def _cases(node: Node, variant: str, model: str, study: str) -> CaseBaseline:
    _check_heading(node, "cases", variant=variant, model=model, study=study)
    entries = {
        (case_id, protocol): case_entry_from_json(case_id, protocol, entry)
        for case_id, protocols in node.field("cases").entries()
        for protocol, entry in protocols.entries()
    }
    return CaseBaseline(variant, model, study, entries)


def _digital(node: Node, model: str) -> DigitalBaseline:
    _check_heading(node, "protocols", variant="digital", model=model)
    entries = {
        protocol: digital_entry_from_json(protocol, entry)
        for protocol, entry in node.field("protocols").entries()
    }
    return DigitalBaseline(model, entries)


def _cases_content(root: Path, baseline: CaseBaseline) -> tuple[Path, bytes]:
    where = (baseline.variant, baseline.model, baseline.study)
    path = case_path(root, *where)
    cases: dict[str, dict[str, Json]] = {}
    for (case_id, protocol), entry in sorted(baseline.entries.items()):
        cases.setdefault(case_id, {})[protocol] = case_entry_to_json(entry)
    heading = dict(zip(("variant", "model", "study"), where, strict=True))
    document = {"schema_version": BASELINE_VERSION, **heading, "cases": cases}
    return path, _content(path, document, lambda node: _cases(node, *where))


def _content(path: Path, document: Json, read: Callable[[Node], object]) -> bytes:
    try:
        content = layout(document)
        # A baseline that no later run could read would be worse than none.
        read(parse(content))
    except ValueError as problem:
        raise _cannot_write(path, problem) from None
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomic(path, content)
    except (OSError, ValueError) as problem:
        raise _cannot_write(path, problem) from None


def _cannot_write(path: Path, problem: Exception) -> BaselineError:
    why = getattr(problem, "strerror", None) or str(problem)
    return BaselineError(f"cannot write the baseline {str(path)!r}: {why}")


def _corrupt(path: Path, problem: DocumentError) -> str:
    return (
        f"baseline {str(path)!r}: {problem}; restore the file, or delete it and measure anew with "
        "--update-baselines"
    )
