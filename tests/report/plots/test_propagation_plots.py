"""The chapter on how noise travels: what its plots say is in the data."""

import pytest
from msgspec.structs import replace

from analog_bench.report.plots.propagation_plots import propagation_plots
from tests.report.followed import followed_contents, followed_results


@pytest.fixture(scope="module")
def figures():
    return {figure.name: figure for figure in propagation_plots(followed_contents(), "bert")}


def values(figure, n=0):
    return figure.spec["layer"][n]["data"]["values"]


def test_there_are_the_five_kinds_of_plots(figures):
    assert list(figures) == [
        "bert-travel-blocks-Some",
        "bert-travel-blocks-ir-drop-at-0.05",
        "bert-travel-blocks-pcm-at-0.2",
        "bert-travel-gain",
        "bert-travel-coherence",
        "bert-travel-sources-pcm-at-0.1",
        "bert-loss-and-error",
    ]
    for figure in figures.values():
        assert "bert (MiniLM-L6) · 96 embedded questions · 3 chips" in figure.source
        assert "<svg" in figure.svg


def test_parts_are_stacked_to_the_error(figures):
    figure = figures["bert-travel-blocks-pcm-at-0.2"]
    last = [value["error"] for value in values(figure) if value["block"] == "2"]
    assert sum(last) == pytest.approx(20 * (1 + 0.25 + 0.0625) ** 0.5)
    interval = values(figure, 1)[-1]
    assert interval["low"] < sum(last) < interval["high"]
    assert (
        "20.0 % after the first block and 22.9 % after the last, which made 76 %" in figure.message
    )


def test_gains_coherence_and_sources(figures):
    gains = values(figures["bert-travel-gain"], 2)
    assert {(value["name"], value["gain"]) for value in gains} == {
        ("of the noise", 0.5),
        ("of the noise, to first order", 0.5),
        ("of random directions", 1.0),
    }
    assert figures["bert-travel-gain"].message.startswith("0 of 2 blocks amplify")
    assert "ir_drop at 0.05 is the most coherent: a cosine of +0.80" in (
        figures["bert-travel-coherence"].message
    )
    cells = values(figures["bert-travel-sources-pcm-at-0.1"])
    # A block before the source has no cell.
    assert [(c["source"], c["block"], c["text"]) for c in cells] == [
        ("block.0", "0", "10"),
        ("block.0", "1", "5"),
        ("block.0", "2", "2.5"),
        ("block.1", "1", "10"),
        ("block.1", "2", "5"),
        ("block.2", "2", "10"),
    ]
    assert "block.2 alone leaves most" in figures["bert-travel-sources-pcm-at-0.1"].message


def test_losses_lie_on_a_curve(figures):
    figure = figures["bert-loss-and-error"]
    assert figure.message.startswith("All kinds of noise fall on one curve")
    assert "error^2.00" in figure.note
    assert len(values(figure, 1)) == 6


def test_the_noise_that_is_off_the_curve_is_named():
    results = followed_results()
    chips = [replace(chip, scores={**chip.scores, "f1": 50.0}) for chip in results[4].chips]
    results[4] = replace(results[4], chips=tuple(chips))
    figure = propagation_plots(followed_contents(results), "bert")[-1]
    assert "ir_drop at 0.1 loses 20.0 points of F1 where the curve says" in figure.message
