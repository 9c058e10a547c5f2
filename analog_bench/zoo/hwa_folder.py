"""Where weights from hardware-aware training are kept, and their record. Needs no torch.

Such a folder holds `delta.safetensors`, the change that training made to the digital model, and a
`record.json` with the fingerprint of the digital weights that the change belongs to.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from analog_bench.codec import DocumentError, read_json
from analog_bench.zoo.weight_record import (
    FORMS,
    RECORD,
    WEIGHTS,
    Ranges,
    Scalar,
    Sha256,
    read_beside,
)

DELTA = FORMS["delta"][0]
"""The file with the change."""


class HwaRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What `record.json` says of weights from hardware-aware training.

    Attributes:
        files: The sha256 of `delta.safetensors`.
        direct: Fingerprint of the digital weights that training started from.
        input_ranges: Layer name to the learned static input range of each of its tiles, in
            aihwkit's order; empty where none were learned.
        recipe: How the weights were trained.
        results: What was measured with them.
    """

    files: dict[str, Sha256]
    direct: Sha256
    input_ranges: Ranges
    recipe: dict[str, Scalar]
    results: dict[str, Scalar]

    def __post_init__(self) -> None:
        if set(self.files) != {DELTA}:
            raise ValueError(f"files must give the sha256 of {DELTA}, and of nothing else")


def shipped_hwa(model: str) -> Path:
    """Return where an embedded model's shipped HWA weights are, whether or not they are there."""
    return WEIGHTS / model / "hwa"


def is_hwa(folder: Path) -> bool:
    """Return whether a folder holds HWA weights, by its record alone; the weights are not read."""
    try:
        document = read_json(folder / RECORD)
    except (FileNotFoundError, DocumentError):
        return False
    return isinstance(document, dict) and set(document) == set(HwaRecord.__struct_fields__)


def read_hwa_record(folder: Path) -> HwaRecord:
    """Read `record.json`, not the weights; `WeightsError` where it is not that of HWA weights."""
    return read_beside(folder / RECORD, HwaRecord, "no HWA weights", " as that of HWA weights")
