"""Environments: what determines them, and that only whole ones are used. Real uv, tiny wheels."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time

import pytest
import tiny_wheels
from msgspec.structs import replace
from uv import find_uv_bin

from analog_bench.cache_folder import CACHE_VARIABLE
from analog_bench.errors import ReleaseFailed, StoreError, UsageError
from analog_bench.releases import environment_recipe as recipes
from analog_bench.releases import installer
from analog_bench.releases.environment_recipe import Interpreter, Recipe, recipe_of, requirements
from analog_bench.releases.installer import newest_version, reason
from analog_bench.releases.python_and_torch import Chosen
from analog_bench.releases.release_environment import ensure, environments, read_environment
from analog_bench.releases.release_source import Source, source_of
from analog_bench.releases.release_spec import parse_release

HERE = Interpreter(sys.executable, ".".join(map(str, sys.version_info[:3])))
RECIPE = Recipe(
    aihwkit="aihwkit==1.2.0",
    digest="1.2.0",
    built=False,
    torch="2.15.0",
    python=HERE,
    requirements=("numpy>=2.0",),
    constraints=("numpy==2.4.6",),
    backend="",
    system="Linux x86_64",
)


def told(lines):
    return lines.append


def test_everything_that_matters_is_in_the_key_and_nothing_else():
    changed = {
        "aihwkit": "aihwkit==1.3.0",
        "digest": "abc",
        "built": True,
        "torch": None,
        "python": replace(HERE, version="3.99.0"),
        "requirements": ("numpy>=2.1",),
        "constraints": (),
        "backend": "cpu",
        "system": "Darwin arm64",
    }
    assert set(changed) == set(RECIPE.__struct_fields__)
    keys = {replace(RECIPE, **{name: value}).key for name, value in changed.items()}
    assert len(keys | {RECIPE.key}) == len(changed) + 1
    # The same wheel elsewhere, and the same Python elsewhere, make the same environment.
    here, there = (replace(RECIPE, aihwkit=f"/{p}/aihwkit.whl", digest="d") for p in "ab")
    assert here.key == there.key
    assert replace(RECIPE, python=replace(HERE, path="/usr/bin/python")).key == RECIPE.key


def test_the_recipe_leaves_aihwkit_and_torch_to_the_release(tmp_path):
    asked = requirements()
    assert any(text.startswith("transformers") for text in asked)
    assert not any(text.startswith(("torch", "aihwkit", "uv")) for text in asked)
    file = tmp_path / "versions.txt"
    file.write_text(
        "# ours\nnumpy==2.4.6 ; python_version >= '3.11'\ntorch==2.1\nwheel==0.4\n-i x\n"
    )
    source = Source("aihwkit==1.2.0", "1.2.0", ("3.12",), "1.2.0", built=False)
    made = recipe_of(source, Chosen("3.12", "2.15.0", None), HERE, file)
    assert made.constraints == ('numpy==2.4.6; python_version >= "3.11"',)
    assert made.torch_requirement == "torch==2.15.0"
    (tmp_path / "latin.txt").write_bytes(b"numpy # \xfc\n")
    os.mkfifo(tmp_path / "pipe.txt")
    for name in ("none", "latin.txt", "pipe.txt", ".", "/dev/zero"):
        with pytest.raises(UsageError, match="cannot read the constraints"):
            recipe_of(source, Chosen("3.12", None, None), HERE, tmp_path / name)


def test_requirements_of_an_installed_package_are_those_it_was_installed_with(monkeypatch):
    monkeypatch.setattr(recipes, "_PROJECT_FILE", "no such file")
    assert any(text.startswith("transformers") for text in requirements())
    monkeypatch.setattr(recipes, "PROJECT", "no-such-project")
    with pytest.raises(UsageError, match="is not installed"):
        requirements()


def test_an_environment_is_built_once(cache):
    first = ensure(RECIPE, "1.2.0", told([]))
    assert first.fresh
    assert first.versions == {"aihwkit": "1.2.0", "numpy": "2.4.6", "torch": "2.15.0"}
    code = "import aihwkit, sys; print(sys.prefix)"
    done = subprocess.run([first.python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(first.folder))
    second = ensure(RECIPE, "other name", told([]))
    assert second == replace(first, fresh=False)
    assert environments() == [second]
    assert ensure(RECIPE, "1.2.0", told([]), rebuild=True).fresh


def test_a_half_built_environment_is_never_used(cache):
    made = ensure(RECIPE, "1.2.0", told([]))
    (made.folder / "environment.json").unlink()
    (made.folder / "leftover").touch()
    assert environments() == []
    again = ensure(RECIPE, "1.2.0", told([]))
    assert again.fresh
    assert not (again.folder / "leftover").exists()
    # Nor one whose interpreter is gone.
    made.python.unlink()
    assert ensure(RECIPE, "1.2.0", told([])).fresh
    (made.folder / "environment.json").write_text("{")
    assert read_environment(made.folder) is None


def test_what_cannot_be_had_says_why_and_leaves_nothing(cache):
    with pytest.raises(ReleaseFailed) as caught:
        ensure(replace(RECIPE, torch="9.9.9"), "1.2.0", told([]))
    assert "torch==9.9.9" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count(".log") == 1
    assert environments() == []
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_two_processes_build_it_once(cache):
    lines = []
    found = []

    def build():
        found.append(ensure(RECIPE, "1.2.0", told(lines)))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made.fresh for made in found) == [False, True]


def test_a_killed_build_is_built_again(cache, tmp_path):
    slow = tmp_path / "bin" / "uv"
    slow.parent.mkdir()
    slow.write_text(
        f"#!/bin/sh\n[ $1 = venv ] && exec {find_uv_bin()} $@\ntouch {tmp_path}/began\nsleep 60\n"
    )
    slow.chmod(0o755)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from analog_bench.releases import installer, release_environment\n"
        f"installer.find_uv_bin = lambda: {str(slow)!r}\n"
        "from test_release_environment import RECIPE\n"
        "release_environment.ensure(RECIPE, 'killed', print)\n"
    )
    command = [sys.executable, "-c", code, os.path.dirname(__file__)]
    process = subprocess.Popen(command, start_new_session=True)
    while not (tmp_path / "began").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (cache / RECIPE.key / "venv").is_dir()
    assert ensure(RECIPE, "1.2.0", told([])).fresh


def test_a_cache_that_cannot_be_written(cache, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, "/proc/nowhere")
    with pytest.raises(StoreError, match=f"choose another folder with {CACHE_VARIABLE}"):
        ensure(RECIPE, "1.2.0", told([]))


BACKEND = """
import sys
from importlib.metadata import version
from pathlib import Path
sys.path.insert(0, {tests!r})
import tiny_wheels

