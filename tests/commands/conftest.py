"""A lock file as `zoo add` leaves it."""

from pathlib import Path

import pytest

from analog_bench.zoo.lock_file import Entry, Lock, LockedFile, write_lock
from analog_bench.zoo.model_specs import HUB_IDS, find

NOTHING = Lock(Path("none"), {}, {})


@pytest.fixture
def lock(tmp_path):
    """Write a lock file with one model, as `zoo add` would."""
    path = tmp_path / "zoo.lock.json"
    entry = Entry(
        hub_id=HUB_IDS["bert"],
        repo_type="model",
        revision="ab" * 20,
        locked_on="2026-01-31",
        files={"model.safetensors": LockedFile(12, "cd" * 32)},
        structure=find("bert", "embedded", NOTHING).structure,
    )
    write_lock(Lock(path, {}, {}).with_entry(entry))
    return path
