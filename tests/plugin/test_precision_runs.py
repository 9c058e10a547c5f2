"""`--precision-target` adds chips, case by case; `--forecast` says what a run would take."""

import pytest

from analog_bench.store.run_file import read_run

FEW = ["--examples", "4", "--layer", "qa_outputs", "--layer", "embeddings.LayerNorm"]


@pytest.fixture(scope="module")
def known(warm, tmp_path_factory):
    """Measure two layers until each is known to 25 points: one question of four."""
    folder = tmp_path_factory.mktemp("known")
    asked = ["--precision-target", "25", "--chips", "9", "--noise", "white_output:std=2"]
    return warm(*FEW, *asked, folder=folder), folder


def test_chips_are_added_and_results_say_why(known):
    done, folder = known
    assert done.code == 0, done.out
    chips = {}
    for result in read_run(folder / "results.json").results:
        assert str(result.target) == "25"
        chips[result.group] = len(result.chips)
    assert all(5 <= number <= 9 for number in chips.values())
    assert "Chips were added until it was within 25 (margins" in " ".join(done.out.split())


def test_two_shards_have_the_chips_of_the_whole_run(known, warm, tmp_path, results_of):
    _, folder = known
    asked = ["--precision-target", "25", "--chips", "9", "--noise", "white_output:std=2"]
    found = {}
    for shard in (1, 2):
        file = tmp_path / f"{shard}.json"
        part = warm(*FEW, *asked, "--shard", f"{shard}/2", "--json", file, folder=tmp_path)
        assert part.code == 0, part.out
        found |= results_of(file)
    assert found == results_of(folder / "results.json")


def test_a_forecast_measures_nothing(warm, tmp_path):
    done = warm(*FEW, "--forecast", folder=tmp_path)
    assert done.code == 0, done.out
    assert "expected: about 10 s for 2 cases" in done.out
    assert not (tmp_path / "results.json").exists()
    assert "qa_outputs" not in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["f1=1"], "--precision-target must be 0 or half an interval, such as 1, 5% or 1,5%"),
        (["0"], "--precision-target 0 cannot be reached"),
        (["1", "--chips", "3"], "--precision-target takes 5 chips at least, found --chips 3"),
    ],
)
def test_what_cannot_be_asked_is_one_line(warm, tmp_path, words, said):
    done = warm("--precision-target", *words, folder=tmp_path)
    assert done.code == 4
    assert said in done.errors[0]
    assert len(done.errors) == 1
