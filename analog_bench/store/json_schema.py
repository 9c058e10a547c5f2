"""The files' schemas in the words of JSON Schema (draft 2020-12), for other programs.

The readers of this room are the authority. What they refuse beyond these schemas is listed in
docs/schema.md; a test holds the two against each other.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal

FileKind = Literal["run", "baseline", "journal"]


def json_schema(kind: FileKind) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file.

    Args:
        kind: `run`, `baseline` (of cases as well as digital ones), or `journal`: one line of it.

    Returns:
        The schema, complete in itself.
    """
    if kind == "journal":
        run = json_schema("run")
        first, further = ("#/$defs/journal_header", "#/$defs/journal_entry")
        return {
            **{key: run[key] for key in ("$schema", "$defs")},
            "$id": run["$id"].replace(":run:", ":journal:"),
            "title": "Line of a journal of analog_bench",
            "description": "A header first, then one entry a result.",
            "type": "object",
            "if": {"required": ["schema_version"]},
            "then": {"$ref": first},
            "else": {"$ref": further},
        }
    text = files(__package__).joinpath(f"{kind}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
