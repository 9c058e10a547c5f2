"""Files of the user: only ordinary ones are read, of a size at most, or added to."""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 2**30
"""What is read at once: no text that this project is given is longer."""
_AT_ONCE = 2**20
_BEGINNING = 2**12


def open_regular(path: Path) -> BinaryIO:
    """Open an ordinary file to read it.

    Anything else is refused, and not waited for: a pipe may never be written to, and a device such
    as /dev/zero never ends.

    Raises:
        OSError: There is no such file, it cannot be read, or it is none.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115
    except ValueError as problem:  # a path with a NUL in it
        raise OSError(str(problem)) from None
    try:
        _check_ordinary(file)
    except OSError:
        file.close()
        raise
    return file


def check_regular(path: Path) -> None:
    """Make sure that a library can be given a file to read; raises as `open_regular`."""
    open_regular(path).close()


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read an ordinary file.

    Raises:
        OSError: As `open_regular`, or it is larger than `most` bytes.
    """
    content = bytearray()
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        # Not by its size alone: files of /proc have none, and may be endless all the same.
        while size <= most and (part := file.read(_AT_ONCE)):
            content += part
            size = len(content)
    if size > most:
        raise OSError(f"it is larger than {most} bytes")
    return bytes(content)


def append_regular(path: Path, content: bytes) -> None:
    """Add to the end of an ordinary file, which is made where there is none; raises OSError."""
    with open(path, "ab", opener=_without_waiting) as file:
        _check_ordinary(file)
        file.write(content)


def is_free_for(path: Path, mark: bytes) -> bool:
    """Return whether a file is missing, empty, or of a kind that has this mark near its beginning.

    It may then be replaced by one of that kind. Raises as `open_regular`.
    """
    if not os.path.exists(path):
        return True
    with open_regular(path) as file:
        beginning = file.read(_BEGINNING)
    return not beginning or mark in beginning


def names_beside(path: Path, pattern: str) -> list[str]:
    """Return which other files of a pattern are where a path leads; none where that is unknown."""
    try:
        return [name for name in os.listdir(path.parent) if fnmatch(name, pattern)]
    except (OSError, ValueError):
        return []


def _check_ordinary(file: BinaryIO) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError("it is not an ordinary file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
