"""Where weights from hardware-aware training are kept, and their record. Needs no torch.

Such a folder holds `delta.safetensors`, the change that training made to the digital model, and a
`record.json` with the fingerprint of the digital weights that the change belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analog_bench.errors import WeightsError
from analog_bench.zoo.record import FORMS, RECORD, WEIGHTS, Scalar

DELTA = FORMS["delta"][0]
"""The file with the change."""
_KEYS = ("direct", "files", "input_ranges", "recipe", "results")


@dataclass(frozen=True)
class HwaRecord:
    """What is known of weights from hardware-aware training.

    Attributes:
        files: Each file's sha256.
        direct: Fingerprint of the digital weights that training started from.
        input_ranges: Layer name to the learned static input range of each of its tiles, in
            aihwkit's order; empty where none were learned.
        recipe: How the weights were trained.
        results: What was measured with them.
    """

    files: Mapping[str, str]
    direct: str
    input_ranges: Mapping[str, tuple[float, ...]]
    recipe: Mapping[str, Scalar]
    results: Mapping[str, Scalar]


def shipped_hwa(model: str) -> Path:
    """Return where an embedded model's shipped HWA weights are, whether or not they are there."""
    return WEIGHTS / model / "hwa"


def is_hwa(folder: Path) -> bool:
    """Return whether a folder holds HWA weights, by its record alone; the weights are not read."""
    try:
        document = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return False
    return isinstance(document, dict) and set(document) == set(_KEYS)


def read_hwa_record(folder: Path) -> HwaRecord:
    """Read `record.json`, without looking at the weights.

    Args:
        folder: Where the weights are.

    Returns:
        The record.

    Raises:
        WeightsError: There is none, or it is not in the form `record_json` writes.
    """
    path = folder / RECORD
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"no HWA weights in {folder}: there is no {RECORD}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
        raise WeightsError(f"cannot read {path}: {problem}") from None
    if not isinstance(document, dict) or set(document) != set(_KEYS):
        raise WeightsError(
            f"{path} is not that of HWA weights: the entries {', '.join(_KEYS)} are expected, and "
            "no others"
        )
    files, recipe, results = (_plain(document, key, path) for key in ("files", "recipe", "results"))
    if set(files) != {DELTA} or not _is_sha(files[DELTA]):
        raise WeightsError(f"{path}: files must give the sha256 of {DELTA}")
    if not _is_sha(document["direct"]):
        raise WeightsError(f"{path}: direct must be a fingerprint of 64 digits")
    return HwaRecord(files, document["direct"], _ranges(document, path), recipe, results)


def record_json(record: HwaRecord) -> str:
    """Return the text of `record.json`."""
    document = {
        "files": dict(record.files),
        "direct": record.direct,
        "input_ranges": {name: list(ranges) for name, ranges in record.input_ranges.items()},
        "recipe": dict(record.recipe),
        "results": dict(record.results),
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _is_sha(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64


def _ranges(document: Mapping[str, Any], path: Path) -> dict[str, tuple[float, ...]]:
    node = document["input_ranges"]
    good = isinstance(node, dict) and all(
        isinstance(ranges, list)
        and ranges
        and all(isinstance(value, float) and 0 < value < float("inf") for value in ranges)
        for ranges in node.values()
    )
    if not good:
        raise WeightsError(
            f"{path}: input_ranges must give a list of numbers above 0 for each layer"
        )
    return {name: tuple(ranges) for name, ranges in node.items()}


def _plain(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    node = document[key]
    if not isinstance(node, dict) or not all(
        isinstance(value, (str, int, float)) for value in node.values()
    ):
        raise WeightsError(f"{path}: {key} must be an object of plain values")
    return node
