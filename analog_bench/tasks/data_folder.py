"""The user's folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

DATA_VARIABLE = "ANALOG_BENCH_DATA"
"""Environment variable that names it."""


def data_folder() -> Path | None:
    """Return the folder that `ANALOG_BENCH_DATA` names, None where it is not set."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else None
