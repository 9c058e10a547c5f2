"""Scores of rankings as tables: means, intervals over repeats, and what needs no cells."""

from analog_bench.planning.cell_ranking import DIGITAL_ALONE, RankingScore
from analog_bench.report.as_markdown import markdown
from analog_bench.report.cell_ranking_table import ranking_tables, repeats_as_plain

SCORES = [
    RankingScore(DIGITAL_ALONE, "one_day", 0, (0.5, 0.6, 0.7), (1.0, 1.0, 4.0)),
    RankingScore("one-hot", "one_day", 50, (0.3, 0.3, 0.3), (0.0, 1.0, 2.0)),
    RankingScore("one-hot", "one_day", 100, (0.4, 0.4), (0.5, 0.5)),
]


def test_a_table_a_target():
    text = markdown(ranking_tables(SCORES, {"one_day": (0.74, 0.75, 0.76)}))
    assert "accuracy after a day" in text
    assert "AVM" not in text
    assert "| 50 cells | 100 cells |" in text
    # Student's t of two degrees of freedom: 4.303 * 0.1 / sqrt(3). Two repeats have no interval.
    assert f"{DIGITAL_ALONE}: 0.600 ±0.248 (2.00)" in text
    assert "| 0.300 ±0.000 (1.00) | 0.400 (0.50) |" in text
    assert "equal cells: 0.750 ±0.025" in text


def test_plain_values_have_every_repeat():
    found = repeats_as_plain((0.5, 0.6, 0.7))
    assert found["values"] == [0.5, 0.6, 0.7]
    assert [round(end, 3) for end in found["interval"]] == [0.352, 0.848]
    assert repeats_as_plain((0.5, 0.6))["interval"] is None
