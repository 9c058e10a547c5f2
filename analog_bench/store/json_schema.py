"""The files' schemas in the words of JSON Schema (draft 2020-12), for other programs.

They are made from the records, whose docstrings describe the fields. What the readers refuse beyond
them is listed in docs/schema.md; a test holds the two against each other.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal, TypeAlias

import msgspec

from analog_bench.records import Metric
from analog_bench.store.baseline import CaseEntry, DigitalEntry
from analog_bench.store.baseline_file import BASELINE_VERSION, CaseDocument, DigitalDocument
from analog_bench.store.run import Record
from analog_bench.store.run_file import RUN_VERSION, RunDocument

FileKind: TypeAlias = Literal["run", "baseline", "journal"]
_DOCUMENTS: dict[FileKind, tuple[type[msgspec.Struct], ...]] = {
    "run": (RunDocument,),
    "baseline": (CaseDocument, DigitalDocument),
    "journal": (Record,),
}
# Of a document: the field that holds records by key, the record, and its fields that are keys.
_TABLES: dict[type[msgspec.Struct], tuple[str, type[msgspec.Struct], tuple[str, ...]]] = {
    RunDocument: ("metrics", Metric, ("name",)),
    CaseDocument: ("cases", CaseEntry, ("case_id", "protocol")),
    DigitalDocument: ("protocols", DigitalEntry, ("protocol",)),
}

_ANYTHING = ["object", "array", "string", "number", "boolean", "null"]


def json_schema(kind: FileKind) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file, complete in itself.

    That of `baseline` is for those of cases as well as digital ones; of `journal`, for one entry.
    """
    documents = _DOCUMENTS[kind]
    tables = {document: _TABLES[document] for document in documents if document in _TABLES}
    records = [record for _, record, _ in tables.values()]
    refs, defs = msgspec.json.schema_components(
        [*documents, *records],
        schema_hook=lambda kind: {"type": _ANYTHING},  # of `Json`
        ref_template="#/$defs/{name}",
    )
    for schema in defs.values():
        _describe(schema)
    for document, (field, record, keys) in tables.items():
        described: dict[str, Any] = {"$ref": f"#/$defs/{record.__name__}"}
        for key in keys:
            described = {"type": "object", "additionalProperties": described}
            del defs[record.__name__]["properties"][key]
            defs[record.__name__]["required"].remove(key)
        defs[document.__name__]["properties"][field] |= described
    version = BASELINE_VERSION if kind == "baseline" else RUN_VERSION
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:analog-bench:{kind}:{version}",
        "anyOf": list(refs[: len(documents)]),
        "$defs": defs,
    }


def _describe(schema: dict[str, Any]) -> None:
    """Turn a record's docstring into descriptions of the record and its fields."""
    summary, _, attributes = inspect.cleandoc(schema["description"]).partition("Attributes:\n")
    schema["description"] = " ".join(summary.split())
    for name, words in re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", attributes, re.MULTILINE):
        schema["properties"][name]["description"] = " ".join(words.split())
