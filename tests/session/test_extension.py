"""A user's own file: loaded once, and every mistake in it is one line."""

import os

import pytest

from analog_bench.errors import UsageError
from analog_bench.noise import families, parse_noise
from analog_bench.session.extension import load_extension, run_file
from analog_bench.session.own_hardware import spelt_with_content
from tests.odd_paths import odd_paths

NOISE = """
from dataclasses import dataclass
from analog_bench.noise import Noise, family

@family
@dataclass(frozen=True)
class {cls}(Noise):
    NAME, WHERE = "{name}", "output"
    size: float = 0.5
"""


@pytest.fixture
def forget():
    """Take away the families that a test has added."""
    before = set(families())
    yield
    from analog_bench.noise import noise_family

    for name in set(families()) - before:
        del noise_family._FAMILIES[name]


def test_a_noise_of_the_users_own(tmp_path, forget):
    file = tmp_path / "mine.py"
    file.write_text(NOISE.format(cls="Mine", name="mine"))
    load_extension(file)
    load_extension(file)  # as a second run in this process does
    assert str(parse_noise("mine:0.2")) == "mine:size=0.2"
    with pytest.raises(UsageError, match="no noise family 'mien'; did you mean 'mine'"):
        parse_noise("mien")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module\n", "mine.py, line 1: ModuleNotFoundError: No module named"),
        ("x = 1\nraise ValueError('two\\nlines')\n", "mine.py, line 2: ValueError: two lines"),
        ("def f(:\n", "mine.py: SyntaxError"),
        (NOISE.format(cls="Twin", name="pcm"), "ValueError: two noise families are called 'pcm'"),
    ],
)
def test_a_mistake_in_it_is_one_line(tmp_path, text, said):
    file = tmp_path / "mine.py"
    file.write_text(text)
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            load_extension(file)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "raised",
    ["SystemExit(3)", "__import__('pytest').skip.Exception('not today')", "GeneratorExit('x')"],
)
def test_nothing_in_it_ends_the_session(tmp_path, raised):
    file = tmp_path / "mine.py"
    file.write_text(f"\nraise {raised}\n")
    with pytest.raises(UsageError, match=r"mine\.py, line 2: (SystemExit|Skipped|GeneratorExit)"):
        load_extension(file)


def test_a_path_that_leads_to_no_file(tmp_path):
    for path, why in odd_paths(tmp_path, ".py").items():
        for read in (load_extension, run_file):
            with pytest.raises(UsageError, match="Python file ") as caught:
                read(path)
            assert why in str(caught.value)


def test_a_name_of_any_bytes_is_read(tmp_path):
    file = tmp_path / "bytes\udcff.py"
    file.write_text("x = 5\n")
    assert run_file(file).x == 5
    load_extension(file)


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "my_noise.py").write_text("")
    with pytest.raises(UsageError, match=r"no Python file .*; did you mean 'my_noise\.py'\?"):
        load_extension(tmp_path / "my_nois.py")


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless", "huge", "nowhere", "loop"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "mine.py"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "huge":
        path.touch()
        os.truncate(path, 5 * 2**30)
    else:
        targets = {"endless": "/dev/zero", "nowhere": "missing", "loop": "mine.py"}
        path.symlink_to(targets[kind])
    for read in (load_extension, lambda file: spelt_with_content(f"{file}:tiles")):
        with pytest.raises(UsageError, match=r"cannot read the Python file .*mine\.py: "):
            read(path)
