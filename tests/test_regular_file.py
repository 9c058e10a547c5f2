"""Only ordinary files are opened, of a size at most, and nothing is waited for."""

import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from analog_bench.regular_file import check_regular, open_regular, read_regular


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
