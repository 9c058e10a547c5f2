"""The record beside shipped weights: their hashes, training and measured results."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct

from analog_bench.codec import DocumentError, convert, indented, plain, read_json
from analog_bench.errors import WeightsError
from analog_bench.zoo.file_hashes import file_sha256, verify

T = TypeVar("T")
Scalar: TypeAlias = str | int | float | bool
Form: TypeAlias = Literal["adapter", "delta", "whole"]
Sha256: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
Ranges: TypeAlias = dict[
    str, Annotated[tuple[Annotated[float, Meta(gt=0)], ...], Meta(min_length=1)]
]
"""Layer name to the static input range of each of its tiles, in aihwkit's order."""

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped weights, with one folder per model."""
RECORD = "record.json"
FORMS: Mapping[Form, tuple[str, ...]] = MappingProxyType(
    {
        "adapter": ("adapter_model.safetensors", "adapter_config.json"),
        "delta": ("delta.safetensors",),
        "whole": ("model.safetensors", "tokenizer.json"),
    }
)
"""The possible forms of shipped weights, and their files. A whole model has no base."""
_FILE_SETS = [set(names) for names in FORMS.values()]


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """The `record.json` of shipped weights: their sha256s, training and measured results.

    `base` holds the sha256s of the base's files, to which the weights are added; empty for a whole
    model.
    """

    files: dict[str, Sha256]
    base: dict[str, Sha256]
    recipe: dict[str, Scalar]
    results: dict[str, Scalar]

    def __post_init__(self) -> None:
        if set(self.files) not in _FILE_SETS:
            raise ValueError(f"files must be {_either()}, found {', '.join(sorted(self.files))}")
        if (self.form == "whole") != (not self.base):
            raise ValueError("base must be empty for a whole model, and only for one")

    @property
    def form(self) -> Form:
        """The form of the weights: an adapter, a delta or a whole model."""
        return next(form for form, names in FORMS.items() if set(names) == set(self.files))


def read_record(folder: Path) -> Record:
    """Read `record.json`, not the weights.

    Raises:
        WeightsError: It is missing or malformed.
    """
    return read_beside(folder / RECORD, Record, "no weights are shipped")


def read_beside(path: Path, kind: type[T], missing: str, as_what: str = "") -> T:
    """Read the record of a folder's content.

    Raises:
        WeightsError: It does not exist, with the message `missing`, or it is malformed.
    """
    try:
        return convert(read_json(path), kind)
    except FileNotFoundError:
        raise WeightsError(f"{missing} in {path.parent}: there is no {path.name}") from None
    except DocumentError as problem:
        raise WeightsError(f"cannot read {path}{as_what}: {problem}") from None


def read_verified(folder: Path, base: Mapping[str, str]) -> Record:
    """Read `record.json`, and check the shipped files and the given sha256s of the base against it.

    Raises:
        WeightsError: There is no record, the weights were made for another base, or the folder does
            not hold exactly the recorded files with the recorded hashes.
    """
    record = read_record(folder)
    present = _files_in(folder)
    if set(record.files) != set(present):
        raise WeightsError(
            f"{folder} holds {', '.join(present)}, but {RECORD} records "
            f"{', '.join(sorted(record.files))}; restore the folder from version control"
        )
    if record.base != dict(base):
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

    Raises:
        WeightsError: The folder holds weights of several forms or of none.
        ValueError: A number of the recipe or the results is not finite.
    """
    hashes = {name: file_sha256(folder / name) for name in _files_in(folder)}
    record = Record(hashes, dict(base), dict(recipe), dict(results))
    (folder / RECORD).write_bytes(indented(plain(record)))
    return record


def _files_in(folder: Path) -> list[str]:
    known = [name for names in FORMS.values() for name in names]
    present = [name for name in known if os.path.isfile(folder / name)]
    if set(present) not in _FILE_SETS:
        listed = ", ".join(present) or "none of them"
        raise WeightsError(f"{folder} must hold {_either()}; found {listed}")
    return present


def _either() -> str:
    return ", or ".join(" with ".join(names) for names in FORMS.values())
