"""A hub on this machine, and a client of it in a process of its own."""

import json

import pytest

from tests.hub_stand_in import HubStandIn, tiny_bert

# Runs the second argument; evaluates each after it, where `path` is the first; prints what came
# out, or the user's error, as JSON lines.
DRIVER = """
import json, sys, time
from pathlib import Path
from analog_bench.errors import BenchError
path = Path(sys.argv[1])
exec(sys.argv[2])
for line in sys.argv[3:]:
    began = time.monotonic()
    try:
        said = {"value": str(eval(line))}
    except BenchError as problem:
        said = {"error": type(problem).__name__, "text": str(problem)}
    print(json.dumps({**said, "seconds": time.monotonic() - began}))
"""


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def hub():
    with HubStandIn() as running:
        yield running


LOCKS = """
from analog_bench.zoo.hub_lock_and_fetch import fetch, fetch_dataset, lock_dataset, lock_model
from analog_bench.zoo.lock_file import read_lock
"""


@pytest.fixture
def client(hub, forked_client, tmp_path):
    """Run lines of Python against the hub; `home` names a cache, new for each new word."""

    def run(*lines, imports=LOCKS, home="home", endpoint=hub.endpoint, **options):
        done = forked_client(
            DRIVER,
            endpoint=endpoint,
            home=tmp_path / home,
            argv=(tmp_path / "zoo.lock.json", imports, *lines),
            **options,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "nothing but what the caller prints"
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
