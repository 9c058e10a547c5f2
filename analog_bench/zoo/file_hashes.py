"""Hashes of files: expected and actual ones, and one fingerprint for several."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from analog_bench.errors import WeightsError, reason_of
from analog_bench.regular_file import open_regular


def file_sha256(path: Path) -> str:
    """Return a file's sha256, 64 hexadecimal digits.

    Raises:
        WeightsError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as problem:
        raise WeightsError(f"cannot read {path}: {reason_of(problem)}") from None
    return digest.hexdigest()


def verify(path: Path, expected: str, advice: str) -> None:
    """Check a file's sha256.

    Raises:
        WeightsError: The file cannot be read or has another hash; the latter message ends in
            `advice`.
    """
    found = file_sha256(path)
    if found != expected:
        raise WeightsError(f"{path}: expected sha256 {expected}, found {found}; {advice}")


def fingerprint(hashes: Mapping[str, str]) -> str:
    """Return one sha256 for named hashes, over the sorted lines `name sha256`."""
    lines = "".join(f"{name} {sha}\n" for name, sha in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
