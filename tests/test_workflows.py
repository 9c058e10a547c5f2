"""The workflows: they are well formed, call what there is, and the night's conclusion really runs.

Its steps are run as GitHub runs them, two nights in a row: with git and a repository of its own,
`make`, and a program that stands for `gh`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
import yaml
from packaging.requirements import Requirement

from analog_bench.cli import main
from analog_bench.commands.releases import split_words
from analog_bench.history.database import History
from analog_bench.releases.release_spec import parse_releases
from tests.commands.github_stand_in import GitHubStandIn
from tests.commands.parsing import parse
from tests.history.nights import result, write_night

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for folder in (ROOT, ROOT / "starter")
    for path in (folder / ".github/workflows").glob("*.yml")
)
NIGHTLY, TESTS = (
    yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    for name in ("nightly", "tests")
)
BIN = Path(sys.executable).parent
GOOD, BAD = (70.0, 71.0, 69.0), (61.0, 62.2, 59.9)


def steps_of(workflow):
    """Return the shell scripts of a workflow, each with its name."""
    return [
        (f"{job}: {step.get('name', '')}", step["run"])
        for job, content in workflow["jobs"].items()
        for step in content["steps"]
        if "run" in step
    ]


def made():
    """Return the scripts that call make."""
    return [
        pytest.param(script, id=name)
        for workflow in (NIGHTLY, TESTS)
        for name, script in steps_of(workflow)
        if "make " in script
    ]


def shell(script, folder, **env):
    """Run a step as GitHub does."""
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={
            # Nothing that make or git would take for its own: OUT, RUNS, MAKEFLAGS, GIT_DIR.
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **env,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path):
    """Return a folder with what make needs, and this environment."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    with_environment(folder)
    return folder


