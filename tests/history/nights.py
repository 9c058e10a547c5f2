"""A folder of runs, written as a real run is: the scores are chosen, all else is the store's."""

from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from analog_bench.history.database import History
from analog_bench.records import Measurement, Metric, Result, Scope
from analog_bench.store.run import Manifest, Run
from analog_bench.store.run_file import write_run

F1 = Metric("f1", "points", True, 1.0)
NATS = Metric("cross_entropy", "nats", False, 0.02)
FIRST = datetime(2026, 1, 1, 2, 0, tzinfo=timezone.utc)
RELEASE = {"aihwkit": "1.1.0", "torch": "2.11.0", "python": "3.11.7", "device": "cpu"}
COMMIT = "c" * 40


def result(scores, *, layers="head", drift_s=0.0, fingerprint=(0.5,), noise="white_output:std=1"):
    """Return the result of a case: one chip a score."""
    return Result(
        case_id=f"bert/{layers}/{noise}" + (f"/{drift_s:g}s/torch" if drift_s else ""),
        study="layer_noise", model="bert", group=layers, noise=noise, drift_s=drift_s,
        tile="torch" if drift_s else "none", hardware="ideal", variant="direct", case_version=1,
        protocol="p" * 16, weights="w" * 64, seed=1, status="measured", reason="",
        digital={"f1": 80.0}, chance={"f1": 5.0},
        chips=tuple(
            Measurement(n, {"f1": float(score)}, {}, tuple(x + n for x in fingerprint), 1.0)
            for n, score in enumerate(scores)
        ),
    )  # fmt: skip


def in_nats(one):
    """Return the result in cross-entropy: a point of F1 less is a hundredth of a nat more."""
    return replace(
        one,
        digital={"cross_entropy": 3.0},
        chance={"cross_entropy": 8.0},
        chips=tuple(
            replace(chip, scores={"cross_entropy": 3.0 + (80.0 - chip.scores["f1"]) / 100})
            for chip in one.chips
        ),
    )


def write_night(folder, night, results, *, metrics=(F1,), margins=None, commit=COMMIT, **facts):
    """Write one night's run, and return its file; the first metric is the main one."""
    created = FIRST + timedelta(days=night)
    manifest = Manifest(created.isoformat(), 1, "pytest bench", {**RELEASE, **facts}, commit, {})
    pairs = sorted({(r.study, r.model) for r in results})
    main = metrics[0].name
    scopes = tuple(Scope(*pair, "why?", "embedded", 96, main, margins or {}) for pair in pairs)
    path = folder / f"bench-{created:%Y%m%d-%H%M%S}.json"
    known = {metric.name: metric for metric in metrics}
    write_run(path, Run(manifest, known, scopes, tuple(results)))
    return path


def skipped(one):
    return replace(one, status="skipped", reason="no C++ tile here", chips=())


def broken(one):
    return replace(one, status="broken", reason="chip 1 scored nan", chips=())


def history_of(*paths):
    """Return the history of files that can all be read."""
    return History(paths, pytest.fail)


def rows_by_column(history):
    """Return all rows, sorted, each with its columns."""
    return sorted(history.table().to_pylist(), key=repr)
