"""How a JSON document is laid out in a file: so that a diff reads well, or as one line."""

from __future__ import annotations

import json
from collections.abc import Mapping

from analog_bench.store.document import Json

_LINE = 100


def layout(value: Json) -> bytes:
    """Lay a document out: whatever fits stands on one line, a list of plain values always does.

    Keys keep their order. Numbers are written so that they read back as the same float.

    Args:
        value: Anything JSON can hold.

    Returns:
        UTF-8 text that ends with a newline; characters UTF-8 cannot hold become `?`.

    Raises:
        ValueError: NaN or infinity somewhere.
    """
    return (_laid_out(value, 0) + "\n").encode("utf-8", "replace")


def one_line(value: Json) -> bytes:
    """Lay a document out as one line, for files of one document a line.

    Args:
        value: Anything JSON can hold.

    Returns:
        UTF-8 text that ends with its only newline; characters UTF-8 cannot hold become `?`.

    Raises:
        ValueError: NaN or infinity somewhere.
    """
    return (_leaf(value) + "\n").encode("utf-8", "replace")


def _laid_out(value: Json, indent: int) -> str:
    if isinstance(value, Mapping):
        parts = [f"{_leaf(str(key))}: {_laid_out(v, indent + 1)}" for key, v in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list | tuple):
        if not any(isinstance(v, Mapping | list | tuple) for v in value):
            return _leaf(value)
        parts = [_laid_out(v, indent + 1) for v in value]
        opening, closing = "[", "]"
    else:
        return _leaf(value)
    short = sum(map(len, parts)) + 2 * len(parts) + indent <= _LINE
    if short and not any("\n" in part for part in parts):
        return opening + ", ".join(parts) + closing
    margin = "\n" + " " * (indent + 1)
    return opening + margin + ("," + margin).join(parts) + "\n" + " " * indent + closing


def _leaf(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
