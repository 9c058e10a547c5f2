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


def test_of_equal_runs_one_line_says_so():
    run = example_run()
    (only,) = comparison_table(compare_runs(run, run))
    nothing = f"nothing differs beyond the margins; {len(run.results)} cases: "
    assert markdown([only]).startswith(nothing)
    assert markdown([only]).rstrip().endswith("; --all shows them")
    *_, last = everything = comparison_table(compare_runs(run, run), everything=True)
    assert len(everything) > 1
    assert "--all" not in markdown([last])
    first = run.results[0]
    worse = tuple(replace(c, scores={**c.scores, "f1": c.scores["f1"] - 9}) for c in first.chips)
    other = replace(run, results=(replace(first, chips=worse), *run.results[1:]))
    _, table, closing = comparison_table(compare_runs(run, other))
    assert first.case_id in markdown([table])
    assert "nothing differs" not in markdown([closing])
