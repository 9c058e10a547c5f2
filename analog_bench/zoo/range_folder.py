"""Input ranges of one model on one hardware, stored in a folder. Needs no torch.

`analog-bench calibrate` writes them. Runs of the variant `calibrated` and hardware-aware training
can start from them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from msgspec import Struct

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import indented, plain
from analog_bench.errors import UsageError
from analog_bench.zoo.weight_record import Ranges, Scalar, Sha256, read_beside

RangeMethod = Literal["sigma", "quantile", "fit", "max"]
"""Methods to find input ranges; see `analog.input_ranges.calibrate`."""
DEFAULT_METHOD: RangeMethod = "fit"
RANGES = "ranges.json"


class RangeRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `ranges.json`.

    Attributes:
        direct: Fingerprint of the digital weights that the ranges are for.
        tile: The simulator.
        hardware: The preset of the tiles.
        input_ranges: Layer name to the static input range of each of its tiles, in aihwkit's order.
        recipe: The method and the data that they come from.
    """

    direct: Sha256
    tile: str
    hardware: str
    input_ranges: Ranges
    recipe: dict[str, Scalar]

    @property
    def fingerprint(self) -> str:
        """A sha256 of the ranges."""
        ranges = json.dumps(plain(self)["input_ranges"], sort_keys=True)
        return hashlib.sha256(ranges.encode()).hexdigest()

    def check_hardware(self, tile: str, hardware: str | None, folder: Path) -> None:
        """Check that the ranges were fitted to this hardware.

        Raises:
            UsageError: They were fitted to other hardware.
        """
        if (tile, hardware) != (self.tile, self.hardware):
            raise UsageError(
                f"the input ranges in {folder} were fitted to {self.hardware} (tile {self.tile}), "
                f"not to {hardware} (tile {tile}); calibrate for that into another folder"
            )


def read_ranges(folder: Path) -> RangeRecord:
    """Read `ranges.json`.

    Raises:
        WeightsError: It is missing or does not hold ranges.
    """
    return read_beside(folder / RANGES, RangeRecord, "no input ranges", " as input ranges")


def write_ranges(folder: Path, record: RangeRecord) -> None:
    """Write `ranges.json`, replacing the existing one."""
    write_atomic(folder / RANGES, indented(plain(record)))
