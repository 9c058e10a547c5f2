"""Runs of code of a user's own: results say which, and an edited noise is no regression."""

import hashlib
import subprocess

import pytest

from analog_bench.cli import main
from tests.own_folders import saved_bert
from tests.plugin.test_own_files import STOPPER, forget, run_of

NOISE = """
from dataclasses import dataclass

import torch

from analog_bench.analog.layers import weight_of
from analog_bench.analog.noise_effects import handles
from analog_bench.analog.weight_noise import WeightNoise
from analog_bench.noise import Noise, family


@family
@dataclass(frozen=True)
class Dead(Noise):
    NAME, WHERE, DRAWN_ONCE = "dead", "weight", True
    share: float = 0.05


@handles(Dead)
def dead(noise, site):
    weight = weight_of(site.place.module).detach()
    generator = torch.Generator().manual_seed(site.seed("program"))
    alive = torch.rand(weight.shape, generator=generator) >= noise.share
    return WeightNoise(site, weight * alive.to(weight))
"""
WORSE = NOISE.replace("alive.to(weight)", "(alive * 0.01).to(weight)")
BENCH = """
import pytest
from my_noises import Dead

from analog_bench.noise import WhiteOutput
from analog_bench.study import Budget, Study

STUDY = Study(
    name="mine",
    question="is it the same noise?",
    models=("bert",),
    noises=(Dead(), WhiteOutput()),
    layers="all",
    budgets={"smoke": Budget(chips=2, examples=4)},
)


@pytest.mark.study(STUDY)
def bench_mine(case, measure, baseline):
    baseline.check(measure(case))
"""


def git(folder, *words):
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def mine(warm, project, tmp_path, tiny):
    """Return a function that runs the study of a user's own, whose files are in `project/bench`."""
    bench = project / "bench"
    bench.mkdir()
    (bench / "bench_mine.py").write_text(BENCH)
    (bench / "my_noises.py").write_text(NOISE)
    (bench / "conftest.py").write_text("")
    (tmp_path / "stopper.py").write_text(STOPPER)

    def run(*args):
        return warm("--model", tiny, *args, folder=tmp_path, cwd=project, first_on_path=[tmp_path])

    return run


def by_noise(folder):
    """Return the results of a run by the family of their noise."""
    return {result["noise"].split(":")[0]: result for result in run_of(folder)["results"]}


def test_an_edited_noise_is_stale_and_no_regression(mine, project, tmp_path):
    file = project / "bench" / "my_noises.py"
    done = mine("--update-baselines")
    assert done.code == 0, done.out
    first = by_noise(tmp_path)
    assert first["white_output"]["sources"] == []
    assert first["dead"]["sources"] == [
        {"role": "noise", "file": "bench/my_noises.py", "sha256": sha256(file)}
    ]
    (tmp_path / "results.json").rename(tmp_path / "before.json")
    # The page of the study may change: it defines none of the noises.
    with (project / "bench" / "bench_mine.py").open("a") as bench:
        bench.write("# a remark\n")
    same = mine()
    assert same.code == 0, same.out
    assert "2 equivalent" in same.out, same.out
    forget(tmp_path)
    file.write_text(WORSE)
    edited = mine("--report", "on")
    assert edited.code == 0, edited.out
    assert "1 equivalent" in edited.out
    assert "1 stale" in edited.out
    assert "regressed" not in edited.out
    page = (tmp_path / "results.html").read_text().replace("<wbr>", "")
    assert "noise in bench/my_noises.py has changed since the baseline" in page
    assert f"bench/my_noises.py {sha256(file)[:8]}" in page
    # What is stored anew is what later runs are compared with.
    forget(tmp_path)
    assert mine("--update-baselines").code == 0
    forget(tmp_path)
    assert "2 equivalent" in mine().out


