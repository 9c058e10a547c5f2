"""The record beside shipped weights: their hashes, how they were trained, what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from analog_bench.errors import WeightsError
from analog_bench.zoo.hashes import file_sha256, verify

Scalar = str | int | float | bool
Form = Literal["adapter", "delta", "whole"]

WEIGHTS = Path(__file__).parent / "weights"
"""Where shipped weights are, one folder a model."""
RECORD = "record.json"
FORMS: Mapping[Form, tuple[str, ...]] = MappingProxyType(
    {
        "adapter": ("adapter_model.safetensors", "adapter_config.json"),
        "delta": ("delta.safetensors",),
        "whole": ("model.safetensors", "tokenizer.json"),
    }
)
"""The forms shipped weights may have, and their files. A whole model has no base."""


@dataclass(frozen=True)
class Record:
    """What is known of shipped weights.

    Attributes:
        files: Each shipped file's sha256.
        base: Each file of the base's sha256: what the weights are to be added to; empty for a whole
            model.
        recipe: How they were trained.
        results: What was measured with them.
    """

    files: Mapping[str, str]
    base: Mapping[str, str]
    recipe: Mapping[str, Scalar]
    results: Mapping[str, Scalar]

    @property
    def form(self) -> Form:
        """Whether the weights are an adapter, a delta or a whole model."""
        return _form(set(self.files))


def read_record(folder: Path) -> Record:
    """Read `record.json`, without looking at the weights.

    Args:
        folder: Where the weights are.

    Returns:
        The record.

    Raises:
        WeightsError: There is none, or it is not in the form this module writes.
    """
    path = folder / RECORD
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"no weights are shipped in {folder}: there is no {RECORD}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
        raise WeightsError(f"cannot read {path}: {problem}") from None
    keys = ("files", "base", "recipe", "results")
    if not isinstance(document, dict) or set(document) != set(keys):
        raise WeightsError(f"{path}: the entries {', '.join(keys)} are expected, and no others")
    files, base, recipe, results = (_flat(document, key, path) for key in keys)
    for key, hashes in (("files", files), ("base", base)):
        good = all(isinstance(sha, str) and len(sha) == 64 for sha in hashes.values())
        if not good or (key == "files" and not hashes):
            raise WeightsError(f"{path}: {key} must give a sha256 for each file")
    if set(files) not in [set(names) for names in FORMS.values()]:
        raise WeightsError(f"{path}: files must be {_either()}, found {', '.join(sorted(files))}")
    if (_form(set(files)) == "whole") != (not base):
        raise WeightsError(f"{path}: base must be empty for a whole model, and only for one")
    return Record(files, base, recipe, results)


def read_verified(folder: Path, base: Mapping[str, str]) -> Record:
    """Read `record.json` and check the shipped files against it.

    Args:
        folder: Where the weights are.
        base: The sha256 of the base's files at hand; empty for a whole model.

    Returns:
        The record.

    Raises:
        WeightsError: No record, files of several forms or of none, a file with another hash than
            the recorded one, or weights made for another base.
    """
    record = read_record(folder)
    held = _held(folder)
    if set(record.files) != set(held):
        raise WeightsError(
            f"{folder} holds {', '.join(held)}, but {RECORD} records "
            f"{', '.join(sorted(record.files))}; restore the folder from version control"
        )
    if dict(record.base) != dict(base):
        raise WeightsError(f"{folder / RECORD}: the weights were made for another base")
    for name, expected in record.files.items():
        verify(folder / name, expected, "restore the file from version control")
    return record


def write_record(
    folder: Path,
    base: Mapping[str, str],
    recipe: Mapping[str, Scalar],
    results: Mapping[str, Scalar],
) -> Record:
    """Hash the weights in a folder and write their `record.json`.

    Args:
        folder: Where the weights are, in exactly one of the forms.
        base: The sha256 of each of the base's files; empty for a whole model.
        recipe: How the weights were trained.
        results: What was measured with them.

    Returns:
        What was written.

    Raises:
        WeightsError: The folder holds weights of several forms or of none.
    """
    hashes = {name: file_sha256(folder / name) for name in _held(folder)}
    record = Record(hashes, dict(base), dict(recipe), dict(results))
    document = {"files": hashes, "base": record.base, "recipe": recipe, "results": results}
    text = json.dumps({k: dict(v) for k, v in document.items()}, indent=2, sort_keys=True)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
    return record


def _form(files: set[str]) -> Form:
    return next(form for form, names in FORMS.items() if set(names) == files)


def _held(folder: Path) -> list[str]:
    known = [name for names in FORMS.values() for name in names]
    held = [name for name in known if (folder / name).is_file()]
    if set(held) not in [set(names) for names in FORMS.values()]:
        found = ", ".join(held) or "none of them"
        raise WeightsError(f"{folder} must hold {_either()}; found {found}")
    return held


def _either() -> str:
    return ", or ".join(" with ".join(names) for names in FORMS.values())


def _flat(document: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    node = document[key]
    if not isinstance(node, dict) or not all(
        isinstance(value, (str, int, float)) for value in node.values()
    ):
        raise WeightsError(f"{path}: {key} must be an object of plain values")
    return node
