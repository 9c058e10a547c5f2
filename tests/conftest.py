"""Processes of tests: their environment, and a Python that has done its imports."""

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from analog_bench.zoo.minilm_base import FOLDER_VARIABLE
from tests.hub_stand_in import run_client
from tests.warm_process import PROGRAM

ROOT = Path(__file__).parents[1]
# How long an example takes is the machine's doing, and none is wrong for it.
settings.register_profile("untimed", deadline=None, max_examples=30)
settings.load_profile("untimed")
SERVER = Path(__file__).with_name("warm_process.py")


def clean_environment(**more):
    """Return this environment without what steers pytest, the hub's client or this project.

    Nor with what CI tells a job: runs of tests would write into its summary.
    """
    ours = ("PYTEST_", "ANALOG_BENCH_", "HF_", "HUGGING", "TRANSFORMERS_", "GITHUB_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "HF_HUB_OFFLINE": "1", "COLUMNS": "100", "PYTHONPATH": str(ROOT), **more}


def pytest_collection_modifyitems(items):
    """Begin with the files that start processes: the longest ones, which nobody waits for then."""
    first = {item.path for item in items if "warm_python" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in first)


@contextmanager
def warmed(*modules):
    """Yield a program that is Python with these, torch and this package imported."""
    # An address has a hundred characters at most.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        program, address = Path(folder, "python"), str(Path(folder, "socket"))
        program.write_text(PROGRAM.format(python=sys.executable, address=address))
        program.chmod(0o700)
        listening.bind(address)
        listening.listen()
        server = subprocess.Popen(
            [sys.executable, SERVER, str(listening.fileno()), *modules],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
        )
        listening.close()
        yield program
        server.stdin.close()
        server.wait(30)


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    """Stand where no lock file or data of the developer's is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("ANALOG_BENCH_DATA", FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def warm_python():
    """Return a program that is Python with torch and this package imported: see `warm_process`."""
    with warmed() as program:
        yield program


@pytest.fixture(scope="session")
def forked_client(warm_python):
    """Return `run_client` with such a Python."""
    return partial(run_client, python=warm_python)
