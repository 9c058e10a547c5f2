"""The baseline files' schema: entries to JSON and back. docs/schema.md describes each field.

baseline.schema.json says the same in the words of JSON Schema, as far as it has them.
"""

from __future__ import annotations

from analog_bench.store.baseline import CaseEntry, DigitalEntry, Provenance, StoredChip
from analog_bench.store.document import LARGEST_WHOLE, Json, Node
from analog_bench.store.result_schema import check_chips

BASELINE_VERSION = 1


def case_entry_to_json(entry: CaseEntry) -> Json:
    """Return the JSON of what is stored for one case under one protocol."""
    return {
        "case_version": entry.case_version,
        "weights": entry.weights,
        "seed": entry.seed,
        "provenance": _provenance_json(entry.provenance),
        "digital": dict(sorted(entry.digital.items())),
        "chips": [
            {
                "chip": chip.chip,
                "scores": dict(sorted(chip.scores.items())),
                "fingerprint": list(chip.fingerprint),
            }
            for chip in entry.chips
        ],
    }


def case_entry_from_json(case_id: str, protocol: str, node: Node) -> CaseEntry:
    """Read what is stored for one case under one protocol.

    Raises:
        DocumentError: It does not follow the schema.
    """
    node.only("case_version", "weights", "seed", "digital", "chips", "provenance")
    listed = node.field("chips")
    chips = tuple(map(_chip, listed.elements()))
    if not chips:
        listed.fail("at least one chip is expected")
    check_chips([(chip.chip, chip.scores) for chip in chips], listed)
    return CaseEntry(
        case_id=case_id,
        protocol=protocol,
        case_version=node.field("case_version").whole(),
        weights=node.field("weights").text(),
        seed=node.field("seed").whole(-LARGEST_WHOLE),
        digital=node.field("digital").scores(),
        chips=tuple(sorted(chips, key=lambda chip: chip.chip)),
        provenance=_provenance(node.field("provenance")),
    )


def digital_entry_to_json(entry: DigitalEntry) -> Json:
    """Return the JSON of what is stored for the digital model under one protocol."""
    return {
        "weights": entry.weights,
        "examples": entry.examples,
        "scores": dict(sorted(entry.scores.items())),
        "provenance": _provenance_json(entry.provenance),
    }


def digital_entry_from_json(protocol: str, node: Node) -> DigitalEntry:
    """Read what is stored for the digital model under one protocol.

    Raises:
        DocumentError: It does not follow the schema.
    """
    node.only("weights", "examples", "scores", "provenance")
    return DigitalEntry(
        protocol=protocol,
        weights=node.field("weights").text(),
        examples=node.field("examples").whole(),
        scores=node.field("scores").scores(),
        provenance=_provenance(node.field("provenance")),
    )


def _chip(node: Node) -> StoredChip:
    node.only("chip", "scores", "fingerprint")
    return StoredChip(
        chip=node.field("chip").whole(),
        scores=node.field("scores").scores(),
        fingerprint=node.field("fingerprint").numbers(),
    )


def _provenance(node: Node) -> Provenance:
    node.only("created", "commit", "python", "torch", "aihwkit")
    return Provenance(
        created=node.field("created").text(),
        commit=node.field("commit").text_or_null(),
        python=node.field("python").text_or_null(),
        torch=node.field("torch").text_or_null(),
        aihwkit=node.field("aihwkit").text_or_null(),
    )


def _provenance_json(provenance: Provenance) -> Json:
    return {
        "created": provenance.created,
        "commit": provenance.commit,
        "python": provenance.python,
        "torch": provenance.torch,
        "aihwkit": provenance.aihwkit,
    }
