"""A run that a cluster measures is the run that pytest's own process would have measured."""

import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from analog_bench.gate.run_verdicts import judge_run
from analog_bench.store.journal_file import read_journal
from analog_bench.store.run_file import read_run
from tests.conftest import clean_environment
from tests.plugin.conftest import ROOT
from tests.plugin.two_studies import CHANGED, KILLER, without_seconds

USAGE, INTERRUPTED, FAILED = 4, 2, 1
# The worker that comes to the case that the file `fatal` names is killed, once; one that comes to
# that of `held` waits until the file is gone.
FAULTS = """
import os, signal, time
from pathlib import Path

from analog_bench.session import case_groups

measure_case = case_groups.measure_case
fatal, held = (Path(__file__).with_name(name) for name in ("fatal", "held"))

def measured(models, study, case, **options):
    if fatal.exists() and fatal.read_text() == case.id:
        fatal.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    while held.exists() and held.read_text() == case.id:
        time.sleep(0.05)
    return measure_case(models, study, case, **options)

case_groups.measure_case = measured
"""
# As Ctrl-C in a terminal does, it interrupts the processes of the cluster, too. The worker may end
# its case then: the cluster waits long for one that does not.
INTERRUPTER = "from pathlib import Path\n" + KILLER.replace(
    "os.kill(os.getpid(), signal.SIGKILL)",
    "Path(__file__).with_name('held').unlink(); os.killpg(0, signal.SIGINT)",
)
NO_DASK = "import sys\nsys.modules['distributed'] = None\n"


@dataclass(frozen=True)
class Cluster:
    """A scheduler, and how to start a worker of it in the studies' folder."""

    scheduler: Any
    start: Callable[[], None]

    @property
    def address(self):
        return self.scheduler.address


