"""A folder as a user has it after a clone and some nights; a process that runs commands in it."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from analog_bench.codec import write_record
from analog_bench.zoo.model_specs import find_embedded
from tests.conftest import clean_environment
from tests.history.nights import result, skipped, write_night
from tests.hub_stand_in import HubStandIn, client_environment
from tests.own_folders import saved_bert
from tests.planning.test_plan_record import PLAN
from tests.plugin.conftest import QUICK
from tests.squad_articles import write_honey

ROOT = Path(__file__).parents[2]
TAKEN_ALONG = ("pyproject.toml", "Makefile", "constraints.txt", "conftest.py")


@pytest.fixture(scope="session")
def hub():
    """Start a hub without models."""
    with HubStandIn() as running:
        yield running


@pytest.fixture(scope="session")
def warm(warm_python, hub, tmp_path_factory):
    """Return a function that runs a Python that has done its imports, in a folder."""
    where = clean_environment(**client_environment(hub.endpoint, tmp_path_factory.mktemp("hub")))
    where["PYTEST_ADDOPTS"] = shlex.join(QUICK)

    def run(*words, folder, env=None):
        """Run; return the exit code and what it printed."""
        done = subprocess.run(
            [warm_python, *words],
            cwd=folder,
            env={**where, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    return run


@pytest.fixture
def clone(tmp_path):
    """Return a folder with the studies, and with the runs that pages speak of."""
    for name in TAKEN_ALONG:
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pyca*"))
    for folder in ("baselines", "docs/results"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    runs = tmp_path / "runs"
    for night, scores in enumerate([(70.0, 71.0, 69.0), (70.0, 71.0, 69.0), (64.0, 65.2, 62.9)]):
        times = [
            result(scores, drift_s=drift_s, noise="pcm") for drift_s in (1.0, 86_400.0, 2_592_000.0)
        ]
        path = write_night(
            runs,
            night,
            [result(scores), *times, skipped(result((1.0,), layers="tail"))],
            aihwkit="1.2.0" if night == 2 else "1.1.0",
        )
    for name in ("before.json", "after.json"):
        shutil.copy(path, runs / name)
    products = [x.name for x in find_embedded("bert").layers if x.kind == "matmul"]
    plan = replace(PLAN, model="bert", zoo="embedded", analog=products, int8=(), digital=())
    write_record(runs / "plans" / "bert.json", plan)
    saved_bert(tmp_path / "my_model")
    write_honey(tmp_path / "my_questions.json")
    return tmp_path
