"""Text files of users, whose form their readers know."""

from __future__ import annotations

from pathlib import Path

from analog_bench.errors import DataError
from analog_bench.regular_file import read_regular


def read_text_file(path: Path, missing: str) -> str:
    """Read a file in UTF-8, without a byte order mark and with line ends as they are.

    Raises:
        DataError: It cannot be read or is no text; says `missing` where there is none.
    """
    try:
        content = read_regular(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(missing) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"cannot read {path}: {problem}") from None
    if "\0" in content:
        raise DataError(f"{path} holds NUL characters: it is no text in UTF-8")
    return content
