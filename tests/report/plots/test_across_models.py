import dataclasses

import pytest
from msgspec.structs import replace

from analog_bench.gate.robustness_scores import a_star
from analog_bench.report.page.chapters import chapters, findings
from analog_bench.report.plots.across_models import across_models
from analog_bench.report.report_contents import contents_of
from tests.report.example_report import example_run

CHANCE = 5.0


def two_models(study):
    """Return the results of a study on one model, and again as those of another."""
    run = example_run()
    (scope,) = (s for s in run.scopes if s.study == study and s.model == "bert")
    own = [r for r in run.results if r.study == study and r.model == "bert"]
    own = [replace(r, chance={"f1": CHANCE}) for r in own]
    other = [replace(r, model="mobilebert", case_id=f"other/{r.case_id}") for r in own]
    scopes = (scope, replace(scope, model="mobilebert"))
    return contents_of(replace(run, scopes=scopes, results=(*own, *other)), {}, {})


def values(figure):
    return figure.spec["layer"][-1]["data"]["values"]


def test_drift_curves_of_all_models_have_a_plot_a_variant():
    contents = two_models("drift")
    figures = across_models(contents)
    variants = {result.variant for result in contents.studies[0].results}
    assert len(figures) == len(variants) == 2
    for figure in figures:
        assert {one["model"] for one in values(figure)} == {
            "bert (MiniLM-L6)",
            "mobilebert (7.2 M)",
        }
        assert "bert (MiniLM-L6), 96 embedded questions, 3 chips" in figure.source
        assert "<svg" in figure.svg
    direct = [r for r in contents.studies[0].results if r.variant == "direct"]
    expected = {
        r.drift_s: a_star(
            sum(chip.scores["f1"] for chip in r.chips) / len(r.chips), r.digital["f1"], CHANCE
        )
        for r in direct
    }
    found = {v["time"]: v["star"] for v in values(figures[0]) if v["model"].startswith("bert")}
    assert found == pytest.approx(expected)


def test_layers_lie_along_the_share_of_the_depth():
    (figure, *_) = across_models(two_models("layer_noise"))
    places = [value["at"] for value in values(figure)]
    assert (min(places), max(places)) == (0.0, 1.0)
    assert "first and the second half: bert (MiniLM-L6) " in figure.message


def test_a_single_model_has_no_such_chapter():
    contents = two_models("drift")
    both = chapters(contents)
    assert [chapter.anchor for chapter in both] == ["all-models", "model-1", "model-2"]
    assert [text.partition(" ")[0] for text in findings(contents, both)] == ["bert", "mobilebert"]
    alone = dataclasses.replace(contents, studies=contents.studies[:1])
    assert across_models(alone) == ()
    assert [chapter.anchor for chapter in chapters(alone)] == ["model-1"]
