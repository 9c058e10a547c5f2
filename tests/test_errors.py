"""What a user reads of an error is one line, and shows as it is."""

import pytest

from analog_bench.cli import main
from analog_bench.errors import BenchError, DataError, WeightsError


@pytest.mark.parametrize("kind", [BenchError, DataError, WeightsError])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no file 'a  b'", "no file 'a  b'"),
        ("pip said:\n  no\n", "pip said: no"),
        ("zero\0, \x1b[31mred, \u202eback", r"zero\x00, \x1b[31mred, \u202eback"),
        ("häuß 😀", "häuß 😀"),
        (f"no file /{'a' * 599} here", f"no file /{'a' * 299}...{'a' * 100} here"),
        (f"no file /{'a' * 598} here", f"no file /{'a' * 598} here"),
    ],
)
def test_an_error_is_one_printable_line(kind, text, shown):
    assert str(kind(text)) == shown


def test_the_command_line_prints_it_so(capsys):
    assert main(["report", "no\nfile\u202e.json"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert r"\u202e.json" in line
