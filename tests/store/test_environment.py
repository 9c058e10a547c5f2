import json
import platform
import subprocess
import sys

import pytest
from msgspec.structs import replace

from analog_bench.simulators.versions import package_version
from analog_bench.store.environment import (
    COSMETIC_OPTIONS,
    DECISIVE_ENVIRONMENT,
    PACKAGES,
    checkout_commit,
    collect_environment,
    cpu_model,
    joined_environment,
    resume_conflicts,
)
from analog_bench.store.run import Manifest


def test_the_environment_is_plain_json_and_the_caller_wins():
    found = collect_environment({"device": "cpu", "tiles": ["torch"], "python": "mine"})
    assert json.loads(json.dumps(found)) == found
    assert list(found) == sorted(found)
    assert found["device"] == "cpu"
    assert found["tiles"] == ["torch"]
    assert found["python"] == "mine"
    assert found["platform"] == platform.platform()
    assert found["cpu"]
    assert {*PACKAGES} <= found.keys()


def test_versions_come_from_the_installed_packages():
    import scipy

    assert package_version("scipy") == scipy.__version__
    assert package_version("no-such-package-of-anyone") is None
    assert "\n" not in cpu_model()


def git(folder, *words):
    command = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_the_checkouts_own(tmp_path, monkeypatch):
    package = tmp_path / "checkout" / "analog_bench"
    package.mkdir(parents=True)
    (package / "module.py").write_text("a = 1\n")
    top = package.parent
    assert checkout_commit(package) is None  # no repository
    git(top, "init")
    assert checkout_commit(package) is None  # no commit
    git(top, "add", ".")
    git(top, "commit", "-m", "first")
    commit = git(top, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert checkout_commit(package) == commit
    (package / "untracked.py").write_text("")
    assert checkout_commit(package) == commit
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert checkout_commit(package) == commit
    monkeypatch.delenv("GIT_DIR")
    (package / "module.py").write_text("a = 2\n")
    assert checkout_commit(package) == f"{commit}-dirty"
    installed = top / "venv" / "site-packages" / "analog_bench"
    installed.mkdir(parents=True)
    assert checkout_commit(installed) is None
    monkeypatch.setenv("PATH", "")
    assert checkout_commit(package) is None


def test_store_gate_and_report_need_neither_torch_nor_pytest():
    script = (
        "import sys, pkgutil, importlib\n"
        "for room in ('store', 'gate', 'report'):\n"
        "    package = importlib.import_module('analog_bench.' + room)\n"
        "    for module in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'analog_bench.{room}.{module.name}')\n"
        "print(sorted({'torch', 'aihwkit', 'pytest', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


THERE = {
    **collect_environment({"device": "cuda", "devices": ["cpu", "A"], "threads": 2}),
    **{"torch": "2.11.0", "python": "3.11.7"},
}
OPTIONS = {"budget": "smoke", "chips": "3", "front": "on", "json": "a.json", "device": "cuda"}
STORED = Manifest("2026-01-02T03:04:05+00:00", 1, "pytest", THERE, "a" * 40, OPTIONS)


def environment(**changed):
    return replace(STORED, environment={**THERE, **changed})


def options(**changed):
    kept = {**OPTIONS, **changed}
    return replace(STORED, options={name: word for name, word in kept.items() if word is not None})


@pytest.mark.parametrize(
    "present",
    [
        STORED,
        replace(STORED, created="2027-01-01T00:00:00+00:00", command="pytest --resume"),
        environment(python="3.12.1", platform="other", cpu="other", threads=8, scipy=None),
        environment(datasets="9", tiles={"torch": "works"}),
        options(front="off", json="b.json", resume="yes"),
        options(json=None, front=None),
        replace(STORED, commit="a" * 40 + "-dirty"),
        replace(STORED, commit=None),
        replace(STORED, environment={"torch": "2.11.0"}),  # the rest is not known yet
    ],
)
def test_what_numbers_do_not_depend_on_may_differ(present):
    assert resume_conflicts(STORED, present) == ""
    assert resume_conflicts(present, STORED) == ""


@pytest.mark.parametrize(
    ("present", "said"),
    [
        (replace(STORED, seed=2), "seed was 1, is 2"),
        (replace(STORED, commit="b" * 40), "commit was 'aaaaaaaaaaaa', is 'bbbbbbbbbbbb'"),
        (environment(torch="2.15.0"), "torch was '2.11.0', is '2.15.0'"),
        (environment(torch=None), "torch was '2.11.0', is not given"),
        (environment(devices=["cpu", "B"]), "devices was ['cpu', 'A'], is ['cpu', 'B']"),
        (options(chips="10"), "--chips was '3', is '10'"),
        (options(chips=None), "--chips was '3', is not given"),
        (options(noise="pcm"), "--noise was not given, is 'pcm'"),
        (options(baselines="elsewhere"), "--baselines was not given, is 'elsewhere'"),
        (
            replace(environment(device="cpu", numpy="1"), seed=3, options={}),
            "seed was 1, is 3; numpy was '{numpy}', is '1'; device was 'cuda', is 'cpu'; "
            "--budget was 'smoke', is not given; --chips was '3', is not given",
        ),
    ],
)
def test_what_numbers_depend_on_is_named_in_one_line(present, said):
    said = said.format(**THERE)
    said += "; --device was 'cuda', is not given" * (not present.options and "device" not in said)
    assert resume_conflicts(STORED, present) == said


@pytest.mark.parametrize("name", [n for n in DECISIVE_ENVIRONMENT if n != "device"])
def test_every_decisive_part_of_the_environment_is_collected_and_compared(name):
    assert name in collect_environment({})
    assert f"{name} was " in resume_conflicts(STORED, environment(**{name: "another"}))


def test_the_names_of_gpus_matter_only_to_those_who_use_them():
    one, two = (
        replace(options(device="cpu"), environment={**THERE, "device": "cpu", "devices": names})
        for names in (["cpu", "A"], ["cpu", "B"])
    )
    assert resume_conflicts(one, two) == ""


def test_it_stays_one_line_whatever_stands_in_it():
    strange = options(noise="a\nb\x1b[31m" + "x" * 500, **{"o\np": "q"})
    said = resume_conflicts(STORED, strange)
    assert said.isprintable()
    assert len(said) < 300


def test_every_cosmetic_option_is_documented(request):
    described = (request.config.rootpath / "docs" / "schema.md").read_text(encoding="utf-8")
    resuming = described.split("### Resuming")[1].split("\n## ")[0]
    for name in (*COSMETIC_OPTIONS, *DECISIVE_ENVIRONMENT):
        assert f"`{name}`" in resuming


def test_where_parts_of_a_run_differ_is_recorded_with_whose_it_is():
    one = {"cpu": "Zen 4", "threads": 1, "torch": "2.15.0"}
    other = {**one, "cpu": "Sapphire Rapids"}
    assert joined_environment([one, one], "workers") == one
    assert joined_environment([one, other, one], "workers") == {
        **one,
        "cpu": "Zen 4, Sapphire Rapids",
        "workers": [{"cpu": name} for name in ("Zen 4", "Sapphire Rapids", "Zen 4")],
    }
