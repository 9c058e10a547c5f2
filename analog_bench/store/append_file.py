"""Files that only grow, by whole lines, each of which is on the disk once it is written."""

from __future__ import annotations

import os
from pathlib import Path

from analog_bench.atomic_file import sync_folder

_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


class AppendFile:
    """A file of lines, open for appending."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Take over an open file; `create` and `reopen` open one.

        Args:
            descriptor: The file.
            size: Its bytes that count; what follows is cut away before the next line.
        """
        self._descriptor: int | None = descriptor
        self._size = size

    @classmethod
    def create(cls, path: Path, first: bytes) -> AppendFile:
        """Make a file that is not there yet.

        Args:
            path: The file.
            first: Its first line.

        Raises:
            OSError: It is there, or cannot be written; then there is none afterwards.
        """
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        file = cls(descriptor, 0)
        try:
            file.append(first)
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
        return file

    @classmethod
    def reopen(cls, path: Path, size: int) -> AppendFile:
        """Open a file that is there.

        Args:
            path: The file.
            size: Its bytes that count; the rest is cut away.

        Raises:
            OSError: It cannot be written.
        """
        file = cls(os.open(path, _FLAGS), size)
        try:
            file._cut()
        except BaseException:
            file.close()
            raise
        return file

    def append(self, line: bytes) -> None:
        """Write a line; it is on the disk when this returns.

        Args:
            line: The line, with its newline.

        Raises:
            OSError: It cannot be written, or not whole.
            ValueError: The file is closed.
        """
        if self._descriptor is None:
            raise ValueError("the file is closed")
        self._cut()
        left = memoryview(line)
        while left:
            left = left[os.write(self._descriptor, left) :]
        os.fsync(self._descriptor)
        self._size += len(line)

    def close(self) -> None:
        """Close the file; doing so twice is harmless."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _cut(self) -> None:
        # Half a line, from an attempt that failed or was killed, would spoil the next one.
        if self._descriptor is not None and os.fstat(self._descriptor).st_size != self._size:
            os.ftruncate(self._descriptor, self._size)
