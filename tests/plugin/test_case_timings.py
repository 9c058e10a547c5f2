"""Each case's seconds as a benchmark of pytest-benchmark, and a run without that plugin."""

import json
from functools import partial

import pytest

CHOICE = ("--layer", "qa_outputs", "--noise", "white_output", "--noise", "white_weight")
FEW = ("--chips", "2", "--examples", "6", "--gate", "off")


@pytest.fixture
def run(warm, tiny, tmp_path):
    """Return a function that measures two cases."""
    return partial(warm, "--model", tiny, *CHOICE, *FEW, folder=tmp_path)


def test_the_seconds_of_every_chip_are_rounds_of_its_case(run, tmp_path):
    stored = ("--benchmark-autosave", "--benchmark-storage", tmp_path / "timings")
    first = run(*stored, "--benchmark-json", tmp_path / "b.json")
    assert first.code == 0, first.out
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    timed = json.loads((tmp_path / "b.json").read_text())["benchmarks"]
    assert [one["extra_info"]["case"] for one in timed] == [r["case_id"] for r in results]
    for one, result in zip(timed, results, strict=True):
        assert one["group"] == "layer_noise/tiny"
        assert one["fullname"].endswith(f"::bench_layer_noise[{result['case_id']}]")
        assert one["stats"]["data"] == [chip["seconds"] for chip in result["chips"]]
        assert one["extra_info"]["chips"] == [0, 1]

    again = ("--benchmark-compare", "--json", tmp_path / "again.json")
    second = run(*stored[1:], *again)
    assert second.code == 0, second.out
    assert "Comparing against benchmarks from:" in second.out
    for result in results:
        assert second.out.count(f"bench_layer_noise[{result['case_id']}] (NOW)") == 1


@pytest.mark.parametrize("without", [(), ("-p", "no:benchmark")])
def test_nothing_is_shown_unless_asked(run, tmp_path, without):
    done = run(*without)
    assert done.code == 0, done.out
    assert "2 passed" in done.out
    assert "Rounds" not in done.out
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == 2


def test_without_the_terminal_a_run_is_measured_and_written(run, tmp_path):
    done = run("-p", "no:terminal")
    assert (done.code, done.out) == (0, "")
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == 2
