"""The plugin is tested from outside: real pytest processes over real bench files."""

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import AutoConfig

from analog_bench.store.run_file import read_run
from analog_bench.zoo.lock_file import Entry, Lock, LockedFile, write_lock
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_specs import HUB_IDS
from tests.conftest import clean_environment
from tests.own_folders import saved_bert, saved_gpt2
from tests.plugin.two_studies import BENCH, BROKEN, CHANGED
from tests.real_questions import embedded, sentences

__all__ = ["embedded", "sentences"]

ROOT = Path(__file__).parents[2]
# Other plugins of the environment, which take a second to import at the end of each run.
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio")
QUICK += ("-W", "ignore::pytest.PytestAssertRewriteWarning")
# A closed port: nothing on this machine answers there, and nothing else is asked.
NO_HUB = "http://127.0.0.1:9"
STUDY_FILE = "bench/bench_layer_noise.py"
# Pytest takes an existing path after an option it does not know yet for one to collect from, and
# then misses the ini file of the folder it stands in.
HERE = ["-c", "pytest.ini", "."]
HEADS = {
    "bert": "BertForQuestionAnswering",
    "mobilebert": "MobileBertForQuestionAnswering",
    "distilgpt2": "GPT2LMHeadModel",
}


def structure_of(name):
    """Return the structure of a model of the hub; their sizes are transformers' defaults."""
    sizes = {"n_layer": 6} if name == "distilgpt2" else {}
    family = "gpt2" if name == "distilgpt2" else name
    return observe(AutoConfig.for_model(family, architectures=[HEADS[name]], **sizes), name)


@dataclass(frozen=True)
class Finished:
    """A pytest run that is over."""

    code: int
    out: str
    seconds: float

    @property
    def cases(self):
        """The ids that `--collect-only -q` listed."""
        lines = [line for line in self.out.splitlines() if "::bench_" in line and "[" in line]
        return [line.split("[", 1)[1][:-1] for line in lines]

    @property
    def errors(self):
        """The lines that say what is wrong."""
        return [line for line in self.out.splitlines() if line.startswith("ERROR: ")]


def bench_words(args, cwd, sentences):
    """Return what pytest is to collect: in this repository the study of layers, on one model.

    With questions about sentences, a tenth as long as passages, unless the test names its data.
    """
    if cwd != ROOT:
        return HERE
    model = [] if "--model" in args else ["--model", "bert"]
    others = {"--data", "--zoo", "--collect-only"} & set(args)
    return [STUDY_FILE, *model, *([] if others else ["--data", str(sentences)])]


def no_report(args):
    """Return what keeps a run from drawing its report, which takes a while, unless it is asked."""
    return [] if "--report" in args else ["--report", "off"]


@pytest.fixture(scope="session")
def results_of():
    """Return a function that reads results by case, without what the clock says."""

    def read(path):
        results = json.loads(path.read_text())["results"]
        for result in results:
            for chip in result["chips"]:
                assert chip.pop("seconds") > 0
        return {result["case_id"]: result for result in results}

    return read


def runner(python, options, sentences):
    """Return a function that runs pytest over the bench folder in a process of its own."""

    def run(*args, folder, cwd=ROOT, env=None, first_on_path=()):
        """Run; results go to `folder`. Modules for `-p` may lie first on the path."""
        command = [python, "-m", "pytest", *options, *bench_words(args, cwd, sentences)]
        command += ["--baselines", folder / "stored", *no_report(args)]
        if "--json" not in args:
            command += ["--json", folder / "results.json"]
        where = {"PYTHONPATH": os.pathsep.join(map(str, [*first_on_path, ROOT]))}
        where |= {"HF_ENDPOINT": NO_HUB, "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
        where |= {"HF_HOME": str(folder / "hub"), **(env or {})}
        began = time.monotonic()
        done = subprocess.run(
            [str(word) for word in [*command, *args]],
            cwd=cwd,
            env=clean_environment(**where),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return Finished(done.returncode, done.stdout, time.monotonic() - began)

    return run


@pytest.fixture(scope="session")
def bench(sentences):
    """Return a function that runs pytest as a user would, imports and all."""
    return runner(sys.executable, QUICK[:2], sentences)


@pytest.fixture(scope="session")
def warm(warm_python, sentences):
    """Return a function that does the same with a Python that has done its imports."""
    return runner(warm_python, QUICK, sentences)


@pytest.fixture(scope="session")
def by_words(warm_python):
    """Return a function that runs pytest there with the given words and no others."""

    def run(words, cwd, env=None):
        began = time.monotonic()
        done = subprocess.run(
            [warm_python, "-m", "pytest", *map(str, words)],
            cwd=cwd,
            env=clean_environment(PYTEST_ADDOPTS=shlex.join(QUICK), **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return Finished(done.returncode, done.stdout, time.monotonic() - began)

    return run


@pytest.fixture(scope="session")
def lock(tmp_path_factory):
    """Write a lock file with three hub models: their numbers are known, their files are not."""
    path = tmp_path_factory.mktemp("lock") / "zoo.lock.json"
    files = {
        name: LockedFile(7, "b" * 64)
        for name in ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt")
    }
    content = Lock(path, {}, {})
    for name in HEADS:
        entry = Entry(HUB_IDS[name], "model", "c" * 40, "2026-11-23", files, structure_of(name))
        content = content.with_entry(entry)
    write_lock(content)
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Return a folder with a BERT of a few kilobytes, for runs in which any model will do."""
    return saved_bert(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def project(tmp_path):
    """Return a folder as a user would set it up: an ini file, and room for bench files."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text(
        "[pytest]\n"
        "python_files = bench_*.py\n"
        "python_functions = bench_*\n"
        "addopts = -p analog_bench.plugin --strict-markers\n"
    )
    return folder


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Return a folder with two models of a few kilobytes and two studies of them."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "pytest.ini").write_text(
        "[pytest]\npython_files = bench_*.py\npython_functions = bench_*\n"
        "addopts = -p analog_bench.plugin --strict-markers\nanalog_bench_baselines = stored\n"
        "analog_bench_report = off\n"
    )
    (folder / "bench").mkdir()
    (folder / "bench/bench_two.py").write_text(BENCH)
    saved_bert(folder / "mine")
    saved_gpt2(folder / "second")
    return folder


@pytest.fixture(scope="module")
def measured(by_words, studies):
    """Return a function that runs the studies there; results go to a file of this name."""

    def run(name, *args, first=()):
        words = ["-p", "no:cacheprovider", *first, "bench", "--model=./mine", "--model=./second"]
        where = {"PYTHONPATH": f"{studies}:{ROOT}"}
        return by_words([*words, f"--json={name}", *args], studies, where)

    return run


@pytest.fixture(scope="module")
def whole(measured, studies):
    """Measure everything on one machine, against a baseline from which two layers differ."""
    done = measured("update.json", "--update-baselines", "-k", "second_alone")
    assert done.code == 0, done.out
    path = studies / "stored/direct/second/alone.json"
    content = json.loads(path.read_text())
    # One was worse, by the baseline, and one no guess, which all of so small a model is.
    for case, by in ((CHANGED, 1.0), (BROKEN, -1.0)):
        (entry,) = content["cases"][case].values()
        for chip in entry["chips"]:
            chip["scores"]["cross_entropy"] += by
    path.write_text(json.dumps(content))
    done = measured("whole.json")
    assert done.code == 1, done.out
    return read_run(studies / "whole.json")
