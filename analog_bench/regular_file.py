"""Files that are read: ordinary ones only, of a size at most."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 2**30
"""What is read at once: no text that this project is given is longer."""
_AT_ONCE = 2**20


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
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is not an ordinary file")
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


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
