"""The plan and storage of a search: an optuna study in a folder used by one process at a time."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.pruners import HyperbandPruner, NopPruner
from optuna.storages import RDBStorage
from sqlalchemy.exc import DatabaseError

from analog_bench.errors import StoreError, UsageError
from analog_bench.file_lock import ExclusiveLock, HeldError
from analog_bench.hwa.checkpoint_owner import changes

STORAGE = "search.db"
"""The file in a search's folder with all trials, which optuna's dashboard can open."""
STUDY = "search"
"""The name of the study in the file."""
REDUCTION = 3
"""One in this many trials continues at each of Hyperband's rungs."""


@dataclass(frozen=True)
class SearchPlan:
    """How to search.

    Attributes:
        trials: Final number of trials, including earlier ones and the default's.
        sampler: `tpe` (tree-structured Parzen estimator) or `gp` (Gaussian process, which learns
            only from complete trials).
        pruner: `hyperband`, with a third of the trials continuing at each rung, or `none`.
        steps: The objective's last step, at which nothing is pruned any more.
        seed: Seed of the proposals.
    """

    trials: int
    direction: Literal["minimize", "maximize"] = "minimize"
    sampler: Literal["tpe", "gp"] = "tpe"
    pruner: Literal["hyperband", "none"] = "hyperband"
    steps: int = 9
    seed: int = 0


@contextmanager
def open_study(
    folder: Path, plan: SearchPlan, made_with: Mapping[str, Any]
) -> Iterator[optuna.Study]:
    """Open a folder's study, or start one; no other process can use it meanwhile.

    The folder is created if it does not exist. The values must depend only on `made_with`, plain
    values.

    Raises:
        UsageError: The study was made with something else, or another process is using it.
        StoreError: The storage cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # Optuna logs what the watchers are told, and that a study was made for each proposal.
        stack.callback(optuna.logging.set_verbosity, optuna.logging.get_verbosity())
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            stack.enter_context(ExclusiveLock(folder / "search.lock", timeout_s=0.0))
        except HeldError:
            raise UsageError(
                f"another process is searching in {folder}; wait for it to end, or choose another "
                "folder"
            ) from None
        try:
            # The URL only names the dialect: ?, % or braces in it would change the path.
            connect = partial(sqlite3.connect, folder / STORAGE, check_same_thread=False)
            try:
                storage = RDBStorage(f"sqlite:///{STORAGE}", engine_kwargs={"creator": connect})
            except RuntimeError as problem:  # it is of another optuna, says this one
                raise optuna.exceptions.StorageInternalError(str(problem)) from None
            stack.callback(storage.engine.dispose)
            pruner = HyperbandPruner(
                min_resource=1, max_resource=plan.steps, reduction_factor=REDUCTION
            )
            study = optuna.create_study(
                storage=storage,
                study_name=STUDY,
                pruner=NopPruner() if plan.pruner == "none" else pruner,
                direction=plan.direction,
                load_if_exists=True,
            )
            _claim(study, plan, made_with, folder)
            yield study
        except (DatabaseError, optuna.exceptions.StorageInternalError) as problem:
            why = str(problem.__cause__ or problem).partition("\n")[0]
            raise StoreError(
                f"cannot use {folder / STORAGE}: {why}; restore it or choose another folder"
            ) from None


def _claim(
    study: optuna.Study, plan: SearchPlan, made_with: Mapping[str, Any], folder: Path
) -> None:
    # Without the number of trials, which may change between calls.
    fixed = {
        **made_with,
        "direction": plan.direction,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "reports": plan.steps,
        "search_seed": plan.seed,
    }
    fixed = json.loads(json.dumps(fixed))
    before = study.user_attrs.get("made_with")
    if before is None:
        study.set_user_attr("made_with", fixed)
    elif before != fixed:
        raise UsageError(
            f"the search in {folder} was made with something else ({changes(before, fixed)}); go "
            "on with that or choose another folder"
        )