def with_environment(folder):
    """Let this environment be the one that make would set up there."""
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(BIN)
    (folder / ".venv/.made-from-constraints").touch()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actionlint_finds_nothing(path):
    program = shutil.which("actionlint", path=os.pathsep.join([str(BIN), os.environ["PATH"]]))
    if program is None:
        pytest.skip("no actionlint here")
    done = subprocess.run([program, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("script", made())
def test_make_has_what_the_workflows_ask_of_it(script, checkout):
    makefile = (ROOT / "Makefile").read_text()
    variables = set(re.findall(r"^(\w+) \?=", makefile, re.M))
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split())
    for line in re.findall(r"make (.+)", script.replace("\\\n", "")):
        words = [word for word in shlex.split(line.partition("|")[0]) if word != "--silent"]
        assert words[0] in targets
        assert {word.partition("=")[0] for word in words[1:]} <= variables
        done = shell(f"make -n {' '.join(words[:1])}", checkout)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("asked", ["", "-k 'bert_drift or noise' --chips 3"])
@pytest.mark.parametrize(("job", "own"), [("smoke", []), ("gpu", ["--budget", "nightly"])])
def test_a_job_measures_a_night(job, own, asked, checkout):
    (script,) = [s for name, s in steps_of(NIGHTLY) if name == f"{job}: Measure"]
    done = shell(script.replace("make ", "make -n "), checkout, PYTEST_ARGS=asked)
    (line,) = done.stdout.splitlines()
    program, *words = shlex.split(line)
    assert program == ".venv/bin/analog-bench"
    found = parse(words)
    words = list(found["words"])
    assert words[: len(own)] == own
    assert words[len(words) - len(shlex.split(asked)) :] == shlex.split(asked)
    # What is kept, and what is uploaded.
    steps = NIGHTLY["jobs"][job]["steps"]
    fetched = next(step for step in steps if step.get("name") == "Fetch the history")
    assert str(found["history"]) == fetched["with"]["path"]
    uploaded = next(step for step in steps if "upload-artifact" in step.get("uses", ""))
    assert str(found["out"] / "bench-*") == uploaded["with"]["path"]


def test_releases_are_ones_that_can_be_compared(checkout):
    (script,) = [s for name, s in steps_of(NIGHTLY) if name == "releases: Compare"]
    dry = script.replace("make ", "make -n ")
    for asked, chips in (("", ["--chips", "3"]), ("-k bert_drift", ["-k", "bert_drift"])):
        summary = checkout / "summary.md"
        done = shell(dry, checkout, PYTEST_ARGS=asked, GITHUB_STEP_SUMMARY=str(summary))
        assert done.returncode == 0, done.stderr
        assert done.stdout == summary.read_text()
        words = shlex.split(done.stdout.splitlines()[0])[1:]
        summary.unlink()
        found = parse(words)
        names, for_pytest = split_words(found["words"])
        assert [one.kind for one in parse_releases(names)] == ["version", "latest", "git"]
        assert for_pytest == ["-k", "layer_noise", *chips]
        assert found["markdown"]


def test_the_pairs_of_the_tests_are_those_of_the_project():
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    matrix = TESTS["jobs"]["tests"]["strategy"]["matrix"]["include"]
    named = {re.search(r"3\.\d+$", c)[0] for c in project["classifiers"] if "3." in c}
    assert {row["python"] for row in matrix} == named
    for row in [*matrix, *NIGHTLY["jobs"]["smoke"]["strategy"]["matrix"]["include"]]:
        for name in {"aihwkit", "torch"} & row.keys():
            (pinned,) = [
                one
                for one in wanted
                if one.name == name and one.marker.evaluate({"python_version": row["python"]})
            ]
            assert str(pinned.specifier) == f"=={row[name]}"


def test_the_conclusion_keeps_the_history_and_opens_issues(checkout, tmp_path, monkeypatch):
    github = GitHubStandIn(tmp_path / "github", labels=["regression"])
    base = write_night(tmp_path / "base", 0, [result(GOOD)])
    monkeypatch.chdir(checkout)
    assert main(["baselines", "update", str(base)]) == 0
    begin = """
        git init --quiet --bare ../origin.git
        git init --quiet --initial-branch main .
        git remote add origin "$(cd ../origin.git && pwd)"
        git config user.name tester && git config user.email tester@example.org
        git add --all && git commit --quiet --message "All of it" && git push --quiet origin main
    """
    assert shell(begin, checkout).returncode == 0
    # The last night again, as somebody may have its jobs run anew, changes nothing.
    for n, (night, scores) in enumerate(((1, GOOD), (2, BAD), (2, BAD))):
        folder = tmp_path / f"job{n}"
        clone = f"git clone --quiet --branch main origin.git {folder.name}"
        assert shell(clone, tmp_path).returncode == 0
        with_environment(folder)
        # Two machines may begin in the same second.
        write_night(folder / "artifacts/night-a", night, [result(GOOD)])
        write_night(folder / "artifacts/night-b", night, [result(scores)], aihwkit="1.2.0")
        conclude(folder, github)
        clone = f"git clone --quiet --branch history origin.git kept{n}"
        assert shell(clone, tmp_path).returncode == 0
        kept = tmp_path / f"kept{n}"
        # Nothing else is on that branch, and what was there stays.
        assert {path.suffix for path in kept.iterdir() if path.is_file()} == {".parquet"}
        runs = History([kept], pytest.fail).rows("select run, aihwkit from runs")
        assert len(runs) == len(set(runs)) == 2 * night
        assert len(github.issues) == night - 1
    log = shell("git log --format=%s history", tmp_path / "origin.git").stdout.splitlines()
    assert [line.startswith("Night of 2") for line in log] == [True, True]
    assert github.issues[0]["title"] == "Regressed: bert × layer_noise"
    assert "aihwkit 1.2.0" in github.issues[0]["body"]
    assert github.comments == []


def conclude(folder, github):
    """Run the job's steps, those of the shell; the others are what the caller has prepared."""
    path = os.pathsep.join([str(github.folder), os.environ["PATH"]])
    for step in NIGHTLY["jobs"]["conclude"]["steps"]:
        if "run" in step:
            done = shell(step["run"], folder / step.get("working-directory", "."), PATH=path)
            assert done.returncode == 0, f"{step['name']}\n{done.stdout}{done.stderr}"


def test_a_night_without_results_ends_the_conclusion(checkout):
    steps = [step for step in NIGHTLY["jobs"]["conclude"]["steps"] if "run" in step]
    done = shell(steps[0]["run"], checkout)
    assert done.returncode != 0
    assert "artifacts/*/bench-*.json" in done.stderr
