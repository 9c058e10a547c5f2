"""Two runs side by side, in words."""

import pytest
from msgspec.structs import replace

from analog_bench.gate.run_comparison import compare_runs
from analog_bench.report.as_markdown import markdown
from analog_bench.report.run_comparison_table import comparison_table
from tests.report.example_report import example_run


@pytest.mark.parametrize(("cases", "said"), [(1, "1 case: "), (2, "2 cases: ")])
def test_cases_are_counted(cases, said):
    run = example_run()
    of_one = tuple(result for result in run.results if result.study == "layer_noise")[:cases]
    few = replace(run, results=of_one)
    assert said in markdown(comparison_table(compare_runs(few, few))).splitlines()[-1]
