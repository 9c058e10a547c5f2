"""A table of steps, and the same as bars: in a terminal, in Markdown, on the page."""

import re

from msgspec.structs import replace

from analog_bench.records import Metric, Scope
from analog_bench.report.as_markdown import markdown
from analog_bench.report.as_terminal import printed
from analog_bench.report.ci_summaries import step_summary
from analog_bench.report.page.document import figures, page
from analog_bench.report.plots.condition_plot import noise_plots
from analog_bench.report.plots.waterfall_plot import waterfall_plots
from analog_bench.report.report_contents import contents_of
from analog_bench.report.waterfall_table import waterfall_tables
from tests.report.example_report import example_run
from tests.waterfall import NATS, TERMS, steps

F1 = Metric("f1", "points", True, 1.0)
EVERY = [
    *steps("direct"),
    *(result for result in steps("calibrated") if "input_range" in result.noise),
    *steps("hwa"),
]


def contents(results):
    """Return a report of one study with a waterfall."""
    scope = Scope("waterfall", "bert", "what does each term cost?", "questions", 32, "f1", {})
    run = replace(example_run(), results=tuple(results), scopes=(scope,))
    return contents_of(run, {}, {})


def test_a_row_is_a_term_with_what_was_lost_and_what_of_it_came_with_the_term():
    text = printed(waterfall_tables(EVERY, F1), 120)
    lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    assert lines[0] == ["waterfall, term by term: bert (MiniLM-L6), Hard, whole model, 1 d"]
    assert lines[1] == [
        *("term", "drop, direct", "step", "drop, calibrated", "step", "drop, HWA", "step")
    ]
    assert lines[3] == ["+ mapping", *["0.0 ±0.0", "+0.0 ±0.0"] * 2, "1.0 ±0.0", "+1.0 ±0.0"]
    assert lines[4] == [
        *("+ drift+read", *["11.0 ±12.4", "+11.0 ±12.4"] * 2, "4.0 ±2.5", "+3.0 ±2.5")
    ]
    assert lines[5] == [
        "+ input_range",
        *("18.0 ±13.1", "+7.0 ±1.2", "13.0 ±12.4", "+2.0 ±0.0", "4.0 ±2.5", "+0.0 ±0.0"),
    ]
    assert "Without input ranges, calibrated tiles are those of direct weights." in text
    assert "step: what this term adds, chip by chip. ± is half" in text


def test_where_lower_is_better_it_rises():
    text = printed(waterfall_tables(steps("direct", NATS), NATS), 120)
    assert "rise, direct" in text
    assert "+7.000 ±1.242" in text


def test_a_step_that_was_not_measured_is_a_gap():
    gap = [result for result in EVERY if result.variant != "hwa" or result.noise.endswith(TERMS[1])]
    rows = markdown(waterfall_tables(gap, F1)).splitlines()
    assert rows[4].endswith("| – | – |")
    assert rows[5].endswith("| 4.0 ±2.5 | – |")


def test_nothing_but_a_waterfall_is_shown():
    assert waterfall_tables([], F1) == ()
    assert waterfall_tables(EVERY[:1], F1) == ()


def test_the_page_draws_it_and_says_what_costs_most():
    shown = contents(EVERY)
    (figure,) = waterfall_plots(shown, "bert")
    assert figure.message == (
        "The term that costs most takes 11.0 points of F1 with direct weights (drift+read), "
        "11.0 points of F1 with calibrated ranges (drift+read), 3.0 points of F1 with HWA weights "
        "(drift+read)."
    )
    bars = figure.spec["layer"][0]["data"]["values"]
    assert len(bars) == 9
    assert [(b["from"], b["to"]) for b in bars[:3]] == [(0.0, 0.0), (0.0, 11.0), (11.0, 18.0)]
    assert bars[2]["high"] - bars[2]["low"] < 3 < bars[1]["high"] - bars[1]["low"]
    assert noise_plots(shown, "bert") == ()
    assert figure in figures(shown)
    html = page(shown)
    assert "What each term of the hardware costs" in html
    assert figure.svg.count("<path") >= 9
    assert step_summary(shown).count("| + input_range |") == 1
