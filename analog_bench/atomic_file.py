"""Files that are either the old one or the new one, never half of each."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def check_target(path: Path) -> None:
    """Make sure that `write_atomic` could write here now, raising as it does; makes folders."""
    temporary, descriptor = _temporary_beside(_target(path))
    os.close(descriptor)
    temporary.unlink()


def write_atomic(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file through a temporary one in the same folder, synced and then renamed.

    Missing folders are made, a link is followed. If content comes in parts, an error among them
    leaves nothing behind.

    Raises:
        OSError: It cannot be written; the file that was there is unharmed.
        ValueError: The path cannot be a path at all.
    """
    target = _target(path)
    temporary, descriptor = _temporary_beside(target)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """See that files made, renamed or deleted in a folder stay so if the power fails.

    Nothing happens where the system cannot sync a folder.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _target(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    # Renaming over a device or a pipe would replace it for the whole machine.
    if not stat.S_ISREG(mode):
        raise OSError("it is there and is not an ordinary file")
    return target


def _temporary_beside(target: Path) -> tuple[Path, int]:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    # Not the tempfile module: its files are private to the user whatever the umask says.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return temporary, os.open(temporary, flags, 0o666)
