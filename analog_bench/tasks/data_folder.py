"""The user's folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

from analog_bench.errors import UsageError

DATA_VARIABLE = "ANALOG_BENCH_DATA"
"""Environment variable that names it."""
SQUAD_FILE, TRAINING_FILE = "squad/dev-v1.1.json", "squad/train-v1.1.json"
"""Where in it the questions to score and to train on are."""
ANALOGNAS_FILE = "analognas/analognasbench_full.csv.gz"
"""Where in it AnalogNAS-Bench is."""
WIKITEXT_SHIPPED = "wiki.test.raw"
"""What WikiText's test split is called in the folder that it is shipped in."""
WIKITEXT_FILES = (
    "wikitext-2/test.txt",
    f"wikitext-2-raw/{WIKITEXT_SHIPPED}",
    f"wikitext-2/{WIKITEXT_SHIPPED}",
)
"""Where WikiText-2's test split may be; the first that is there is taken."""


def data_folder() -> Path | None:
    """Return the folder that `ANALOG_BENCH_DATA` names, None where it is not set."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else None


def training_file() -> Path:
    """Return where the questions to train on should be; `UsageError` without ANALOG_BENCH_DATA."""
    folder = data_folder()
    if folder is None:
        raise UsageError(
            f"no data to train on: give --data a SQuAD v1.1 JSON file, or set {DATA_VARIABLE} to "
            f"a folder with {TRAINING_FILE}"
        )
    return folder / TRAINING_FILE
