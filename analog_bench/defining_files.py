"""Which files of a user's own define what cases are made of, as they were when they were loaded.

A noise is defined by the file of its class and those of its handlers, hardware and devices by one
file each. Of what comes with analog_bench nothing is noted: its version speaks for it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from analog_bench.regular_file import read_regular

_DEFINED: dict[type | str, dict[Path, str]] = {}


class SourceFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the user's own that numbers come from.

    Attributes:
        role: What it holds: `noise`, `simulator`, `hardware` or `devices` of a case; `bench`,
            `conftest` or `extension` of a run.
        file: Its path from pytest's root folder; its name alone where it is elsewhere.
        sha256: Of its content when it was loaded, 64 digits.
    """

    role: str
    file: str
    sha256: str


def note_code(what: type | str, code: Callable[..., Any]) -> None:
    """Note that a class or function, which is being made now, is part of what defines something.

    What has no file, such as a class typed at a prompt, is not noted.
    """
    module = code.__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module.partition(".")[0] == "analog_bench":
        return
    try:
        note_file(what, Path(file), read_regular(Path(file)))
    except OSError:  # inside a zip file
        return


def note_file(what: type | str, path: Path, content: bytes) -> None:
    """Note that a file with this content is part of what defines something."""
    files = _DEFINED.setdefault(what, {})
    files[Path(os.path.abspath(path))] = hashlib.sha256(content).hexdigest()


def definition_of(what: type | str) -> Mapping[Path, str]:
    """Return the files that define something, with their sha256s; none where it came along."""
    return dict(_DEFINED.get(what, {}))