def build_wheel(folder, *_):
    return tiny_wheels.wheel(Path(folder), "aihwkit", "1.2.0+torch" + version("torch")).name
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Provide sources whose build notes the torch that it sees, and what an earlier one left."""
    folder = tmp_path / "aihwkit-1.2.0"
    (folder / "_skbuild").mkdir(parents=True)
    (folder / "_skbuild" / "compiled.o").write_text("for another torch")
    (folder / "backend.py").write_text(BACKEND.format(tests=os.path.dirname(__file__)))
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: aihwkit\nVersion: 1.2.0\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    monkeypatch.setattr(installer, "BUILD_NEEDS", ())
    return folder


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_sources_are_built_for_each_torch(cache, sources, kind):
    given = sources
    if kind == "archive":
        shutil.rmtree(sources / "_skbuild")
        given = sources.with_suffix(".0.tar.gz")
        with tarfile.open(given, "w:gz") as archive:
            archive.add(sources, sources.name)
    before = sorted(sources.rglob("*"))
    made = source_of(parse_release(str(given)))
    recipe = replace(RECIPE, aihwkit=made.requirement, digest=made.digest, built=made.built)
    for torch in ("2.15.0", "2.16.0"):
        # The build sees the torch that stands there; in isolation there would be none, and from a
        # cache, or from what a build left behind, it would be the first one.
        built = ensure(replace(recipe, torch=torch), "mine", told([]))
        assert built.versions["aihwkit"] == f"1.2.0+torch{torch}"
    assert sorted(sources.rglob("*")) == before


def test_a_version_without_a_wheel_is_not_compiled(cache, sources, tmp_path):
    with tarfile.open(tmp_path / "index" / "aihwkit-1.3.0.tar.gz", "w:gz") as archive:
        archive.add(sources, "aihwkit-1.3.0")
    recipe = replace(RECIPE, aihwkit="aihwkit==1.3.0", digest="1.3.0")
    with pytest.raises(ReleaseFailed, match=r"aihwkit==1\.3\.0 has no usable wheels"):
        ensure(recipe, "1.3.0", told([]))


def test_the_newest_release_is_the_one_on_the_index(cache, tmp_path, monkeypatch):
    for version in ("1.10.0", "1.9.0"):
        tiny_wheels.wheel(tmp_path / "index", "aihwkit", version)
    assert newest_version() == "1.10.0"
    for path in (tmp_path / "index").glob("aihwkit*"):
        path.unlink()
    for uv in (find_uv_bin(), "/no/such/uv"):
        monkeypatch.setattr(installer, "find_uv_bin", lambda uv=uv: uv)
        with pytest.raises(ReleaseFailed, match=r"does not tell the newest aihwkit: \S"):
            newest_version()


def test_the_reason_is_what_the_installer_says_last():
    uv = ["Resolving", "  × No solution found when resolving dependencies:", "  ╰─▶ Because a, b."]
    assert reason(uv, 1) == "Resolving No solution found when resolving dependencies: Because a, b."
    assert reason(["ok", "ERROR: No matching distribution", "note"], 1).startswith(
        "ERROR: No match"
    )
    assert reason([], 7) == "the installer ended with code 7"
    long = reason(["error: the build failed", "x" * 999, "KeyError: why"], 1)
    assert long.startswith("error: the build failed x")
    assert long.endswith("x KeyError: why")
    assert len(long) <= 400
