"""Where this project keeps what takes long to make and can be made again."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "ANALOG_BENCH_CACHE"
"""Environment variable that names a folder in place of the user's cache folder."""


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of things, `releases` or `models`; it need not be there."""
    given = os.environ.get(CACHE_VARIABLE)
    root = Path(os.path.expanduser(given)) if given else user_cache_path("analog-bench")
    return root / kind
