import json
import platform
import subprocess
import sys

from analog_bench.store.environment import (
    PACKAGES,
    checkout_commit,
    collect_environment,
    cpu_model,
    package_version,
)


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