@pytest.fixture(scope="module")
def cluster(studies, warm_python):
    """Start a cluster of two workers that have no nanny: one that is lost stays lost."""
    distributed = pytest.importorskip("distributed")
    (studies / "conftest.py").write_text(FAULTS)
    for name, text in (("killer", KILLER), ("interrupter", INTERRUPTER), ("no_dask", NO_DASK)):
        (studies / f"{name}.py").write_text(text)
    with ExitStack() as stack:
        running = stack.enter_context(
            distributed.LocalCluster(n_workers=0, dashboard_address=None, silence_logs=50)
        )

        def start():
            words = [running.scheduler_address, "--nthreads=1", "--no-nanny", "--no-dashboard"]
            worker = subprocess.Popen(
                [warm_python, "-m", "distributed.cli.dask_worker", *words],
                cwd=studies,
                env=clean_environment(PYTHONPATH=f"{studies}:{ROOT}"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(worker.wait)
            stack.callback(worker.kill)

        start()
        start()
        yield Cluster(running.scheduler, start)


@pytest.fixture
def held(studies):
    """Let no worker get past one case until this is called."""
    file = studies / "held"
    file.write_text(CHANGED)
    yield file.unlink
    file.unlink(missing_ok=True)


@pytest.fixture
def elsewhere(studies, cluster, by_words, tmp_path):
    """Return a function that runs the studies in a copy, after something is done to it."""

    def run(change, *args):
        folder = tmp_path / "copy"
        shutil.copytree(studies, folder)
        change(folder)
        words = ["-p", "no:cacheprovider", "bench", "--model=./mine", "--json=out.json"]
        where = {"PYTHONPATH": f"{folder}:{ROOT}"}
        return by_words([*words, f"--workers={cluster.address}", *args], folder, where)

    return run


def test_two_workers_measure_what_one_process_does(whole, measured, studies, cluster):
    done = measured("two.json", f"--workers={cluster.address}")
    assert done.code == FAILED, done.out  # by the baselines, as the other is
    run = read_run(studies / "two.json")
    assert without_seconds(run) == without_seconds(whole)
    assert [r.case_id for r in run.results if r.confirmation_chips] == [CHANGED]
    assert judge_run(run, run.manifest.baselines) == judge_run(whole, whole.manifest.baselines)
    assert (run.scopes, run.metrics, run.incomplete) == (whole.scopes, whole.metrics, None)
    # All processes are on one machine, and as this one but for threads.
    assert {**run.manifest.environment, "threads": 0} == {
        **whole.manifest.environment,
        "threads": 0,
    }
    assert "on 2 workers" in done.out
    assert not list(studies.glob("two.json.journal*"))


def test_a_worker_that_is_killed_loses_nothing(whole, measured, studies, cluster):
    cluster.start()
    (studies / "fatal").write_text(CHANGED)
    done = measured("lost.json", f"--workers={cluster.address}")
    assert not (studies / "fatal").exists()
    assert done.code == FAILED, done.out
    assert without_seconds(read_run(studies / "lost.json")) == without_seconds(whole)


def test_a_case_that_kills_its_workers_fails_alone(whole, measured, studies, cluster, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)  # in place of three
    cluster.start()
    (studies / "fatal").write_text(CHANGED)
    done = measured("fatal.json", f"--workers={cluster.address}", "-k", "second_alone")
    assert done.code == FAILED, done.out
    assert "1 worker died of measuring this case, or one of the" in done.out
    run = read_run(studies / "fatal.json")
    assert CHANGED in [case.case_id for case in run.incomplete.cases]
    assert not run.incomplete.stopped
    assert len(run.results) > 0


def test_a_client_that_is_killed_is_resumed(whole, measured, studies, cluster, held):
    words = ("killed.json", f"--workers={cluster.address}")
    done = measured(*words, first=("-p", "killer"))
    assert done.code == -signal.SIGKILL, done.out
    assert 2 <= len(read_journal(studies / "killed.json").results) < len(whole.results)
    held()
    done = measured(*words, "--resume")
    assert done.code == FAILED, done.out
    assert without_seconds(read_run(studies / "killed.json")) == without_seconds(whole)


def test_ctrl_c_leaves_what_one_process_can_complete(whole, measured, studies, cluster, held):
    """Here the cluster is one that the run has started, and that is interrupted with it."""
    done = measured("stopped.json", "--workers=1", first=("-p", "interrupter"))
    assert done.code == INTERRUPTED, done.out
    assert "Traceback" not in done.out
    stopped = read_run(studies / "stopped.json")
    assert 2 <= len(stopped.results) < len(whole.results)
    assert stopped.manifest.environment["threads"] == 1
    done = measured("stopped.json", "--resume")
    assert done.code == FAILED, done.out
    assert without_seconds(read_run(studies / "stopped.json")) == without_seconds(whole)


def other_bench(folder):
    with (folder / "bench/bench_two.py").open("a") as file:
        file.write("\n# another\n")


def other_packages(folder):
    info = folder / "analog_bench-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: analog-bench\nVersion: 9.9.9\n")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_bench, "the file bench/bench_two.py is another: "),
        (other_packages, "compared with the run, analog-bench was '9.9.9', is "),
    ],
)
def test_a_worker_that_would_measure_something_else_refuses(elsewhere, change, why):
    done = elsewhere(change, "-k", "mine_alone")
    assert done.code == USAGE, done.out
    (line,) = [line for line in done.out.splitlines() if "cannot take part" in line]
    assert f"cannot take part: {why}" in line
    assert "Traceback" not in done.out


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["-n", "1", "--workers=2"], "-n and --workers are two ways to measure in several"),
        (["--workers=many"], "--workers must be a number of processes, or the address"),
        (["--workers=0"], "--workers must be a whole number from 1 to 1000, found '0'"),
        (["-p", "no_dask", "--workers=2"], "pip install 'analog-bench[dask]'"),
    ],
)
def test_one_line_says_what_is_wrong(measured, cluster, args, why):
    done = measured("nothing.json", *args)
    assert done.code == USAGE, done.out
    (line,) = done.errors
    assert why in line


def test_no_cluster_answers(monkeypatch):
    pytest.importorskip("distributed")
    from analog_bench.errors import UsageError
    from analog_bench.session import dask_cluster

    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1)
    with pytest.raises(UsageError, match=r"^--workers tcp://127.0.0.1:9: .*`dask scheduler`"):
        dask_cluster.DaskCluster("tcp://127.0.0.1:9", print, dict)
