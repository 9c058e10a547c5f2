"""The file of a search: optuna's own storage in SQLite.

SQLite writes in transactions, and its locks end with the process: after a SIGKILL the file is whole
and can be used at once.
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.storages import RDBStorage
from sqlalchemy.exc import DatabaseError

from analog_bench.errors import StoreError, UsageError
from analog_bench.hwa.claim import changes
from analog_bench.hwa.sampler import SearchPlan

STORAGE = "search.db"
"""The file in a search's folder with all trials; optuna's dashboard opens it."""
STUDY = "search"
"""The name of the study in the file."""
REDUCTION = 3
"""At each of Hyperband's rungs one trial in so many goes on."""
_LOCK = "search.lock"


@contextmanager
def open_study(
    folder: Path, plan: SearchPlan, made_with: Mapping[str, Any]
) -> Iterator[optuna.Study]:
    """Open a folder's study, or start one; no other process can use it meanwhile.

    Args:
        folder: Of the storage; made where there is none.
        plan: How to search.
        made_with: Everything that the values depend on, as plain values.

    Raises:
        UsageError: The study was made with something else, or another process is using it.
        StoreError: The storage cannot be read or written.
    """
    with _quiet_optuna(), _store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            storage = _storage(folder / STORAGE)
            try:
                study = optuna.create_study(
                    storage=storage,
                    study_name=STUDY,
                    pruner=_pruner(plan),
                    direction=plan.direction,
                    load_if_exists=True,
                )
                _claim(study, _fixed(plan, made_with), folder)
                yield study
            finally:
                storage.engine.dispose()


def _storage(path: Path) -> RDBStorage:
    # The URL only names the dialect: as part of it, a path with ?, % or braces would be another.
    connect = partial(sqlite3.connect, path, check_same_thread=False)
    return RDBStorage(f"sqlite:///{STORAGE}", engine_kwargs={"creator": connect})


def _claim(study: optuna.Study, fixed: Mapping[str, Any], folder: Path) -> None:
    before = study.user_attrs.get("made_with")
    if before is None:
        study.set_user_attr("made_with", fixed)
    elif before != fixed:
        raise UsageError(
            f"the search in {folder} was made with something else ({changes(before, fixed)}); go "
            "on with that or choose another folder"
        )


def _fixed(plan: SearchPlan, made_with: Mapping[str, Any]) -> dict[str, Any]:
    # Without the number of trials, which may change between calls.
    fixed = {
        **made_with,
        "direction": plan.direction,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "reports": plan.steps,
        "search_seed": plan.seed,
    }
    plain: dict[str, Any] = json.loads(json.dumps(fixed))
    return plain


def _pruner(plan: SearchPlan) -> BasePruner:
    if plan.pruner == "none":
        return NopPruner()
    return HyperbandPruner(min_resource=1, max_resource=plan.steps, reduction_factor=REDUCTION)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield
    except Timeout:
        raise UsageError(
            f"another process is searching in {folder}; wait for it to end, or choose another "
            "folder"
        ) from None


@contextmanager
def _store_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (DatabaseError, optuna.exceptions.StorageInternalError) as problem:
        why = str(problem.__cause__ or problem).partition("\n")[0]
        raise StoreError(
            f"cannot use {folder / STORAGE}: {why}; restore it or choose another folder"
        ) from None


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    # It logs what the watchers are told, and that a study was made for each proposal.
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
