"""The folder of weights from hardware-aware training, and their record. Needs no torch.

Such a folder holds `delta.safetensors`, the change that training made to the digital model, and a
`record.json` with the fingerprint of the digital weights to which the change belongs.
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
    """The `record.json` of weights from hardware-aware training.

    Attributes:
        files: The sha256 of `delta.safetensors`.
        direct: Fingerprint of the digital weights that training started from.
        input_ranges: Layer name to the learned static input range of each of its tiles, in
            aihwkit's order; empty if none were learned.
        recipe: How the weights were trained.
        results: Scores measured with them.
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
    """Return the path of an embedded model's shipped HWA weights, whether or not they exist."""
    return WEIGHTS / model / "hwa"


def is_hwa(folder: Path) -> bool:
    """Return whether a folder holds HWA weights, from its record; the weights are not read."""
    try:
        document = read_json(folder / RECORD)
    except (FileNotFoundError, DocumentError):
        return False
    return isinstance(document, dict) and set(document) == set(HwaRecord.__struct_fields__)


def read_hwa_record(folder: Path) -> HwaRecord:
    """Read `record.json`, not the weights.

    Raises:
        WeightsError: It is not the record of HWA weights.
    """
    return read_beside(folder / RECORD, HwaRecord, "no HWA weights", " as that of HWA weights")
