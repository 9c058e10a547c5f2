"""The name of a user's file in results: its own, and a fingerprint of what is in it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from analog_bench.errors import UsageError

_IN_IDS = re.compile(r"[\w. -]+")
_NAMED = re.compile(r".+@[0-9a-f]{8}")
# Of hardware, the function's name and a second fingerprint, of what it returned, follow.
_IN_TEXT = re.compile(r"([\w. -]+(?::\w+)?)@([0-9a-f]{8}(?:-[0-9a-f]{8})?)(?![0-9a-f])")


def content_name(path: Path, content: bytes) -> str:
    """Return `NAME@FINGERPRINT`: the file's name, and 8 digits of the sha256 of its content.

    It stands in ids of cases, so that a changed file is another case, and two files of one name are
    two.

    Raises:
        UsageError: The file's name has a character that separates something in ids.
    """
    if not _IN_IDS.fullmatch(path.name):
        raise UsageError(
            f"{path}: the name becomes part of ids; rename the file to letters, digits, '.', '_' "
            "and '-'"
        )
    return f"{path.name}@{fingerprint(content)}"


def fingerprint(content: bytes) -> str:
    """Return the first 8 digits of the sha256, as `sha256sum` shows them."""
    return hashlib.sha256(content).hexdigest()[:8]


def is_content_name(text: str) -> bool:
    """Return whether a text has the form that `content_name` returns."""
    return _NAMED.fullmatch(text) is not None


def names_in(text: str) -> dict[str, str]:
    """Return the files, and functions in files, that an id names, with their fingerprints."""
    return dict(_IN_TEXT.findall(text))


def without_fingerprints(text: str) -> str:
    """Return an id as it is whatever the content of the files that it names."""
    return _IN_TEXT.sub(r"\1", text)
