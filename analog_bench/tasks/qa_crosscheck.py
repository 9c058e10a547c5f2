"""The scores once more, by the `evaluate` library's own SQuAD metric, where that is at hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from datasets import Dataset
from datasets import config as hub_folders

from analog_bench.errors import DataError
from analog_bench.regular_file import read_regular

TOLERANCE = 1e-6
"""Points by which the two aggregates may differ: rounding only."""

# How `evaluate` is told to download what a script imports.
_REMOTE_IMPORT = re.compile(r"#\s*from:", re.IGNORECASE)
_NAMES: Mapping[str, str] = {"f1": "f1", "em": "exact_match"}


def crosscheck(
    answers: Sequence[str],
    questions: Dataset,
    scores: Mapping[str, Iterable[float]],
    module: str = "squad",
) -> bool:
    """Compare F1 and EM over all questions with the `evaluate` library's metric, if it is at hand.

    No code is ever downloaded: only a metric that `evaluate` has loaded on this machine before (a
    bare name), or one in a folder `NAME` with a script `NAME.py` that the caller gives the path of,
    is run. The library itself is imported only then. Scores are in points.

    Raises:
        DataError: The aggregates differ by more than `TOLERANCE` points.
    """
    script = _script(module)
    metric = _loaded(script) if script else None
    if metric is None:
        return False
    found: Mapping[str, Any] = metric.compute(
        predictions=[
            {"id": identity, "prediction_text": answer}
            for identity, answer in zip(questions["id"], answers, strict=True)
        ],
        references=[
            {"id": identity, "answers": gold}
            for identity, gold in zip(questions["id"], questions["answers"], strict=True)
        ],
    )
    for ours, theirs in _NAMES.items():
        mean, expected = fmean(scores[ours]), float(found[theirs])
        # Written so that a score that is not a number fails too.
        if not abs(mean - expected) <= TOLERANCE:
            raise DataError(
                f"{ours} is {mean:.9g} points here but {expected:.9g} by the metric {script}: "
                "one of the two does not score as SQuAD v1.1 does; check the metric, or report it"
            )
    return True


def _script(module: str) -> Path | None:
    path = Path(module)
    if path.name != module:
        found = [path / f"{path.name}.py"]
    else:
        # A bare name never means a folder that happens to lie in the working directory.
        cached = Path(hub_folders.HF_MODULES_CACHE) / "evaluate_modules" / "metrics"
        found = sorted(
            cached.glob(f"evaluate-metric--{module}/*/{module}.py"), key=os.path.getmtime
        )
    return found[-1] if found and os.path.isfile(found[-1]) else None


def _loaded(script: Path) -> Any | None:
    # `evaluate` fetches such imports even for a script that is here, and whatever it is told.
    if _REMOTE_IMPORT.search(read_regular(script).decode()):
        return None
    # Imported here: it takes seconds, and most machines hold no metric to compare with.
    import evaluate
    from evaluate.utils.file_utils import DownloadConfig

    try:
        return evaluate.load(
            str(script), keep_in_memory=True, download_config=DownloadConfig(local_files_only=True)
        )
    # What the script imports is not installed, or not beside it.
    except (ImportError, FileNotFoundError):
        return None
