import csv
import io

import pytest

from analog_bench.report.as_csv import csv_text
from analog_bench.report.estimates import split_estimate
from analog_bench.report.measured_on import OVER_BOTH
from analog_bench.report.table import Cell, Column, number, tabulate

SCORES = {"a, b": "54.3 ±1.2 (±7.4)", 'c "d"': "−1.0 ±0.3", "e": "–", "f": "13,200"}


def test_an_estimate_has_a_column_for_each_of_its_numbers():
    table = tabulate(
        SCORES, [(Column("layer"), str), number(f"F1 {OVER_BOTH}", lambda name: SCORES[name])]
    )
    heading, *rows = csv.reader(io.StringIO(csv_text(table)))
    assert heading == ["layer", "F1", "F1 ± over chips", "F1 ± over chips and examples"]
    assert rows == [
        ["a, b", "54.3", "1.2", "7.4"],
        ['c "d"', "-1.0", "0.3", ""],
        ["e", "", "", ""],
        ["f", "13200", "", ""],
    ]


def test_a_column_of_text_stays_as_it_is():
    table = tabulate(["1,000 ±1"], [(Column("name"), lambda text: Cell(f"{text}\nnext"))])
    assert csv_text(table) == 'name\n"1,000 ±1 next"\n'


@pytest.mark.parametrize("text", ["", "F1 54.3 ±1.2", "54.3 ±", "1e-3"])
def test_what_is_no_estimate_stays_whole(text):
    assert split_estimate(text) == (text,)
