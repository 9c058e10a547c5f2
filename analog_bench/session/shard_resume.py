"""A shard that a scheduler starts again: each start has the same command line, with `--resume`."""

from __future__ import annotations

import os
from pathlib import Path

from analog_bench.errors import StoreError
from analog_bench.session.settings import Settings
from analog_bench.spelling import counted
from analog_bench.store.environment import resume_conflicts
from analog_bench.store.journal_file import journal_path, load_journal
from analog_bench.store.run import Manifest
from analog_bench.store.run_file import holds_anything, read_run, target_of
from analog_bench.store.shard import shard_of, without_shard


def finished_shard(settings: Settings, present: Manifest) -> str:
    """Say that the shard to resume has been measured; empty where it has not, or is none.

    StoreError where the results file is of another shard or run.
    """
    file, shard = _file_to_resume(settings), settings.shard
    if file is None or not holds_anything(file):
        return ""
    run = read_run(file)
    if run.incomplete is not None:
        return ""
    stored = shard_of(run.manifest)
    conflicts = resume_conflicts(without_shard(run.manifest), without_shard(present))
    if str(stored) != str(shard):
        conflicts = f"--shard was {stored or 'not given'}, is {shard}"
    if conflicts:
        raise StoreError(f"{str(file)!r} holds the results of another run: {conflicts}")
    return f"shard {shard} is complete: {counted(len(run.results), 'case')} in {str(file)!r}"


def is_new_shard(settings: Settings) -> bool:
    """Return whether a shard to resume has no result yet, and so begins; raises StoreError."""
    file = _file_to_resume(settings)
    if file is None:
        return False
    if not os.path.lexists(journal_path(target_of(file))):
        return True
    held = load_journal(target_of(file))
    return held is None or not held.entries


def _file_to_resume(settings: Settings) -> Path | None:
    return settings.json if settings.resume and settings.shard is not None else None
