import pytest

from analog_bench.report.plots.chart import log_ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.024, 0.14, [0.03, 0.05, 0.1]),
        (2.0, 9.0, [2, 3, 5]),
        (1.0, 1e3, [1, 10, 100, 1000]),
        (1.0, 20.0, [1, 2, 3, 5, 10, 20]),
    ],
)
def test_marks_of_a_logarithmic_axis(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)
