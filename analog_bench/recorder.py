"""Collects the results of a session, wherever they were measured, and writes and shows them."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from analog_bench.options import Settings
from analog_bench.result import Metric, Result, from_plain
from analog_bench.store.baseline import Change, DigitalEntry, Provenance
from analog_bench.store.baseline_file import update_cases, update_digital
from analog_bench.store.environment import checkout_commit, collect_environment
from analog_bench.store.run import Manifest, Run
from analog_bench.store.run_file import write_run
from analog_bench.tasks.metrics import METRICS

PROPERTY = "analog_bench"
_WRITE_EVERY_S = 5.0


@dataclass(frozen=True)
class Record:
    """One case's result on its way from the test to the session.

    Attributes:
        result: The result, as plain values.
        data: Name of the examples.
        examples: Number of examples.
        main_metric: Name of the metric that the table is about.
        chips: Chips asked for.
        question: What the study answers.
    """

    result: dict[str, Any]
    data: str
    examples: int
    main_metric: str
    chips: int
    question: str

    def as_property(self) -> tuple[str, dict[str, Any]]:
        """Return the record as a user property of a test, which xdist carries intact."""
        return PROPERTY, asdict(self)


class Recorder:
    """Gathers records; every number in files and tables comes from here."""

    def __init__(self, settings: Settings, root: Path) -> None:
        """Start with nothing.

        Args:
            settings: The run's options.
            root: The folder that `runs/` goes to.
        """
        self.settings = settings
        self.created = datetime.now(timezone.utc)
        self.records: list[Record] = []
        self.results: list[Result] = []
        self.environment: dict[str, Any] = {}
        self._root = root
        self._command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        self._commit = checkout_commit()
        self._written = 0.0

    def add(self, plain: Mapping[str, Any]) -> Result:
        """Take a record in."""
        record = Record(**plain)
        self.records.append(record)
        self.results.append(from_plain(record.result))
        return self.results[-1]

    @property
    def path(self) -> Path:
        """Where the results go."""
        if self.settings.json is not None:
            return self.settings.json
        return self._root / "runs" / f"bench-{self.created:%Y%m%d-%H%M%S}.json"

    def manifest(self) -> Manifest:
        """Return where, when and how this run is made."""
        return Manifest(
            created=self.created.isoformat(timespec="seconds"),
            seed=self.settings.seed,
            command=self._command,
            environment=collect_environment(self.environment),
            commit=self._commit,
            options=dict(self.settings.given),
        )

    def write(self) -> None:
        """Write what is known now.

        Raises:
            StoreError: The file cannot be written.
        """
        names = {name for result in self.results for name in result.digital}
        metrics = {name: METRICS[name] for name in sorted(names)}
        write_run(self.path, Run(self.manifest(), metrics, tuple(self.results)))
        self._written = time.monotonic()

    def write_soon(self) -> None:
        """Write where the last writing is some seconds ago: little is lost if the run is killed."""
        if time.monotonic() - self._written > _WRITE_EVERY_S:
            self.write()

    def update_baselines(self) -> list[Change]:
        """Store what was measured as the new baselines.

        Returns:
            What changed.

        Raises:
            BaselineError: A baseline file is corrupt or cannot be written.
        """
        provenance = Provenance.of(self.manifest())
        root = self.settings.baselines
        measured = [result for result in self.results if result.status == "measured"]
        changes = update_cases(root, measured, provenance)
        for record, results in self.groups():
            first = results[0]
            entry = DigitalEntry(
                protocol=first.protocol,
                weights=first.weights,
                examples=record.examples,
                scores=first.digital,
                provenance=provenance,
            )
            changes += update_digital(root, first.model, entry)
        return changes

    def groups(self) -> list[tuple[Record, list[Result]]]:
        """Return the results by study and model, each with one of its records."""
        found: dict[tuple[str, str], tuple[Record, list[Result]]] = {}
        for record, result in zip(self.records, self.results, strict=True):
            found.setdefault((result.study, result.model), (record, []))[1].append(result)
        return list(found.values())

    def metrics_of(self, record: Record) -> Sequence[Metric]:
        """Return the metrics of a record's scores, the main one first."""
        names = [record.main_metric, *record.result["digital"]]
        return [METRICS[name] for name in dict.fromkeys(names)]
