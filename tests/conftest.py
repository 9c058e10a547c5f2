"""Programs in processes of their own, in seconds less: forks of one that has done its imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_stand_in import client_environment

ROOT = Path(__file__).parents[1]
# A closed port: nothing on this machine answers there, and nothing else is asked.
NO_HUB = "http://127.0.0.1:9"


def clean_environment(**more):
    """Return this environment without what steers pytest, the hub's client or this project.

    Nor with what CI tells a job: runs of tests would write into its summary.
    """
    ours = ("PYTEST_", "ANALOG_BENCH_", "HF_", "HUGGING", "TRANSFORMERS_", "GITHUB_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "HF_HUB_OFFLINE": "1", "COLUMNS": "100", "PYTHONPATH": str(ROOT), **more}


@pytest.fixture(scope="session")
def forked():
    """Return a function that takes what `warm_process.run` does and returns the exit code."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this platform")
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("warm_process.py"))],
        env=clean_environment(HF_ENDPOINT=NO_HUB, HF_HUB_OFFLINE="0", NO_PROXY="127.0.0.1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(**request):
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    yield run
    server.stdin.close()
    server.wait(30)
    server.stdout.close()


@pytest.fixture(scope="session")
def forked_client(forked, tmp_path_factory):
    """Return `hub_stand_in.run_client`, but for the interpreter's flags, in such a fork."""
    folder = tmp_path_factory.mktemp("client")
    out, err = folder / "out.txt", folder / "err.txt"

    def run(code, *, endpoint, home, offline=False, argv=(), extra=None):
        done = forked(
            program="python",
            args=[code, *map(str, argv)],
            cwd=os.getcwd(),
            env={**client_environment(endpoint, home, offline=offline), **(extra or {})},
            output=str(out),
            errors=str(err),
        )
        return subprocess.CompletedProcess(argv, done, out.read_text(), err.read_text())

    return run
