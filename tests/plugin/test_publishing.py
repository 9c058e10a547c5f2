"""What a run writes for readers, and that nothing of it can harm the results."""

import os

import pytest

CHOICE = ("--layer", "qa_outputs", "--noise", "white_output", "--chips", "1", "--examples", "4")


def test_a_run_leaves_a_page_and_the_summary_of_the_job(warm, results_of, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("## before\n")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    done = warm(*CHOICE, "--report", "on", folder=tmp_path, env=env)
    assert done.code == 0, done.out
    page = (tmp_path / "results.html").read_text()
    (result,) = results_of(tmp_path / "results.json").values()
    assert f"{result['chips'][0]['scores']['f1']:.3f}" in page
    text = summary.read_text()
    assert text.startswith("## before\n## 1 new of 1 case\n")
    assert "| bert (MiniLM-L6) | layer_noise | F1 " in text


@pytest.mark.parametrize(
    ("name", "why"), [("pipe", "No such device or address"), (".", "Is a directory")]
)
def test_what_cannot_be_written_is_a_line_each(warm, results_of, tmp_path, name, why):
    (tmp_path / "results.html").mkdir()
    os.mkfifo(tmp_path / "pipe")
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / name)}
    done = warm(*CHOICE, "--report", "on", folder=tmp_path, env=env)
    assert done.code == 0, done.out
    said = " ".join(done.out.split())
    assert "summary: not written: cannot add to '" in said
    assert why in said
    assert "report: not written: cannot write the report to" in done.out
    assert "1 case: 1 new" in done.out
    assert len(results_of(tmp_path / "results.json")) == 1


def test_a_link_from_the_page_to_the_results_is_not_followed(warm, results_of, tmp_path):
    (tmp_path / "results.html").symlink_to("results.json")
    done = warm(*CHOICE, "--report", "on", folder=tmp_path)
    assert done.code == 0, done.out
    assert "report: not written: " in done.out
    assert "results.html' is where the results are" in " ".join(done.out.split())
    assert len(results_of(tmp_path / "results.json")) == 1


def test_results_end_in_json_since_the_page_has_their_name(warm, tmp_path):
    done = warm(*CHOICE, "--json", "results.html", folder=tmp_path)
    assert done.code == 4, done.out
    assert "--json must name a file that ends in .json, found 'results.html'" in done.errors[0]
    assert not (tmp_path / "results.html").exists()


def test_on_or_off_and_nothing_else(warm, tmp_path):
    done = warm(*CHOICE, "--report", "of", folder=tmp_path)
    assert done.code == 4, done.out
    assert "did you mean 'off'?" in done.errors[0]
