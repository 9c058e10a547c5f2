"""Only ordinary files are opened, of a size at most, and nothing is waited for."""

import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from analog_bench.regular_file import (
    append_regular,
    check_regular,
    names_beside,
    open_regular,
    read_regular,
)


@pytest.fixture
def others(tmp_path):
    """Return paths of everything that is no ordinary file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    return (
        *(tmp_path / name for name in ("pipe", "link", "socket", ".")),
        *map(Path, ("/dev/zero", "/dev/stdin", "/dev/tty", "/proc/self/fd", "\0", "x" * 5000)),
    )


def test_nothing_else_is_opened(others):
    for path in others:
        for reader in (open_regular, check_regular, read_regular):
            with pytest.raises(OSError, match=r".") as refusal:
                reader(path)
            assert not isinstance(refusal.value, BlockingIOError)


def test_nothing_else_is_added_to(others, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for path in (*others, tmp_path / "loop", tmp_path / "none" / "some"):
        if str(path) != "\0":  # no variable of the environment holds one
            with pytest.raises(OSError, match=r"."):
                append_regular(path, b"words")
    with open(os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK), "rb") as somebody:
        with pytest.raises(OSError, match="not an ordinary file"):
            append_regular(tmp_path / "pipe", b"words")
        assert not somebody.read()


def test_what_is_added(tmp_path):
    for content in (b"one", b"", b", two"):
        append_regular(tmp_path / "some", content)
    assert (tmp_path / "some").read_bytes() == b"one, two"


def test_names_for_did_you_mean(tmp_path):
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).touch()
    assert sorted(names_beside(tmp_path / "d.csv", "*.csv")) == ["a.csv", "b.csv"]
    for path in (tmp_path / "a.csv" / "x", tmp_path / "none" / "x", Path("x" * 5000, "x"), "\0/x"):
        assert names_beside(Path(path), "*") == []


def test_what_is_read(tmp_path):
    path = tmp_path / "some"
    with pytest.raises(FileNotFoundError):
        read_regular(path)
    for content in (b"", b"words", os.urandom(3 * 2**20 + 1)):
        path.write_bytes(content)
        assert read_regular(path, len(content)) == content
        with open_regular(path) as file:
            assert file.read() == content
    with pytest.raises(OSError, match="larger than 5 bytes"):
        read_regular(path, 5)


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="needs Linux's /proc")
def test_a_file_without_a_size_and_without_an_end(tmp_path):
    assert read_regular(Path("/proc/self/status")).startswith(b"Name:")
    tracemalloc.start()
    try:
        with pytest.raises(OSError, match=r"larger than|ermission"):
            read_regular(Path("/proc/self/pagemap"), 2**22)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
