"""Texts with a label each: what a classifier is measured on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class LabelledText:
    """A text, or a pair of them, and its true label.

    Attributes:
        key: What tells it from all others of the data.
        text: The text, or the first one of a pair.
        second: The second one; None where there is none.
        label: The label as the data has it: a name, or the number of one.
    """

    key: str
    text: str
    second: str | None
    label: str


def content_hash(rows: Iterable[LabelledText]) -> str:
    """Return the sha256 of what is read and scored."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(astuple(row), ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()
