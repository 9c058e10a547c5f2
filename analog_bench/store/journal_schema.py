"""The journal's schema: its lines to JSON and back. docs/schema.md describes each field."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from analog_bench.records import Metric, Result
from analog_bench.store.document import DocumentError, Json, Node
from analog_bench.store.layout import one_line
from analog_bench.store.result_schema import (
    check_metrics,
    metrics_from_json,
    metrics_to_json,
    result_from_json,
    result_to_json,
)
from analog_bench.store.run import Manifest, settled
from analog_bench.store.schema import (
    RUN_VERSION,
    check_version,
    manifest_from_json,
    manifest_to_json,
)


@dataclass(frozen=True)
class JournalEntry:
    """One result of a run that is under way, and what was kept with it.

    Attributes:
        result: The result, settled.
        metrics: The metrics that it mentions, by name.
        record: Whatever else its writer wants back: plain JSON, nested six levels at most.
    """

    result: Result
    metrics: Mapping[str, Metric]
    record: Mapping[str, Json]


def header_line(manifest: Manifest) -> bytes:
    """Return a journal's first line.

    Raises:
        ValueError: NaN or infinity in the manifest.
    """
    return one_line({"schema_version": RUN_VERSION, "manifest": manifest_to_json(manifest)})


def header_from_json(node: Node) -> Manifest:
    """Read a journal's first line.

    Raises:
        DocumentError: It does not follow the schema.
    """
    check_version(node, RUN_VERSION)
    node.only("schema_version", "manifest")
    return manifest_from_json(node.field("manifest"))


def entry_line(entry: JournalEntry) -> bytes:
    """Return a line after the first; its result is settled here.

    Raises:
        ValueError: NaN or infinity in a metric or in the record.
    """
    return one_line(
        {
            "result": result_to_json(settled(entry.result)),
            "metrics": metrics_to_json(entry.metrics),
            "record": dict(sorted(entry.record.items())),
        }
    )


def entry_from_json(node: Node) -> JournalEntry:
    """Read a line after the first.

    Raises:
        DocumentError: It does not follow the schema.
    """
    node.only("result", "metrics", "record")
    metrics = metrics_from_json(node.field("metrics"))
    result = result_from_json(node.field("result"))
    check_metrics(result, metrics, node.field("result"))
    record = {name: part.plain() for name, part in node.field("record").entries()}
    return JournalEntry(result, metrics, record)


class Ledger:
    """Which cases and metrics a journal holds: no case twice, no metric in two meanings."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.metrics: dict[str, Metric] = {}
        # Not the entries: with every example's score they would fill the memory a second time.
        self._digests: dict[tuple[str, str, str], bytes] = {}

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self._digests)

    def holds(self, entry: JournalEntry, line: bytes) -> bool:
        """Return whether an entry is there already, equal in everything.

        Args:
            entry: The entry.
            line: What `entry_line` makes of it.

        Raises:
            DocumentError: Its case is there with other values, or one of its metrics with another
                definition.
        """
        case = entry.result.identity
        if case in self._digests:
            if self._digests[case] != hashlib.sha256(line).digest():
                raise DocumentError(f"the case {case[0]!a} came before, with other values")
            return True
        for name, metric in entry.metrics.items():
            if self.metrics.get(name, metric) != metric:
                raise DocumentError(f"the metric {name!a} came before, with another definition")
        return False

    def add(self, entry: JournalEntry, line: bytes) -> None:
        """Take in an entry that is not there yet."""
        self.metrics.update(entry.metrics)
        self._digests[entry.result.identity] = hashlib.sha256(line).digest()
