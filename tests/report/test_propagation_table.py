"""How noise travelled as a table: one row a case, with the law below."""

import pytest

from analog_bench.report.as_terminal import printed
from analog_bench.report.noise_travel import along, final_error, followed, parts_at, source_block
from analog_bench.report.propagation_table import propagation_table
from tests.report.example_report import METRICS, example_run
from tests.report.followed import followed_result, followed_results


def test_figures_are_means_over_chips():
    result = followed_result("pcm", 0.1)
    error = 0.1 * (1 + 0.25 + 0.0625) ** 0.5
    assert final_error(result).centre == pytest.approx(error)
    assert final_error(result).half_width > 0
    parts = parts_at(result, 2)
    assert parts.made_here == pytest.approx(0.1**2 / error)
    assert parts.made_here + parts.handed_on == pytest.approx(error)
    # The first block has nothing to hand on.
    assert along(result, "gain") == pytest.approx([0.5, 0.5])
    assert [source_block(r) for r in followed_results()[-3:]] == [0, 1, 2]


def test_results_of_other_studies_have_no_such_table():
    assert followed(example_run().results) == []
    assert propagation_table(example_run().results, METRICS["f1"]) == ()


def test_the_table_has_a_row_a_case_and_the_law():
    heading, table = propagation_table(followed_results(), METRICS["f1"])
    assert heading.text == "travel, how noise travels: bert (MiniLM-L6)"
    rows = [[cell.text for cell in row] for row in table.rows]
    assert rows[0] == [
        *("products", "pcm at 0.05", "5.00 ±1.2", "5.73 ±1.4", "5.16", "76 %", "0.50 to 0.50"),
        *("0.00 ±0.00", "1.7 ±0.8", "503"),
    ]
    assert [row[7] for row in rows[:4]] == ["0.00 ±0.00", "0.00 ±0.00", "0.00 ±0.00", "+0.80 ±0.00"]
    # Noise of the second block alone: nothing is handed on to it.
    assert rows[-2][1:7] == ["pcm at 0.1", "10.0 ±2.5", "5.00 ±1.2", "4.50", "0 %", "0.50 to 0.50"]
    text = printed([heading, table], 110)
    assert "error^2.00 (power 2.00 to 2.00, R² 1.00, 6 conditions)" in " ".join(text.split())
