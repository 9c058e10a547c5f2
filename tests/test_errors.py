"""What a user reads of an error is one line, and shows as it is."""

import pytest

from analog_bench.cli import main
from analog_bench.codec import one_line
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
        ("no file half\ud83d, \udcff.csv", r"no file half\ud83d, \udcff.csv"),
        ("one\r\ntwo\x85three\u2028four\x0bfive", "one two three four five"),
        (
            "tab\there, del\x7f, \u200bno width, \u00adhyphen",
            r"tab\there, del\x7f, \u200bno width, \xadhyphen",
        ),
    ],
)
def test_an_error_is_one_printable_line(kind, text, shown):
    assert str(kind(text)) == shown


@pytest.mark.parametrize("letter", ["x", "é", "\udcff", "\n", "\x1b[31m", "no "])
@pytest.mark.parametrize("times", [1100, 5000, 10**6])
def test_a_long_error_keeps_its_beginning_and_its_end(letter, times):
    text = str(DataError(f"cannot read {letter * times}; choose another file"))
    assert text.startswith("cannot read ")
    assert text.endswith("; choose another file")
    assert text.isprintable()
    assert len(text) <= 1200


def test_a_part_of_an_error_is_cut_by_the_same_rule():
    assert one_line("a  b\n c\udcff") == r"a b c\udcff"
    assert one_line("x" * 50 + "y" * 50, 20) == "xxxxxxxxx ... yyyyyy"
    assert one_line("x" * 20, 20) == "x" * 20


def test_the_command_line_prints_it_so(capsys):
    assert main(["report", "no\nfile\u202e.json"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert r"\u202e.json" in line
