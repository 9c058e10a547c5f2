"""Collects the results of a session, wherever they were measured, and writes and shows them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import structs

from analog_bench.codec import convert
from analog_bench.errors import StoreError
from analog_bench.records import Identity, Result
from analog_bench.session.own_code import sources_of_run
from analog_bench.session.settings import Settings
from analog_bench.spelling import counted
from analog_bench.store.baseline_file import check_updatable
from analog_bench.store.environment import collect_environment, new_manifest, resume_conflicts
from analog_bench.store.journal import Journal
from analog_bench.store.journal_file import journal_path, newest_interrupted, read_journal
from analog_bench.store.run import (
    AGAIN,
    SHARD_OPTION,
    Incomplete,
    Manifest,
    Record,
    Run,
    Sources,
    Unmeasured,
    by_identity,
    timeless,
)
from analog_bench.store.run_file import holds_anything, read_run, target_of, write_run
from analog_bench.store.shard import shard_of, without_shard
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.zoo.model_shape import ModelShape

CaseName: TypeAlias = tuple[str, str]
"""Study and id of a case."""


class Recorder:
    """Gathers records; every number in files and tables comes from here.

    Attributes:
        notes: What the user is to know of the results that came, a line each.
        results_file: The results file, once it is written.
        earlier: What the run that is resumed had measured.
        selection: Of a shard, the fingerprint of what was selected in all.
        shapes: What the models compute that energies are worked out of, by their names.
    """

    def __init__(self, settings: Settings, root: Path, command: str) -> None:
        self.settings = settings
        self.environment: dict[str, Any] = {}
        self.notes: list[str] = []
        self.results_file: Path | None = None
        self.earlier: Mapping[Identity, Result] = {}
        self.selection = ""
        self.shapes: Mapping[str, ModelShape] = {}
        self._records: dict[Identity, Record] = {}
        self._selected: dict[CaseName, None] = {}
        self._settled: dict[CaseName, str] = {}
        self._failed_before: dict[CaseName, str] = {}
        self._benches: frozenset[Path] = frozenset()
        self._sources_before: Sources | None = None
        self._runs = root / "runs"
        self._journal: Journal | None = None
        self._started = new_manifest(settings.seed, command, {}, settings.given)

    @property
    def path(self) -> Path | None:
        """Where the results go; None before it is known."""
        return self._journal.run_file if self._journal else self.settings.json

    @property
    def journal(self) -> Path | None:
        """The journal, where it holds any result."""
        return self._journal.path if self._journal is not None and self._journal.count else None

    @property
    def results(self) -> list[Result]:
        """All results so far, those of a resumed run included."""
        return [record.result for record in self._records.values()]

    def begin(self) -> Journal:
        """Return the journal, of a new run or of the one to resume, opened where it is not yet.

        Raises:
            BaselineError: Baselines are to be updated, and could not be.
            StoreError: Results could not be written, or the run cannot be resumed.
        """
        if self._journal is None:
            if self.settings.update_baselines:
                check_updatable(self.settings.baselines)
            if self.settings.resume and not self._is_new_shard():
                self._journal = self._resumed()
            elif self.settings.json is not None:
                self._journal = Journal.create(self.settings.json, self._started)
            else:
                created = datetime.fromisoformat(self._started.created)
                self._journal = Journal.create_in(self._runs, created, self._started)
        return self._journal

    def finished_shard(self) -> str:
        """Say that the shard to resume has been measured; empty where it has not, or is none.

        A scheduler starts a shard again with the same command line. StoreError where the results
        file is of another shard or run.
        """
        file = self._shard_to_resume
        if file is None or not holds_anything(file):
            return ""
        run = read_run(file)
        if run.incomplete is not None:
            return ""
        stored, shard = shard_of(run.manifest), self.settings.shard
        conflicts = resume_conflicts(without_shard(run.manifest), without_shard(self._started))
        if str(stored) != str(shard):
            conflicts = f"--shard was {stored or 'not given'}, is {shard}"
        if conflicts:
            raise StoreError(f"{str(file)!r} holds the results of another run: {conflicts}")
        return f"shard {shard} is complete: {counted(len(run.results), 'case')} in {str(file)!r}"

    @property
    def _shard_to_resume(self) -> Path | None:
        settings = self.settings
        return settings.json if settings.resume and settings.shard is not None else None

    def _is_new_shard(self) -> bool:
        """Return whether a shard to resume has no result yet, and so begins; raises StoreError."""
        file = self._shard_to_resume
        if file is None:
            return False
        target = target_of(file)
        held = read_journal(target) if os.path.lexists(journal_path(target)) else None
        return held is None or not held.entries

    def _resumed(self) -> Journal:
        run_file = self.settings.json or newest_interrupted(self._runs)
        if run_file is None:
            raise StoreError(
                f"there is nothing to resume: {str(self._runs)!r} holds no interrupted run; start "
                "one without --resume, or name its file with --json"
            )
        journal = Journal.resume(run_file)
        try:
            conflicts = resume_conflicts(journal.held.manifest, self._started)
            if conflicts:
                raise StoreError(
                    f"cannot resume {str(run_file)!r}, its numbers would not go together: "
                    f"{conflicts}"
                )
            if journal.held.lost:
                self.notes.append(
                    f"the journal is damaged ({journal.held.lost}): "
                    f"{counted(len(journal.held.entries), 'result')} of it are used, and it is "
                    f"kept as {journal.mend()}"
                )
        except StoreError:
            journal.close()
            raise
        first = journal.held.manifest
        self._started = structs.replace(
            self._started, created=first.created, command=first.command, sources=first.sources
        )
        self._sources_before = first.sources
        self._records |= {entry.result.identity: entry for entry in journal.held.entries}
        self.earlier = by_identity(self.results)
        # Without that file the run was killed before it could say what failed.
        with suppress(StoreError):
            incomplete = read_run(journal.run_file).incomplete
            for case in incomplete.cases if incomplete is not None else ():
                self._failed_before[case.study, case.case_id] = case.reason.removeprefix(AGAIN)
        self._selected = dict.fromkeys(journal.held.selected)
        return journal

    def select(self, cases: Iterable[CaseName], benches: Iterable[Path] = ()) -> None:
        """Note which cases are to be measured, so that a run that is stopped knows what it lacks.

        The bench files that list them are read now. Raises as `begin`.
        """
        named = dict.fromkeys(cases)
        if not named:
            return
        journal = self.begin()
        if not named.keys() <= self._selected.keys():
            journal.select(named)
            self._selected |= named
        read = frozenset(benches)
        if not read <= self._benches:
            self._benches |= read
            sources = sources_of_run(self._benches, self.settings, self._sources_before)
            self._started = structs.replace(self._started, sources=sources)
            journal.describe(self._started)

    def settle(self, case: CaseName, failure: str) -> None:
        """Note that the test of a case is over, and why it failed; an empty reason if it did not.

        A case without a result is missing if all its tests failed.
        """
        self._settled[case] = failure if self._settled.get(case, failure) else ""

    def add(self, sent: Mapping[str, Any]) -> Record:
        """Take a record in; it is on the disk when this returns, or a StoreError says why not.

        A case may come several times, if tests are repeated or the resumed run had it. One result
        counts, and a note says so if another differs in more than its seconds.
        """
        record = convert(sent, Record)
        which = record.result.identity
        first = self._records.get(which)
        if first is None or (record != first and not self._stays(first.result, record.result)):
            # First: where the journal cannot be written, the results file still may be.
            self._records[which] = record
            self.begin().append(record.result, record.scope)
        elif timeless(first.result) != timeless(record.result):
            again = f"{which[1]} {which[0]} came again, {record.result.status}"
            note = f"{again} with other values: the first result counts"
            self.notes += [note] if note not in self.notes else []
        return record

    def _stays(self, first: Result, new: Result) -> bool:
        """Return whether the first of two results of a case counts."""
        measured = first.status == "measured", new.status == "measured"
        if measured[0] != measured[1]:
            return measured[0]
        # What the resumed run had, and is measured again, could not serve.
        return self.earlier.get(first.identity) is not first

    def manifest(self) -> Manifest:
        """Return where, when and how this run is made."""
        options = dict(self._started.options)
        if self.settings.shard is not None:
            options[SHARD_OPTION] = self.settings.shard.spelt_with(self.selection)
        known = collect_environment(self.environment)
        return structs.replace(self._started, environment=known, options=options)

    def write(self, run: Run) -> None:
        """Write the results file: nothing else is needed to judge the run. Raises StoreError.

        The journal goes with it unless the run is incomplete.
        """
        if self._journal is None:
            return
        write_run(self._journal.run_file, run)
        self.results_file = self._journal.run_file
        if run.incomplete is None:
            self._journal.finish()

    def run(self, command: str) -> Run:
        """Return all that the run leaves behind, so far; `command` would complete it."""
        measured = {(result.study, result.case_id) for result in self.results}
        missing = tuple(
            Unmeasured(*case, self._failure_of(case))
            for case in self._selected
            # Its test passed, or was skipped: there was nothing to measure.
            if case not in measured and self._settled.get(case, "nothing yet")
        )
        incomplete = Incomplete(missing, command) if missing else None
        return run_of(self._records.values(), self.manifest(), self.shapes, incomplete)

    def _failure_of(self, case: CaseName) -> str:
        """Return why the test of a case failed, and whether it did before; empty where not."""
        failure = self._settled.get(case, "")
        again = failure and self._failed_before.get(case) == failure
        return f"{AGAIN}{failure}" if again else failure

    def close(self) -> None:
        """Let go of the journal; it stays for a resume where the run is not complete."""
        if self._journal:
            self._journal.close()


def run_of(
    records: Collection[Record],
    manifest: Manifest,
    shapes: Mapping[str, ModelShape],
    incomplete: Incomplete | None = None,
) -> Run:
    """Return records as the run that they are all of."""
    results = tuple(record.result for record in records)
    scopes = {record.scope.study_and_model: record.scope for record in records}.values()
    names = {name for result in results for name in result.scored}
    names = names.union(*([scope.main_metric, *scope.margins] for scope in scopes))
    metrics = {name: METRICS[name] for name in sorted(names)}
    return Run(manifest, metrics, tuple(scopes), results, incomplete, shapes)
