"""`analog-bench board`: which runs it takes, what it writes, how it refuses."""

import json

import pytest
from msgspec.structs import replace

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.gate.robustness_scores import a_star
from analog_bench.report.board import entries
from analog_bench.store.run_file import write_run
from tests.report.example_report import example_run, scope

CHANCE = 5.0


def drift_run(**changes):
    run = example_run()
    results = tuple(
        replace(r, chance={"f1": CHANCE}, tile="torch", group="all")
        for r in run.results
        if r.study == "drift" and r.model == "bert"
    )
    return replace(run, **{"results": results, **changes})


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs/bench-1.json", drift_run())
    return tmp_path


def test_models_are_ranked_by_what_a_day_leaves(runs, capsys):
    assert main(["board", "runs", "-o", "site", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["variant"] for entry in found] == ["hwa", "direct"]
    scores = {
        r.variant: sum(chip.scores["f1"] for chip in r.chips) / len(r.chips)
        for r in drift_run().results
        if r.drift_s == 86_400.0
    }
    for entry in found:
        expected = a_star(scores[entry["variant"]], entry["digital"], CHANCE)
        assert entry["a_star"]["centre"] == pytest.approx(expected)
        assert entry["one_day"]["centre"] == pytest.approx(scores[entry["variant"]])
        assert (entry["run"], entry["chips"]) == ("bench-1", 3)


def test_the_board_leads_to_pages_and_results_files(runs, capsys):
    assert main(["board", "runs/bench-1.json", "-o", "site"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("board: site/index.html\n")
    assert "bert (MiniLM-L6)" in out
    html = (runs / "site/index.html").read_text()
    assert 'href="runs/bench-1.html#case-' in html
    # One hardware for all stands below the picture, and not before each of its rows.
    assert '<p class="source">Some · 3 chips' in html
    anchor = html.partition('href="runs/bench-1.html#')[2].partition('"')[0]
    assert f'id="{anchor}"' in (runs / "site/runs/bench-1.html").read_text()
    kept = (runs / "site/runs/bench-1.json").read_bytes()
    assert kept == (runs / "runs/bench-1.json").read_bytes()
    # Again over itself, but over nothing else.
    assert main(["board", "runs", "-o", "site"]) == 0
    (runs / "site/index.html").write_text("mine")
    assert main(["board", "runs", "-o", "site"]) == BENCH_ERROR
    assert (runs / "site/index.html").read_text() == "mine"


def test_of_the_same_condition_the_newest_run_stays(runs, capsys):
    later = replace(drift_run().manifest, created="2026-12-01T00:00:00+00:00")
    write_run(runs / "runs/bench-0.json", drift_run(manifest=later))
    assert main(["board", "runs", "-o", "site", "--json"]) == 0
    assert {entry["run"] for entry in json.loads(capsys.readouterr().out)} == {"bench-0"}


def test_what_it_refuses_in_one_line(runs, capsys):
    write_run(runs / "other/bench-1.json", drift_run())
    assert main(["board", "runs", "other", "-o", "site"]) == BENCH_ERROR
    assert "two results files are called 'bench-1'; rename one" in capsys.readouterr().err
    layers = replace(example_run(), results=example_run().results[:3])
    write_run(runs / "layers.json", layers)
    assert main(["board", "layers.json", "-o", "site"]) == BENCH_ERROR
    assert "no run holds a whole model on tiles one day after programming" in (
        capsys.readouterr().err
    )
    assert not (runs / "site").exists()


def of_text():
    """Return the run as one of a language model, scored in nats."""
    run, nats = drift_run(), {"cross_entropy": 3.4}
    results = tuple(
        replace(
            r,
            model="distilgpt2",
            case_id=f"distilgpt2/{r.case_id}",
            digital={"cross_entropy": 3.3},
            chance={"cross_entropy": 10.8},
            chips=tuple(replace(chip, scores=nats) for chip in r.chips),
        )
        for r in run.results
    )
    return replace(run, results=results, scopes=(scope("drift", "distilgpt2", "cross_entropy"),))


def test_each_metric_has_a_list_of_its_own(runs, capsys):
    write_run(runs / "runs/bench-2.json", of_text())
    assert main(["board", "runs", "-o", "site", "--json"]) == 0
    metrics = [entry["metric"] for entry in json.loads(capsys.readouterr().out)]
    assert metrics == ["f1", "f1", "cross_entropy", "cross_entropy"]
    assert main(["board", "runs", "-o", "site"]) == 0
    out = capsys.readouterr().out
    assert out.index("Scored by F1") < out.index("bert (") < out.index("Scored by cross-entropy")
    html = (runs / "site/index.html").read_text()
    assert html.count("keeps most") == 2 * html.count("<figcaption>") == 4


def test_a_digital_model_that_may_be_guessing_is_on_no_board(runs, capsys):
    guessing = tuple(replace(r, chance=dict(r.digital)) for r in drift_run().results)
    write_run(runs / "runs/bench-1.json", drift_run(results=guessing))
    assert main(["board", "runs", "-o", "site"]) == BENCH_ERROR
    assert "whose digital model is known to be better than guessing" in capsys.readouterr().err


def test_what_nobody_could_build_is_on_no_board(runs):
    """Terms of a preset alone, and a noise as strong as an asked error wants it."""
    run = drift_run()
    some = [r for r in run.results if r.variant == "direct"]
    noises = ("preset:name=Some,terms=mapping", "equal_error:family=pcm,error=0.1")
    odd = [
        replace(r, noise=noise, case_id=f"{noise}/{n}")
        for noise in noises
        for n, r in enumerate(some)
    ]
    found = entries({"run": replace(run, results=(*run.results, *odd))})
    assert {entry.result.noise for entry in found} == {"preset:name=Some"}


def test_other_examples_are_a_contest_of_their_own(runs, capsys):
    run = drift_run()
    few = replace(run, scopes=tuple(replace(one, examples=7) for one in run.scopes))
    changed = tuple(replace(r, protocol="q" * 64) for r in few.results)
    write_run(runs / "runs/bench-2.json", replace(few, results=changed))
    assert main(["board", "runs", "-o", "site"]) == 0
    out = capsys.readouterr().out
    assert out.index("Scored by F1 on 96 ") < out.index("Scored by F1 on 7 ")
