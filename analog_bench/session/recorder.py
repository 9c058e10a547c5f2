"""Collects the results of a session, wherever they were measured, and writes and shows them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from analog_bench.codec import convert
from analog_bench.errors import StoreError
from analog_bench.records import Identity, Result, Scope
from analog_bench.session.settings import Settings
from analog_bench.store.baseline import Change, DigitalEntry, Provenance
from analog_bench.store.baseline_file import update_cases, update_digital
from analog_bench.store.environment import checkout_commit, collect_environment, resume_conflicts
from analog_bench.store.journal import Journal
from analog_bench.store.journal_file import newest_interrupted
from analog_bench.store.run import Group, Manifest, Run, groups_of
from analog_bench.store.run_file import write_run
from analog_bench.tasks.metrics import METRICS


class Record(Struct, frozen=True):
    """One case's result on its way from the test to the session."""

    result: Result
    scope: Scope

    @property
    def mean_score(self) -> float | None:
        """Mean of the main metric over the initial chips; None where one of them has no score."""
        return self.result.score(self.scope.main_metric)

    def as_words(self) -> list[tuple[str, str]]:
        """Return the facts of the result that other programs read as properties of its test."""
        result, metric = self.result, self.scope.main_metric
        words = {"case": result.case_id, "study": result.study, "metric": metric}
        if metric in result.digital:
            words["digital"] = f"{result.digital[metric]:.6g}"
        if self.mean_score is not None:
            words["score"] = f"{self.mean_score:.6g}"
        words["chips"] = str(len(result.chips))
        return list(words.items())


class Recorder:
    """Gathers records; every number in files and tables comes from here."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings = settings
        self.environment: dict[str, Any] = {}
        self._records: dict[Identity, Record] = {}
        self._runs = root / "runs"
        self._journal: Journal | None = None
        program = Path(sys.argv[0]).name.replace("__main__.py", "pytest")  # as python -m has it
        self._started = Manifest(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            seed=settings.seed,
            command=shlex.join([program, *sys.argv[1:]]),
            environment=collect_environment({}),
            commit=checkout_commit(),
            options=dict(settings.given),
        )

    @property
    def path(self) -> Path | None:
        """Where the results go; None before it is known."""
        return self._journal.run_file if self._journal else self.settings.json

    @property
    def results(self) -> list[Result]:
        """All results so far, those of a resumed run included."""
        return [record.result for record in self._records.values()]

    def begin(self) -> None:
        """Open the journal, of a new run or of the one to resume.

        Raises:
            StoreError: Results could not be written, or the run cannot be resumed.
        """
        if self._journal is not None:
            return
        if self.settings.resume:
            self._resume()
        elif self.settings.json is not None:
            self._journal = Journal.create(self.settings.json, self._started)
        else:
            created = datetime.fromisoformat(self._started.created)
            self._journal = Journal.create_in(self._runs, created, self._started)

    def _resume(self) -> None:
        run_file = self.settings.json or newest_interrupted(self._runs)
        if run_file is None:
            raise StoreError(
                f"there is nothing to resume: {str(self._runs)!r} holds no interrupted run; start "
                "one without --resume, or name its file with --json"
            )
        journal = Journal.resume(run_file)
        conflicts = resume_conflicts(journal.held.manifest, self._started)
        if conflicts:
            journal.close()
            raise StoreError(
                f"cannot resume {str(run_file)!r}, its numbers would not go together: {conflicts}"
            )
        self._journal = journal
        first = journal.held.manifest
        self._started = replace(self._started, created=first.created, command=first.command)
        for entry in journal.held.entries:
            self._records[entry.result.identity] = Record(entry.result, entry.scope)

    def add(self, sent: Mapping[str, Any]) -> Record:
        """Take a record in; it is on the disk when this returns.

        Raises:
            StoreError: It cannot be written.
        """
        record = convert(sent, Record)
        self._records[record.result.identity] = record
        self.begin()
        if self._journal is not None:
            self._journal.append(record.result, record.scope)
        return record

    def manifest(self) -> Manifest:
        """Return where, when and how this run is made."""
        return replace(self._started, environment=collect_environment(self.environment))

    def write(self) -> None:
        """Write the results file; nothing else is needed to judge the run.

        Raises:
            StoreError: The file cannot be written; the journal stays.
        """
        if self._journal is None:
            return
        write_run(self._journal.run_file, self.run())
        self._journal.finish()

    def run(self) -> Run:
        """Return all that the run leaves behind, so far."""
        names = sorted({name for result in self.results for name in result.scored})
        return Run(
            manifest=self.manifest(),
            metrics={name: METRICS[name] for name in names},
            scopes=tuple(group.scope for group in self.groups()),
            results=tuple(self.results),
        )

    def close(self) -> None:
        """Let go of the journal; it stays for a resume where the results were not written."""
        if self._journal is not None:
            self._journal.close()

    def groups(self) -> tuple[Group, ...]:
        """Return the results by study and model."""
        scopes = {record.scope.study_and_model: record.scope for record in self._records.values()}
        return groups_of(scopes.values(), self.results, METRICS)


def store_baselines(groups: Iterable[Group], provenance: Provenance, root: Path) -> list[Change]:
    """Store what was measured as the new baselines; whatever it does not mention stays.

    Skipped and broken results are left out. Returns what changed.

    Raises:
        BaselineError: A baseline file is corrupt or cannot be written.
    """
    changes: list[Change] = []
    for group in groups:
        measured = [result for result in group.results if result.status == "measured"]
        changes += update_cases(root, measured, provenance)
        if group.digital is None:
            continue
        entry = DigitalEntry(
            protocol=group.digital.protocol,
            weights=group.digital.weights,
            examples=group.scope.examples,
            scores=group.digital.digital,
            provenance=provenance,
        )
        changes += update_digital(root, group.scope.model, entry)
    return changes


def by_identity(results: Iterable[Result]) -> dict[Identity, Result]:
    """Return results by what tells them apart."""
    return {result.identity: result for result in results}
