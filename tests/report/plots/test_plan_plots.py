"""Plans on a page: loss over energy, predictions beside measurements, and what layers become."""

import json

import pytest
from msgspec.structs import replace

from analog_bench.layer_facts_record import LayerFacts
from analog_bench.planned_case_record import PlannedCase
from analog_bench.planning.plan_energy import energy_of_plan
from analog_bench.planning.plan_record import assignment_of
from analog_bench.planning.scenarios import DEFAULT_SCENARIO, SCENARIOS
from analog_bench.report.page.chapters import chapters
from analog_bench.report.plots.condition_plot import noise_plots
from analog_bench.report.plots.figure import write_figures
from analog_bench.report.plots.plan_plots import plan_plots
from analog_bench.report.report_contents import contents_of
from analog_bench.zoo.model_shape import LayerShape, ModelShape
from tests.report.example_report import DAY, example_run, result, scope

LAYERS = [f"encoder.layer.{n}.{part}" for n in range(2) for part in ("query", "output.dense")]
SHAPE = ModelShape(
    tokens=8,
    layers=(
        *(
            LayerShape(name, "matmul", n // 2, inputs=256, outputs=128 + 32 * n, vectors=8)
            for n, name in enumerate(LAYERS)
        ),
        LayerShape("qa_outputs", "matmul", None, inputs=256, outputs=2, vectors=8),
    ),
    attention_macs=1000,
    exponentials=64,
    cached=4096,
)
FACTS = LayerFacts(4, "several", 10**6, 0.05, 0.4, 1.0, 1.0)


def planned(letters, losses, predicted, half=1.0, limit=None, **changed):
    """Return a plan's result with a loss for each chip; digital has 70 points."""
    plan = PlannedCase(letters, DEFAULT_SCENARIO, 1, "f1", limit, predicted)
    if half is not None:
        plan = replace(plan, low=predicted - half, high=predicted + half)
    made = result(
        "plan",
        f"plan-{letters}",
        [70.0 - loss for loss in losses],
        facts=FACTS,
        plan=plan,
        noise="preset:name=Some",
        drift_s=DAY,
        tile="torch",
        variant="calibrated",
        case_id=f"bert/plan-{letters}",
    )
    return replace(made, **changed)


ANALOG = planned("aaaaa", (11.0, 12.0, 13.0), 9.0)
INT8 = planned("88888", (0.2,), 0.1, noise="int8", drift_s=0.0, tile="none", variant="direct")
CHOSEN = planned("aa888", (1.0, 1.5, 2.0), 1.6, limit=2.0)
CAREFUL = planned("a8888", (0.5, 0.6, 0.7), 0.9, limit=1.0)
RANDOM = [
    planned(letters, (loss - 0.2, loss, loss + 0.3), predicted)
    for letters, loss, predicted in (
        ("a8aad", 3.0, 3.3),
        ("aad8a", 4.0, 5.4),
        ("daa8a", 6.0, 5.6),
        ("aaa8a", 7.0, 7.2),
        ("aaad8", 5.0, 4.6),
    )
]
EVERYTHING = [ANALOG, INT8, CHOSEN, CAREFUL, *RANDOM]


def contents(*results, shapes=None):
    shapes = {"bert": SHAPE} if shapes is None else shapes
    run = replace(example_run(), results=results, scopes=(scope("plan"),), shapes=shapes)
    return contents_of(run, {}, {})


def values(figure, layer):
    return figure.spec["layer"][layer]["data"]["values"]


def nj(letters):
    names = [layer.name for layer in SHAPE.layers]
    scenario = SCENARIOS[DEFAULT_SCENARIO]
    return energy_of_plan(SHAPE, scenario, assignment_of(letters, names), 1).pj / 1e3


@pytest.fixture(scope="module")
def figures():
    return plan_plots(contents(*EVERYTHING), "bert")


def test_the_front_has_every_measured_plan_and_the_digital_machines(figures):
    front = figures[0]
    measured = {value["energy"]: value for value in values(front, -1)}
    assert len(measured) == len(EVERYTHING)
    for letters, kind, loss in (
        ("aaaaa", "all analog", 12.0),
        ("88888", "all INT8", 0.2),
        ("aa888", "chosen plan", 1.5),
        ("aaa8a", "random plan", 7.0 + 0.1 / 3),
    ):
        found = measured[nj(letters)]
        assert (found["kind"], found["loss"]) == (kind, pytest.approx(loss))
    # One chip has no interval, three have.
    assert measured[nj("88888")]["low"] is None
    assert measured[nj("aa888")]["low"] < 1.0
    (fp16,) = values(front, -2)
    assert (fp16["loss"], fp16["kind"]) == (0.0, "all FP16")
    # With attention, too, in FP16: more than the plan that leaves all layers digital.
    assert nj("ddddd") < fp16["energy"] < 1.1 * nj("ddddd")
    # Predictions stand beside those that were chosen, and those that are alike.
    assert sorted(v["loss"] for v in values(front, 3)) == [0.1, 0.9, 1.6, 9.0]


def test_the_line_joins_what_nothing_beats(figures):
    line = values(figures[0], 1)
    assert [v["energy"] for v in line] == sorted(v["energy"] for v in line)
    assert [v["loss"] for v in line] == sorted((v["loss"] for v in line), reverse=True)
    assert line[-1]["loss"] == 0.0
    assert nj("aaa8a") not in [v["energy"] for v in line]  # it loses more than "aaad8"


def test_messages_say_what_was_found(figures):
    front, predictions, layers = figures
    assert front.message.startswith("The plan chosen loses 1.5 points of F1 at ")
    assert "times less than all in INT8; all analog loses 12.0 points of F1." in front.message
    assert predictions.message == (
        "Predicted and measured losses of 5 random plans have Kendall's τ "
        "0.80 (0.00 to 1.00); 7 of 9 plans lost what was promised."
    )
    assert "Half of the chips against the other half: τ 1.00" in predictions.note
    assert layers.message == (
        "Of 5 matrix multiplications, the plan chosen to lose at most 2 points of F1 puts 2 on "
        "tiles and 3 in INT8."
    )
    for figure in figures:
        assert figure.source.startswith("bert (MiniLM-L6) · 96 embedded questions · 3 chips")
        assert "Some · 1 d" in figure.source


def test_where_no_plan_kept_what_was_asked_for_that_is_said():
    lossy = planned("aa888", (2.4, 2.5, 2.6), 1.6, limit=2.0)
    front, *_ = plan_plots(contents(lossy, ANALOG), "bert")
    assert front.message.startswith("No plan kept 2: the least lossy one loses 2.5 points")


def test_the_map_has_a_column_a_block_and_one_for_what_is_in_none(figures):
    cells = {(v["part"], v["block"]): v["how"] for v in values(figures[2], 0)}
    assert cells == {
        ("query", "0"): "analog",
        ("output.dense", "0"): "analog",
        ("query", "1"): "INT8",
        ("output.dense", "1"): "INT8",
        ("qa_outputs", "–"): "INT8",
    }


def test_promises_are_cut_at_the_frame_and_where_none_was_made_none_is_drawn():
    wide = planned("aaa88", (3.0, 3.1, 3.2), 3.0, half=100.0)
    none = planned("aa8a8", (2.0, 2.1, 2.2), 2.5, half=None)
    _, predictions, _ = plan_plots(contents(wide, none, ANALOG), "bert")
    promised = values(predictions, 1)
    assert len(promised) == 2
    low, high = predictions.spec["layer"][2]["encoding"]["x"]["scale"]["domain"]
    assert min(v["from"] for v in promised) == low
    assert max(v["to"] for v in promised) == high
    assert predictions.message == "1 of 2 plans lost what was promised."


def test_two_times_are_two_pictures_and_int8_is_in_both():
    later = [replace(r, drift_s=30 * DAY, case_id=f"{r.case_id}/later") for r in (ANALOG, CHOSEN)]
    found = plan_plots(contents(ANALOG, CHOSEN, INT8, *later), "bert")
    fronts = [figure for figure in found if "-front-" in figure.name]
    assert len({figure.name for figure in fronts}) == 2
    assert [len(values(figure, -1)) for figure in fronts] == [3, 3]


@pytest.mark.parametrize(
    "nothing",
    [
        contents(*EVERYTHING, shapes={}),
        contents(*(replace(r, plan=None) for r in EVERYTHING)),
        contents(replace(CHOSEN, plan=replace(CHOSEN.plan, scenario="of another release"))),
        contents(replace(CHOSEN, plan=replace(CHOSEN.plan, layers="aa8"))),
        contents(replace(CHOSEN, plan=replace(CHOSEN.plan, metric="cross_entropy"))),
    ],
    ids=["no shape", "no plan", "no scenario", "another model", "another metric"],
)
def test_where_plans_are_not_known_there_is_no_picture(nothing):
    assert plan_plots(nothing, "bert") == ()


def test_one_plan_alone_has_its_map():
    (layers,) = plan_plots(contents(CHOSEN), "bert")
    assert "plan-aa888" in layers.name.lower()


def test_plans_are_no_kinds_of_noise_and_have_a_section_of_their_own():
    assert noise_plots(contents(*EVERYTHING), "bert") == ()
    (chapter,) = chapters(contents(*EVERYTHING))
    assert chapter.sections[0].title == "Which layers may go analog"
    assert [section.title for section in chapter.sections][1:] == []


def test_files_are_captioned(figures, tmp_path):
    files = write_figures(figures, tmp_path)
    assert {file.suffix for file in files} == {".svg", ".png", ".pdf", ".csv"}
    svg = next(file for file in files if file.suffix == ".svg").read_text()
    assert "96 embedded questions" in svg
    assert "var(--" not in svg
    assert json.dumps(figures[0].spec)
