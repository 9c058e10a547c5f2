"""The user's folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

from analog_bench.errors import UsageError

DATA_VARIABLE = "ANALOG_BENCH_DATA"
"""Environment variable that names the folder."""
SQUAD_FILE, TRAINING_FILE = "squad/dev-v1.1.json", "squad/train-v1.1.json"
"""Paths in the folder of the questions to score and to train on."""
ANALOGNAS_FILE = "analognas/analognasbench_full.csv.gz"
"""Path in the folder of AnalogNAS-Bench."""
WIKITEXT_SHIPPED = "wiki.test.raw"
"""Name of WikiText's test split in the folder as shipped."""
WIKITEXT_FILES = (
    "wikitext-2/test.txt",
    f"wikitext-2-raw/{WIKITEXT_SHIPPED}",
    f"wikitext-2/{WIKITEXT_SHIPPED}",
)
"""Possible paths of WikiText-2's test split; the first that exists is used."""


def data_folder() -> Path | None:
    """Return the folder that `ANALOG_BENCH_DATA` names; None if it is not set."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else None


def training_file() -> Path:
    """Return the expected path of the questions to train on.

    Raises:
        UsageError: ANALOG_BENCH_DATA is not set.
    """
    folder = data_folder()
    if folder is None:
        raise UsageError(
            f"no data to train on: give --data a SQuAD v1.1 JSON file, or set {DATA_VARIABLE} to "
            f"a folder with {TRAINING_FILE}"
        )
    return folder / TRAINING_FILE
