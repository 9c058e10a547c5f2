"""The summary of a CI job: what failed stands first, and names cannot break out of a cell."""

from pathlib import Path

from msgspec.structs import replace

from analog_bench.report.ci_summaries import nightly_summary, step_summary
from analog_bench.report.report_contents import contents_of
from tests.report.example_report import example_contents, example_run, verdict


def test_what_failed_comes_first_then_what_improved():
    contents = example_contents(
        at0=verdict("improved", 3.0), at2=verdict("regressed", -4.0), at4=verdict("broken")
    )
    lines = step_summary(contents).splitlines()
    assert lines[0] == "## 1 regressed, 1 broken, 1 improved, 79 equivalent, 1 skipped of 83 cases"
    assert lines[2:5] == [
        "### Failed", "", "| study | case | since baseline | change | detects | why |",
    ]  # fmt: skip
    assert lines[6] == (
        r"| layer_noise | bert/embeddings.LayerNorm/white_output:std=1 | regressed | −4.0 ±0.5 "
        r"| – | f1 regressed \<b\>so\</b\> |"
    )
    assert "| broken | – |" in lines[7]
    assert lines.index("### Improved") > 7
    studies = [line for line in lines if line.startswith("| bert (MiniLM-L6) | drift")]
    assert studies == [
        "| bert (MiniLM-L6) | drift | F1 70.0 | 8 | whole model · 30 d 29.0, "
        "whole model · 1 d 25.0, whole model · 1 s 21.0 |"
    ]
    assert lines[-2] == "aihwkit 1.1.0, torch 2.11.0, seed 7, commit bbbbbbbbb, bench-1.json"


def test_markup_in_names_stays_text():
    text = step_summary(example_contents())
    assert "<script>" not in text.replace(r"\<script\>", "")
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.count(" | ") in (4, 5)


def test_nothing_compared_and_a_changed_digital_model():
    run = example_run()
    assert step_summary(contents_of(run, {}, {})).startswith(
        "## 1 skipped, 82 not compared of 83 cases\n"
    )
    digital = {("drift", "bert"): {"f1": verdict("regressed", -3.0, reason="F1 was 73")}}
    lines = step_summary(contents_of(run, {}, digital)).splitlines()
    assert lines[2] == "**bert (MiniLM-L6) digital: regressed: F1 was 73**"


def test_a_long_list_ends():
    kinds = {f"at{n}": verdict("regressed", -2.0) for n in range(45)}
    text = step_summary(example_contents(**kinds))
    assert text.count("| regressed |") == 40
    assert "... and 5 more." in text


def test_a_night_lists_failures_itself():
    contents = example_contents(at0=verdict("improved", 3.0), at2=verdict("regressed", -4.0))
    text = nightly_summary(contents, [], [], run_id="", nights=1, files=[Path("a_b.json")])
    assert text.startswith(
        "# Regressed: bert × layer_noise (1 of 68 cases)\n\n## bert × layer_noise"
    )
    assert "\n## 1 regressed, 1 improved, " in text
    assert text.endswith("\n## History: 1 run, no steps in these cases\n\n- a_b.json\n")
    assert "### Failed" not in text
    assert "### Improved" in text


def test_where_nothing_was_measured_nothing_is_claimed():
    run = example_run()
    left_out = tuple(
        replace(r, status="skipped", reason="no C++ tile", chips=(), digital={})
        for r in run.results
        if r.study == "noise_types"
    )
    text = step_summary(contents_of(replace(run, results=left_out), {}, {}))
    assert "| bert (MiniLM-L6) | noise_types | – | 0 | – |" in text
