"""What results rest on: examples, and chips enough for an interval or not."""

import pytest
from msgspec.structs import replace

from analog_bench.records import Scope
from analog_bench.report.measured_on import examples_label, interval_note
from tests.report.example_report import METRICS, result


def scope(examples, data):
    return Scope("drift", "bert", "what?", data, examples, "f1", {})


@pytest.mark.parametrize(
    ("examples", "data", "said"),
    [
        (96, "embedded questions", "96 embedded questions"),
        (1, "embedded questions", "1 embedded question"),
        (1, "embedded blocks", "1 embedded block"),
        (1, "texts from 'All questions'", "1 text from 'All questions'"),
        (8, "texts from 'Once'", "8 texts from 'Once'"),
        (1, "my_questions.json questions", "1 my_questions.json question"),
    ],
)
def test_one_example_is_no_plural(examples, data, said):
    assert examples_label(scope(examples, data)) == said


@pytest.mark.parametrize(
    ("chips", "said"),
    [
        ((), ""),
        ((1,), ""),
        ((2,), "2 chips: too few for an interval."),
        ((1, 2), "2 chips: too few for an interval."),
        ((3,), "± is half the 95 % interval over chips, for these very examples."),
        ((2, 10), "± is half the 95 % interval over chips, for these very examples."),
    ],
)
def test_what_is_said_of_intervals(chips, said):
    results = [result("drift", "all", [70.0] * number) for number in chips]
    assert interval_note(results, [METRICS["f1"]]) == said


def test_what_is_no_mean_over_examples_is_named():
    one = result("drift", "all", [60.0, 62.0, 64.0])
    chips = tuple(
        replace(c, per_example={"f1": (c.scores["f1"] - 1,) * 2 + (c.scores["f1"] + 2,)})
        for c in one.chips
    )
    both = "± is half the 95 % interval over chips (in brackets over chips and examples)."
    known = replace(one, chips=chips)
    assert interval_note([known], [METRICS["f1"]]) == both
    assert interval_note([known], [METRICS["f1"], METRICS["cross_entropy"]]) == both
    every = [METRICS["f1"], METRICS["em"]]
    assert interval_note([known], every) == f"{both} EM is no mean over examples: over chips alone."