def test_two_runs_are_compared_by_what_their_noises_were(mine, capsys, project, tmp_path):
    assert mine("--gate", "off").code == 0
    (tmp_path / "results.json").rename(tmp_path / "before.json")
    before = sha256(project / "bench" / "my_noises.py")
    (project / "bench" / "my_noises.py").write_text(WORSE)
    after = sha256(project / "bench" / "my_noises.py")
    assert mine("--gate", "off").code == 0
    files = [str(tmp_path / "before.json"), str(tmp_path / "results.json")]
    assert main(["compare", *files]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "1 equivalent, 1 stale" in out
    assert f"bench/my_noises.py: sha256 {before[:8]} -> sha256 {after[:8]}" in out


def test_a_noise_edited_between_kill_and_resume_is_measured_again(mine, project, tmp_path):
    # The second case never comes: what is held is of the first, the user's noise.
    stopped = mine("-p", "stopper")
    assert stopped.code == 9, stopped.out
    (project / "bench" / "my_noises.py").write_text(WORSE)
    done = mine("--resume")
    assert done.code == 0, done.out
    found = by_noise(tmp_path)
    assert found["dead"]["sources"][0]["sha256"] == sha256(project / "bench" / "my_noises.py")
    (tmp_path / "results.json").rename(tmp_path / "resumed.json")
    assert mine().code == 0
    alone = by_noise(tmp_path)
    assert [chip["scores"] for chip in found["dead"]["chips"]] == [
        chip["scores"] for chip in alone["dead"]["chips"]
    ]


def test_the_repository_of_the_bench_files_is_recorded(mine, project, tmp_path):
    one = ("--noise", "white_output", "--gate", "off", "--report", "on")
    assert mine(*one).code == 0
    assert run_of(tmp_path)["manifest"]["sources"]["repository"] is None
    assert "in no git repository" in (tmp_path / "results.html").read_text()
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    commit = git(project, "rev-parse", "HEAD")
    bench = project / "bench"
    changes = {
        "": lambda: (project / "not of the run, nor tracked.txt").write_text("n"),
        "-dirty": lambda: (bench / "conftest.py").write_text("# edited\n"),
    }
    for dirty, change in changes.items():
        change()
        forget(tmp_path)
        assert mine(*one).code == 0
        sources = run_of(tmp_path)["manifest"]["sources"]
        assert sources["repository"] == {"folder": "project", "commits": [commit + dirty]}
        assert f"project at {commit[:9]}{dirty}" in (tmp_path / "results.html").read_text()
    assert sources["files"] == [
        {"role": role, "file": f"bench/{name}", "sha256": sha256(bench / name)}
        for role, name in (("bench", "bench_mine.py"), ("conftest", "conftest.py"))
    ]
    # A bench file that no commit holds.
    git(project, "checkout", "-q", "bench/conftest.py")
    git(project, "rm", "-q", "--cached", "bench/bench_mine.py")
    git(project, "commit", "-qm", "second")
    forget(tmp_path)
    done = mine(*one, "-n", "1")
    assert done.code == 0, done.out
    (found,) = run_of(tmp_path)["manifest"]["sources"]["repository"]["commits"]
    assert found == git(project, "rev-parse", "HEAD") + "-dirty"


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "with -n 1"])
@pytest.mark.parametrize("changed", ["weights", "tokeniser"])
def test_a_model_changed_between_kill_and_resume_is_refused(warm, tmp_path, changed, workers):
    folder = saved_bert(tmp_path / "tiny")
    (tmp_path / "stopper.py").write_text(STOPPER)
    few = ("--model", folder, "--layer", "*0.attention.self.query", "--chips", "1")
    few = (*few, "--examples", "3", "--noise", "white_output", "--noise", "white_output:2")
    stopped = warm(*few, "-p", "stopper", folder=tmp_path, first_on_path=[tmp_path])
    assert stopped.code == 9, stopped.out
    if changed == "weights":
        saved_bert(folder, initializer_range=0.5)
    else:
        vocabulary = folder / "vocab.txt"
        vocabulary.write_text(vocabulary.read_text().replace("\na\nb\n", "\nb\na\n"))
    done = warm(*few, "--resume", *workers, folder=tmp_path)
    assert done.code == (1 if workers else 4), done.out
    assert "Traceback" not in done.out
    said = {"weights": "weights ", "tokeniser": "the tokeniser or the data"}[changed]
    lines = [line for line in done.out.splitlines() if "cannot resume: tiny (direct)" in line]
    assert lines, done.out
    assert said in lines[0], done.out
    assert (tmp_path / "results.json.journal").exists()
