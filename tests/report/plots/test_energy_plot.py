"""Accuracy over energy: what is drawn, and said, and where there is nothing to choose between."""

import pytest
from msgspec.structs import replace

from analog_bench.planning.energy import model_energy
from analog_bench.planning.scenarios import DEFAULT_SCENARIO, SCENARIOS
from analog_bench.report.page.chapters import chapters
from analog_bench.report.plots.condition_plot import noise_plots
from analog_bench.report.plots.energy_plot import energy_plots
from analog_bench.report.report_contents import contents_of
from analog_bench.zoo.model_shape import LayerShape, ModelShape
from tests.report.example_report import DAY, drift_results, example_run, noise_results

SHAPE = ModelShape(
    tokens=8,
    layers=(
        LayerShape("encoder.layer.0.query", "matmul", 0, inputs=300, outputs=256, vectors=8),
        LayerShape("head", "matmul", None, inputs=256, outputs=2, vectors=8),
    ),
    attention_macs=1000,
    exponentials=64,
    cached=4096,
)
HERMES = SCENARIOS[DEFAULT_SCENARIO]
WHOLE = model_energy(SHAPE, HERMES, ["encoder.layer.0.query", "head"])
BLOCKS = model_energy(SHAPE, HERMES, ["encoder.layer.0.query"])


def of_blocks(result):
    chips = [replace(c, scores={k: v + 3 for k, v in c.scores.items()}) for c in result.chips]
    return replace(
        result, group="blocks", case_id=result.case_id.replace("all", "blocks"), chips=tuple(chips)
    )


def contents(*results, shapes=None):
    shapes = {"bert": SHAPE} if shapes is None else shapes
    return contents_of(replace(example_run(), results=results, shapes=shapes), {}, {})


def values(figure):
    return [value for layer in figure.spec["layer"][1:] for value in layer["data"]["values"]]


def test_plans_and_weights_have_a_point_each_at_a_day():
    whole = drift_results()
    (figure,) = energy_plots(contents(*whole, *map(of_blocks, whole)), "bert")
    digital, *points = values(figure)
    assert digital["energy"] == pytest.approx(WHOLE.int8_pj / 8 / 1e3)
    assert digital["score"] == 70.0
    # After a day: 45 and 61 of the whole model, 3 more of the blocks.
    assert [(p["score"], p["weights"], p["layers"]) for p in points] == [
        (48.0, "direct", "all blocks"),
        (64.0, "HWA", "all blocks"),
        (45.0, "direct", "whole model"),
        (61.0, "HWA", "whole model"),
    ]
    energies = [BLOCKS.pj_per_token] * 2 + [WHOLE.pj_per_token] * 2
    assert [p["energy"] * 1e3 for p in points] == pytest.approx(energies)
    assert figure.message.startswith("The best F1, 64.0, takes ")
    assert figure.message.endswith(" nJ.")
    assert figure.source.startswith("bert (MiniLM-L6) · 96 embedded questions · 3 chips")
    for known in ("hermes-4phase", "28 %", "8 tokens"):
        assert known in figure.note
    assert [column.header for column in figure.table.columns][1] == "nJ/token"
    assert "<svg" in figure.svg


def test_the_message_says_what_the_least_energy_leaves():
    whole = [r for r in drift_results() if r.drift_s == DAY]
    better = [replace(r, chips=of_blocks(r).chips) for r in whole]
    worse = [replace(of_blocks(r), chips=r.chips) for r in whole]
    (figure,) = energy_plots(contents(*better, *worse), "bert")
    assert "The best F1, 64.0, takes" in figure.message
    assert "the least energy, " in figure.message
    assert "leaves 61.0; digital INT8 takes" in figure.message


@pytest.mark.parametrize(
    "nothing",
    [
        contents(*noise_results()),
        contents(*drift_results(), shapes={}),
        contents(*(replace(r, tile="none") for r in drift_results())),
        contents(*(replace(r, group="all:encoder.*") for r in drift_results())),
        contents(*(r for r in drift_results() if r.variant == "direct")),
    ],
    ids=["one plan", "no shape", "no tiles", "a part", "one variant"],
)
def test_where_there_is_nothing_to_choose_between_there_is_no_picture(nothing):
    assert energy_plots(nothing, "bert") == ()


def test_tables_of_a_whole_model_name_its_energy_where_it_is_known():
    (figure,) = noise_plots(contents(*noise_results()), "bert")
    assert figure.table.columns[-1].header == "nJ/token"
    expected = f"{WHOLE.pj_per_token / 1e3:.0f}"
    assert {row[-1].text.replace(",", "")[:2] for row in figure.table.rows} == {expected[:2]}
    (figure,) = noise_plots(contents(*noise_results(), shapes={}), "bert")
    assert figure.table.columns[-1].header != "nJ/token"


def test_the_chapter_has_a_section():
    (chapter,) = chapters(contents(*drift_results()))
    assert "Accuracy and energy" in [section.title for section in chapter.sections]
