"""The text of an issue: names cannot break out of it, and it fits what GitHub takes."""

import dataclasses

from msgspec.structs import replace

from analog_bench.report.ci_summaries import step_summary
from analog_bench.report.regressions import headline, issues_of, regressions_of
from analog_bench.report.report_contents import contents_of
from tests.report.example_report import SCRIPT, example_contents, example_run, verdict


def noise_types(*kinds):
    """Return the example with verdicts on the three cases of one study."""
    run = example_run()
    results = [r for r in run.results if r.study == "noise_types"]
    verdicts = {r.identity: kind for r, kind in zip(results, kinds, strict=True)}
    return contents_of(run, verdicts, {}, source="bench-1.json")


def test_a_run_without_a_gate_tells_what_is_broken_and_counts_what_it_compared():
    run = example_run()
    broken = replace(run.results[0], status="broken", reason="no tile", chips=())
    contents = contents_of(replace(run, results=(broken, *run.results[1:])), {}, {})
    (found,) = regressions_of(contents)
    assert headline([found], contents) == "Broken: bert × layer_noise (1 of 68 cases)"
    text = step_summary(contents)
    assert text.startswith("## 1 broken, 1 skipped, 81 not compared of 83 cases\n\n### Failed\n")
    assert f"| layer_noise | {broken.case_id} | broken | – | – | no tile |" in text
    same = example_contents()
    assert headline([], same) == "Nothing regressed: 82 of 83 cases compared with a baseline"


def test_two_models_of_one_study_are_counted_once():
    run = example_run()
    twins = [replace(r, model="b2", case_id=f"2{r.case_id}") for r in run.results[:68]]
    scopes = (*run.scopes, replace(run.scopes[0], model="b2"))
    both = replace(run, results=(*run.results[:68], *twins), scopes=scopes)
    given = {r.identity: verdict("equivalent", 0.1) for r in both.results}
    assert headline([], contents_of(both, given, {})).startswith("Nothing regressed: 136 of 136")


def test_a_family_is_named_by_what_it_is():
    run = example_run()
    given = {run.results[0].identity: verdict("regressed", -4.0)}
    given |= {r.identity: verdict("broken") for r in run.results if r.study == "noise_types"}
    contents = contents_of(run, given, {})
    assert headline(regressions_of(contents), contents) == (
        "Regressed: bert × layer_noise (1 of 68 cases). Broken: bert × noise_types (3 of 3 cases)"
    )


def test_markup_in_names_stays_text():
    bad = verdict("regressed", -4.0, reason=f"f1 | *fell* {SCRIPT}\n# so <!-- far")
    (issue,) = issues_of([noise_types(bad, bad, verdict("equivalent", 0.0))])
    rows = [line for line in issue.body.splitlines() if line.startswith("| bert/all")]
    assert len(rows) == 2
    for row in rows:
        assert row.replace(r"\|", "").count("|") == 6
        assert r"f1 \| \*fell\* \<script\>" in row
        assert r"\# so \<!-- far |" in row
    assert r'x"\>\<img src=x onerror=' in rows[1]
    visible = issue.body.replace(r"\<", "")
    # The mark is the one comment.
    assert visible.count("<") == visible.count("<!--") == 1
    assert visible.index("<!--") == 0


def test_the_mark_is_of_the_cases_and_of_nothing_else():
    worse, same = verdict("regressed", -4.0), verdict("equivalent", 0.0)
    (issue,) = issues_of([noise_types(worse, worse, same)])
    assert issue.body.startswith(issue.mark)
    (otherwise,) = issues_of([noise_types(worse, verdict("regressed", -9.0), same)], "https://x")
    assert otherwise.mark == issue.mark
    assert otherwise.body != issue.body
    marks = {
        issues_of([noise_types(*kinds)])[0].mark
        for kinds in (
            (worse, worse, same),
            (worse, same, worse),
            (worse, worse, worse),
            (worse, verdict("broken"), same),
        )
    }
    assert len(marks) == 4
    # Whichever environment saw it.
    both = [noise_types(worse, same, same), noise_types(same, worse, same)]
    assert issues_of(both)[0].mark == issues_of(both[::-1])[0].mark == issue.mark


def test_a_digital_model_alone_is_enough():
    run = example_run()
    digital = {("drift", "bert"): {"f1": verdict("regressed", -3.0, reason="F1 was 73")}}
    (issue,) = issues_of([contents_of(run, {}, digital)])
    assert issue.title == "Regressed: bert × drift"
    assert issue.counted == "the digital model"
    assert "**digital model: F1 was 73**" in issue.body
    assert "| case |" not in issue.body


def test_a_family_of_hundreds_is_cut_where_github_would_refuse_it():
    long = verdict("regressed", -2.0, reason="because " * 300)
    contents = example_contents(**{f"at{n}": long for n in range(60)})
    found = issues_of([contents] * 3)
    (issue,) = [one for one in found if one.title == "Regressed: bert × layer_noise"]
    assert len(issue.body) < 65_536
    assert issue.body.endswith("\n\n... cut here; the files have the rest.\n")
    short = example_contents(
        **{f"at{n}": dataclasses.replace(long, reason="so") for n in range(60)}
    )
    (issue,) = [one for one in issues_of([short]) if "layer_noise" in one.title]
    assert issue.body.count("| regressed |") == 40
    assert "... and 20 more." in issue.body
