"""One report, drawn in a terminal, in ASCII and in Markdown."""

import pytest

from analog_bench.report.as_markdown import markdown
from analog_bench.report.as_terminal import bar, printed
from analog_bench.report.table import (
    Cell,
    Column,
    Heading,
    Paragraph,
    Table,
    line,
    paragraph,
    tabulate,
)

TABLE = tabulate(
    [("a|b", 0.5, "−1 ±2"), ("é", 0.0, "")],
    [
        (Column("name"), lambda row: Cell(row[0], note="why *so*")),
        (Column("", priority=2), lambda row: Cell("", bar=row[1])),
        (Column("x", right=True, priority=1, notes=("x is x.",)), lambda row: row[2]),
    ],
    notes=["below"],
)
REPORT = (Heading("title_", level=2), TABLE, paragraph("    one", "two"))


def lines(text):
    return [one.rstrip() for one in text.splitlines()]


def test_in_a_terminal():
    assert lines(printed(REPORT, 40)) == [
        "title_",
        "name               x",
        "a|b       ███  −1 ±2",
        "why *so*",
        "é                  –",
        "why *so*",
        "",
        "below",
        "x is x.",
        "",
        "    one",
        "two",
    ]


def test_what_matters_least_is_left_out_and_named():
    assert lines(printed([TABLE], 16))[0].split() == ["name", "x"]
    assert lines(printed([TABLE], 10)) == [
        *("name", "a|b", "why *so*", "é", "why *so*", "", "below"),
        *("Left out", "for want", "of width:", "x (wider:", "COLUMNS=18", "0)."),
    ]


def test_in_ascii():
    text = printed(REPORT, 40, encoding="ascii")
    assert text.isascii()
    assert "a|b       ###  -1 +-2" in text
    assert r"\xe9" in text


def test_in_markdown():
    assert markdown(REPORT) == (
        "## title\\_\n\n"
        "| name |  | x |\n|---|---|---:|\n"
        "| a\\|b<br><br>*why \\*so\\** |  | −1 ±2 |\n"
        "| é<br><br>*why \\*so\\** |  | – |\n\n"
        "below\n\nx is x.\n\n"
        "    one  \ntwo\n"
    ).replace("    one", "one")
    assert markdown([Table((Column("x"),), ()), paragraph("p")]).strip() == "p"
    assert markdown([]) == ""


def test_pieces_of_lines_in_markdown():
    pieces = (Cell("a_b <c> "), Cell("x | y", "code"), Cell("!", "strong"), Cell("t", href="u#_"))
    assert markdown([Paragraph((pieces, line("*")), bullets=True)]) == (
        "- a_b \\<c\\> `x | y`**!**u#_\n- \\*\n"
    )


def test_what_is_strong_ends_in_a_word():
    assert markdown([Paragraph(((Cell("bert: ", "strong"), Cell("F1")),))]) == "**bert:** F1\n"


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, ""), (-1.0, ""), (1e-9, "▏"), (0.5, "███"), (0.0625, "▍"), (2.0, "█" * 6)],
)
def test_a_bar_shows_the_least_share_and_no_more_than_all(share, drawn):
    assert bar(share) == drawn
    assert set(bar(share, ascii_only=True)) <= {"#"}
