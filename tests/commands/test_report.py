"""`analog-bench report`: which run it takes, what it writes, how it refuses."""

import json
import os

import pytest
from msgspec.structs import replace

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.store.baseline_file import update_cases
from analog_bench.store.run_file import write_run
from tests.report.example_report import BASELINE, example_run

RUN = replace(
    example_run(), results=tuple(r for r in example_run().results if r.study == "noise_types")
)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Work in a folder with two runs; the older one by name was written last."""
    monkeypatch.chdir(tmp_path)
    for name, when in (("bench-20260101-000000", 2_000_000_000), ("bench-20260102-000000", 1)):
        path = tmp_path / f"runs/{name}.json"
        write_run(path, RUN)
        os.utime(path, (when, when))
    return tmp_path / "runs"


def test_the_newest_run_is_reported_beside_its_results(runs, capsys):
    for name in ("gone", "loop"):
        (runs / f"bench-{name}.json").symlink_to(f"bench-{name if name == 'loop' else 'none'}.json")
    (runs / "bench-folder.json").mkdir()
    assert main(["report"]) == 0
    page = runs / "bench-20260101-000000.html"
    assert capsys.readouterr().out == f"report: {page.relative_to(runs.parent)}\n"
    assert "3 cases, no baseline yet to compare with" in page.read_text()
    assert len(list(runs.glob("*.html"))) == 1


def test_a_named_run_against_baselines_with_its_figures(runs, tmp_path, capsys):
    update_cases(tmp_path / "stored", RUN.results[:1], BASELINE)
    run = str(runs / "bench-20260102-000000.json")
    words = ["report", run, "-o", "out/page.html", "--figures", "out/figures"]
    assert main([*words, "--baselines", "stored"]) == 0
    assert "figures: 4 files in out/figures" in capsys.readouterr().out
    page = (tmp_path / "out/page.html").read_text()
    assert "Nothing regressed among 1 case compared" in page
    assert "Baseline of 2026-11-20 (aihwkit 1.0.0, torch 2.10.0" in page
    kinds = {path.suffix for path in (tmp_path / "out/figures").iterdir()}
    assert kinds == {".svg", ".png", ".pdf", ".csv"}


def test_markdown_goes_to_the_terminal_alone(runs, capsys):
    assert main(["report", str(runs), "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("## 3 new of 3 cases\n")
    assert list(runs.glob("*.html")) == []


def test_a_run_in_json_has_what_its_page_shows(runs, capsys):
    assert main(["report", str(runs / "bench-20260102-000000.json"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["results"] == "bench-20260102-000000.json"
    assert said["counts"] == {"new": 3}
    first, result = said["cases"][0], RUN.results[0]
    assert (first["case_id"], first["metric"], first["chips"]) == (result.case_id, "f1", 2)
    assert (first["digital"], first["score"]["centre"], first["loss"]["centre"]) == (
        70.0,
        40.5,
        29.5,
    )
    assert first["verdict"]["kind"] == "new"
    assert list(runs.glob("*.html")) == []


def test_a_folder_of_runs_is_reported_as_one(runs, tmp_path):
    assert main(["report", str(runs)]) == 0
    assert (tmp_path / "runs.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.json"], "no run file at 'missing.json'"),
        (["runs/bench-20260101-000000.json", "-o", "runs"], "cannot write the report to 'runs'"),
    ],
)
def test_mistakes_are_one_line(runs, capsys, words, said):
    assert main(["report", *words]) == BENCH_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_no_run_at_all_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == BENCH_ERROR
    assert "no results in 'runs'; run `pytest bench` first" in capsys.readouterr().err


def test_a_page_never_replaces_results(runs, capsys):
    run = runs / "bench-20260101-000000.json"
    before = run.read_bytes()
    (runs / "link.html").symlink_to(run)
    for what, page in (
        (run, run),
        (run, f"{runs}/../runs/{run.name}"),
        (run, runs / "link.html"),
        (runs, run),
        (run, runs / "bench-20260102-000000.json"),
    ):
        assert main(["report", str(what), "-o", str(page)]) == BENCH_ERROR
        assert "the page would replace results" in capsys.readouterr().err
    assert run.read_bytes() == before
    # No page is written here, whatever the results are called.
    run.rename(runs / "named.html")
    assert main(["report", str(runs / "named.html"), "--markdown"]) == 0
    assert main(["report", str(runs / "named.html")]) == BENCH_ERROR
    assert (runs / "named.html").read_bytes() == before


@pytest.mark.parametrize("content", [b"precious", b"<!doctype html><p>another's", b"\x00" * 9000])
@pytest.mark.parametrize("options", [[], ["-o", "runs/bench-20260101-000000.html"]])
@pytest.mark.parametrize("reached", ["itself", "by a link"])
def test_a_page_replaces_no_other_file(runs, capsys, content, options, reached):
    page, other = runs / "bench-20260101-000000.html", runs / "other"
    other.write_bytes(content)
    page.symlink_to(other) if reached == "by a link" else other.rename(page)
    assert main(["report", str(page.with_suffix(".json")), *options]) == BENCH_ERROR
    assert "is there and is no report; it stays as it is" in capsys.readouterr().err
    assert page.read_bytes() == content


@pytest.mark.parametrize("earlier", ["page", "empty"])
def test_a_page_replaces_an_earlier_one(runs, earlier):
    page = runs / "bench-20260101-000000.html"
    page.touch()
    for _ in range(2 if earlier == "page" else 1):
        assert main(["report", str(page.with_suffix(".json"))]) == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_folders_keep_their_whole_name(runs, tmp_path, monkeypatch):
    runs.rename(tmp_path / "1.2.0")
    assert main(["report", "1.2.0"]) == 0
    assert (tmp_path / "1.2.0.html").is_file()
    (tmp_path / "1.2.0.html").unlink()
    monkeypatch.chdir(tmp_path / "1.2.0")
    assert main(["report", "."]) == 0
    assert (tmp_path / "1.2.0.html").is_file()


def test_a_run_is_judged_by_what_it_was_compared_with(runs, tmp_path, capsys):
    update_cases(tmp_path / "stored", RUN.results[:1], BASELINE)
    run = runs / "bench-20260101-000000.json"
    for options, said in (
        ({"baselines": "stored"}, "## 1 equivalent, 2 new of 3 cases"),
        ({"baselines": "stored", "gate": "off"}, "## 3 not compared of 3 cases"),
    ):
        write_run(run, replace(RUN, manifest=replace(RUN.manifest, options=options)))
        assert main(["report", str(run), "--markdown"]) == 0
        assert capsys.readouterr().out.startswith(said)
    assert main(["report", str(run), "--markdown", "--baselines", "stored"]) == 0
    assert capsys.readouterr().out.startswith("## 1 equivalent, 2 new of 3 cases")
    for words, why in (
        (["--baselines", "stroed"], "--baselines must name a folder, found 'stroed'"),
        (["--markdown", "-o", "page.html"], "--markdown prints and writes no page"),
    ):
        assert main(["report", str(run), *words]) == BENCH_ERROR
        assert why in capsys.readouterr().err


def test_latex_goes_to_the_terminal_alone(runs, capsys):
    assert main(["report", str(runs / "bench-20260102-000000.json"), "--latex"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(r"% \usepackage{booktabs")
    assert out.count(r"\begin{tabular}") == out.count(r"\end{tabular}") >= 1
    assert list(runs.glob("*.html")) == []
    assert main(["report", str(runs), "--latex", "-o", "page.html"]) == BENCH_ERROR
    assert "--latex prints and writes no page" in capsys.readouterr().err
