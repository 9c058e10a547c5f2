"""Sources of questions: the embedded set, a file, the user's folder of real data, the hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from analog_bench.errors import DataError, did_you_mean
from analog_bench.tasks.data_files import read_columns
from analog_bench.tasks.data_folder import SQUAD_FILE
from analog_bench.tasks.squad_files import EMBEDDED, FEATURES, read_squad, squad_rows
from analog_bench.tasks.task import draw
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.zoo.hub_lock_and_fetch import SQUAD, fetch_dataset
from analog_bench.zoo.lock_file import read_lock


@dataclass(frozen=True)
class Questions:
    """Questions and the name that tables show for them."""

    name: str
    rows: Dataset


def load_questions(
    source: str, *, examples: int | None, data_folder: Path | None, lock: Path
) -> Questions:
    """Load questions and take a sample of them; all if `examples` is None.

    The sources are:

    - `embedded`: this package's own questions;
    - `squad`: the SQuAD v1.1 development set, from the data folder (ANALOG_BENCH_DATA) if there is
      one, else locked from the hub;
    - `hub`: the same, always from the hub;
    - the path of a SQuAD v1.1 JSON file.

    Raises:
        DataError: The file is missing or malformed, or there is no such source.
        UsageError: `examples` is below 1 or above the number of questions.
        WeightsError: The hub's file is not locked, unreachable, or not the locked one.
    """
    if source == "embedded":
        found = Questions("embedded", read_squad(EMBEDDED))
    elif source == "squad" and data_folder is not None:
        found = Questions("SQuAD dev", read_squad(data_folder / SQUAD_FILE))
    elif source in ("squad", "hub"):
        file = fetch_dataset(SQUAD, read_lock(lock))
        found = Questions("SQuAD dev", squad_rows(read_columns(file, list(FEATURES)), file))
    else:
        path = Path(source)
        if not path.suffix and not os.path.exists(path):
            hint = did_you_mean(source, KINDS["qa"].sources)
            raise DataError(f"no data called {source!r}, and no such file; {hint}")
        found = Questions(path.stem, read_squad(path))
    return found if examples is None else Questions(found.name, sample(found.rows, examples))


def sample(rows: Dataset, examples: int) -> Dataset:
    """Draw questions by their ids; see `task.draw`."""
    return rows.select(draw(rows["id"], examples, "questions"))
