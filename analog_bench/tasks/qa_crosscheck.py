"""Check the scores against the `evaluate` library's own SQuAD metric, if it is available."""

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

# How a script tells `evaluate` to download an import.
_REMOTE_IMPORT = re.compile(r"#\s*from:", re.IGNORECASE)
_NAMES: Mapping[str, str] = {"f1": "f1", "em": "exact_match"}


def crosscheck(
    answers: Sequence[str],
    questions: Dataset,
    scores: Mapping[str, Iterable[float]],
    module: str = "squad",
) -> bool:
    """Compare F1 and EM over all questions with the `evaluate` library's metric, if available.

    No code is ever downloaded. Only two kinds of metric are run: one that `evaluate` has loaded on
    this machine before (a bare name), and one in a folder `NAME` with a script `NAME.py` whose path
    the caller gives. The library itself is imported only then. Scores are in points.

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
        # Negated, so that NaN fails too.
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
        # A bare name never means a folder in the working directory.
        cached = Path(hub_folders.HF_MODULES_CACHE) / "evaluate_modules" / "metrics"
        found = sorted(
            cached.glob(f"evaluate-metric--{module}/*/{module}.py"), key=os.path.getmtime
        )
    return found[-1] if found and os.path.isfile(found[-1]) else None


def _loaded(script: Path) -> Any | None:
    # `evaluate` fetches such imports even for a local script, whatever its settings.
    if _REMOTE_IMPORT.search(read_regular(script).decode()):
        return None
    # Deferred: it takes seconds, and most machines hold no metric to compare with.
    import evaluate
    from evaluate.utils.file_utils import DownloadConfig

    try:
        return evaluate.load(
            str(script), keep_in_memory=True, download_config=DownloadConfig(local_files_only=True)
        )
    # An import of the script is not installed, or not beside it.
    except (ImportError, FileNotFoundError):
        return None
