"""Releases as they are written on the command line, and the Python and torch they get."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from analog_bench.commands.releases import split_words
from analog_bench.errors import ReleaseFailed, UsageError
from analog_bench.regular_file import MOST_BYTES
from analog_bench.releases.installer import find_python
from analog_bench.releases.python_and_torch import PYTHONS, Wanted, choose
from analog_bench.releases.release_source import source_of
from analog_bench.releases.release_spec import Release, parse_release, parse_releases
from analog_bench.simulators.versions import MEASURED, WHEELS
from tests.commands.parsing import parse

HERE = ".".join(platform.python_version_tuple()[:2])


def wanted(version, torch=None, python=None):
    return Wanted(version, (python,) if python else WHEELS.get(version, PYTHONS), torch)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.0", Release("1.2.0", "version", None, None, "1.2.0")),
        ("latest", Release("latest", "latest", None, None, "latest")),
        (
            "1.2.0:torch=2.15.0,python=3.12,name=new",
            Release("1.2.0", "version", "2.15.0", "3.12", "new"),
        ),
        (
            "git+https://example.org/ibm/aihwkit.git@main:torch=2.15.0",
            Release(
                "git+https://example.org/ibm/aihwkit.git@main",
                "git",
                "2.15.0",
                None,
                "aihwkit@main",
            ),
        ),
        (
            f"1.1.0:python={sys.executable}",
            Release("1.1.0", "version", None, sys.executable, "1.1.0"),
        ),
    ],
)
def test_what_can_be_written(text, expected):
    assert parse_release(text) == expected


def test_files_and_folders(tmp_path):
    wheel = tmp_path / "aihwkit-1.2.0+mine-cp312-cp312-linux_x86_64.whl"
    archive, folder = tmp_path / "aihwkit-1.3.0.tar.gz", tmp_path / "sources"
    for path in (wheel, archive):
        path.write_bytes(b"content")
    (folder / "src" / "aihwkit").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / "src" / "aihwkit" / "VERSION.txt").write_text("1.4.0\n")
    found = [parse_release(str(path)) for path in (wheel, archive, folder)]
    assert [r.kind for r in found] == ["wheel", "archive", "folder"]
    assert [r.name for r in found] == ["aihwkit-1.2.0+mine", "aihwkit-1.3.0", "sources"]
    made = [source_of(release) for release in found]
    assert [source.version for source in made] == ["1.2.0", "1.3.0", "1.4.0"]
    assert [source.pythons for source in made] == [("3.12",), PYTHONS, PYTHONS]
    assert [source.built for source in made] == [False, True, True]


def test_a_folder_is_told_by_its_content_and_not_by_what_a_build_leaves(tmp_path):
    (tmp_path / "setup.py").write_text("one")
    release = parse_release(str(tmp_path))
    first = source_of(release).digest
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "setup.pyc").write_text("x")
    (tmp_path / "rpu_base.so").write_text("x")
    (tmp_path / "aihwkit.egg-info").mkdir()
    (tmp_path / "aihwkit.egg-info" / "PKG-INFO").write_text("x")
    assert source_of(release).digest == first
    (tmp_path / "setup.py").write_text("two")
    assert source_of(release).digest != first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.2.O", "did you mean '1.2.0'"),
        ("nowhere/aihwkit-1.2.0.whl", "no such file"),
        ("1.2.0:touch=2.15.0", "'touch=2.15.0' is no option"),
        ("1.2.0:torch=2.15.0,torch=2.11.0", "gives torch twice"),
        ("1.2.0:torch=new", "torch 'new' is no version"),
        ("1.2.0:python=/no/such/python", "neither a version such as 3.12 nor"),
        (".", "neither pyproject.toml nor setup.py"),
    ],
)
def test_mistakes_are_one_line(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said) as caught:
        parse_release(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["1.2", "v1.2.0", "1.2.0"])
def test_a_version_is_known_however_it_is_spelt(text):
    source = source_of(parse_release(text))
    assert (source.version, source.pythons) == ("1.2.0", WHEELS["1.2.0"])


def test_wheels_that_are_none_of_ours(tmp_path):
    for name, said in (
        ("numpy-2.0-py3-none-any.whl", "a wheel of numpy"),
        ("aihwkit-1.2.0-cp39-cp39-linux_x86_64.whl", "made for cp39"),
        ("aihwkit.whl", "no name of a wheel"),
    ):
        (tmp_path / name).touch()
        with pytest.raises(UsageError, match=said):
            source_of(parse_release(str(tmp_path / name)))


def test_a_wheel_that_cannot_be_read(tmp_path):
    release = parse_release(str(_large(tmp_path / "aihwkit-1.2.0-cp312-cp312-linux_x86_64.whl")))
    with pytest.raises(UsageError, match="cannot be read: it is larger than"):
        source_of(release)
    release = parse_release(str(_large(tmp_path / "aihwkit-1.2.0.tar.gz")))
    (tmp_path / "aihwkit-1.2.0.tar.gz").unlink()
    os.mkfifo(tmp_path / "aihwkit-1.2.0.tar.gz")
    with pytest.raises(UsageError, match="cannot be read: it is not an ordinary file"):
        source_of(release)
    (tmp_path / "aihwkit-1.2.0.tar.gz").unlink()
    with pytest.raises(UsageError, match=r"cannot be read: .*No such file"):
        source_of(release)


def _large(path):
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    return path


def test_one_version_with_two_torches_has_two_names():
    first, second = parse_releases(["1.1.0", "1.1.0:torch=2.10.0"], torch=None)
    assert (first.name, second.name) == ("1.1.0", "1.1.0 torch 2.10.0")
    with pytest.raises(UsageError, match=r"two releases would be called '1\.1\.0'"):
        parse_releases(["1.1.0", "1.1.0"])


def test_options_for_all_are_for_those_that_name_none():
    found = parse_releases(["1.1.0:torch=2.10.0", "1.2.0"], torch="2.15.0", python="3.12")
    assert [(r.torch, r.python) for r in found] == [("2.10.0", "3.12"), ("2.15.0", "3.12")]


def test_releases_share_a_python_where_both_are_measured_on_it():
    for here in PYTHONS:
        old, new = choose([wanted("1.1.0"), wanted("1.2.0")], here)
        assert (old.python, old.torch, new.python, new.torch) == (
            "3.12",
            "2.11.0",
            "3.12",
            "2.15.0",
        )
        assert old.measured in MEASURED
        assert new.measured in MEASURED


def test_a_release_alone_runs_on_the_python_that_is_here():
    assert [choose([wanted("1.1.0")], here)[0].python for here in ("3.11", "3.12")] == [
        "3.11",
        "3.12",
    ]
    # Measured elsewhere only: a measured Python is better than this one.
    assert choose([wanted("1.1.0")], "3.10")[0].measured is not None


def test_what_nobody_measured():
    (unknown,) = choose([Wanted("9.9.9", PYTHONS, None)], "3.11")
    assert (unknown.python, unknown.torch, unknown.measured) == ("3.11", None, None)
    (elsewhere,) = choose([wanted("1.2.0", python="3.13")], "3.11")
    assert (elsewhere.python, elsewhere.torch, elsewhere.measured) == ("3.13", "2.15.0", None)
    (asked,) = choose([wanted("1.2.0", torch="2.99.0")], "3.12")
    assert (asked.torch, asked.measured) == ("2.99.0", None)
    (worse,) = choose([wanted("1.1.0", torch="2.15.0")], "3.11")
    assert worse.measured is not None
    assert not worse.measured.cpp_tile


def test_an_old_release_does_not_keep_the_others_apart():
    found = choose([wanted("0.9.2"), wanted("1.1.0"), wanted("1.2.0")], "3.11")
    assert [choice.python for choice in found] == ["3.10", "3.12", "3.12"]


def test_measured_pairs_can_be_installed():
    assert {pair.python for pair in MEASURED} <= set(PYTHONS)
    assert all(pair.python in WHEELS[pair.aihwkit] for pair in MEASURED)


def test_this_interpreter_is_found_first(monkeypatch):
    # uv says the path of an interpreter in the working folder relative to it.
    monkeypatch.chdir(Path(sys.prefix).parent)
    found = find_python(HERE)
    assert (found.path, found.version) == (sys.executable, platform.python_version())


@pytest.mark.parametrize("wanted", ["3.4", "3.99"])
def test_a_python_that_is_not_there(wanted):
    with pytest.raises(
        ReleaseFailed, match=f"no Python {wanted} was found.*uv python install {wanted}"
    ):
        find_python(wanted)


def test_what_is_no_interpreter():
    with pytest.raises(ReleaseFailed, match="'/bin/true' does not answer as an interpreter"):
        find_python("/bin/true")


def test_an_interpreter_may_be_named_from_here(tmp_path, monkeypatch):
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    named = parse_release("1.2.0:python=python").python
    assert named == str(tmp_path / "python")
    assert find_python(named).version == platform.python_version()


def test_pyenv_is_looked_at_even_where_its_shims_only_complain(tmp_path, monkeypatch):
    real = tmp_path / "versions" / HERE / "bin" / f"python{HERE}"
    real.parent.mkdir(parents=True)
    real.symlink_to(sys.executable)
    shim = tmp_path / "shims" / f"python{HERE}"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(shim.parent))
    # Another Python runs this, as far as it can tell.
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert find_python(HERE).path == str(real)


def test_a_repository_is_read_by_its_commit(tmp_path):
    def git(*words):
        author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        return subprocess.run(
            ["git", "-C", str(tmp_path), *author, *words],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    git("init", "--quiet", "--initial-branch", "main")
    (tmp_path / "setup.py").touch()
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    commit = git("rev-parse", "HEAD")
    source = source_of(parse_release(f"git+file://{tmp_path}@main"))
    assert source.requirement == f"aihwkit @ git+file://{tmp_path}@{commit}"
    assert (source.digest, source.built) == (commit, True)
    assert source_of(parse_release(f"git+file://{tmp_path}")).digest == commit
    with pytest.raises(ReleaseFailed, match="git ls-remote"):
        source_of(parse_release(f"git+file://{tmp_path}/nowhere@main"))


def words(*line):
    options = parse(["releases", *line])
    return (*split_words(options["words"]), options)


def test_options_before_and_behind_the_releases():
    names, rest, options = words("--no-cases", "1.1.0", "1.2.0", "--json", "--turns", "3")
    assert (names, rest) == (["1.1.0", "1.2.0"], [])
    assert (options["no_cases"], options["as_json"], options["turns"]) == (True, True, 3)
    names, rest, options = words(
        *("1.1.0", "1.2.0", "-k", "bert_layer_noise", "--layer", "encoder.layer.0.*"),
        *("--torch", "2.11.0", "--chips", "3", "-n", "2"),
    )
    assert names == ["1.1.0", "1.2.0"]
    assert rest == [
        *("-k", "bert_layer_noise", "--layer", "encoder.layer.0.*", "--chips", "3", "-n", "2")
    ]
    assert (options["torch"], options["as_json"]) == ("2.11.0", False)
    assert words("1.1.0", "1.2.0", "--turns", "0")[2]["turns"] == 0
    assert words("--json", "1.1.0", "1.2.0", "--turns", "3")[2]["as_json"] is True


def test_what_this_command_decides_itself():
    with pytest.raises(UsageError, match="--update-baselines has no place here: releases are"):
        words("1.1.0", "1.2.0", "--update-baselines")
    with pytest.raises(UsageError, match="--co has no place here: nothing would be measured"):
        words("1.1.0", "1.2.0", "-k", "bert", "--co")
