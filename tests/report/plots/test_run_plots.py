"""What plots say and are drawn from: messages are computed, so they are checked."""

import re

import pytest
from msgspec.structs import replace

from analog_bench.errors import StoreError
from analog_bench.records import Margin
from analog_bench.report.layer_losses import spread_correlation
from analog_bench.report.page.chapters import chapters
from analog_bench.report.page.document import figures, page, save_figures
from analog_bench.report.page.heat_map import heat_map, heat_picture
from analog_bench.report.plots.chart import IN_FILES
from analog_bench.report.plots.condition_plot import noise_plots
from analog_bench.report.plots.depth_plot import depth_plots
from analog_bench.report.plots.drift_plot import drift_plots
from analog_bench.report.plots.figure import Selection, choose
from analog_bench.report.plots.weight_plots import distribution_plots, spread_plots
from analog_bench.report.report_contents import contents_of
from analog_bench.report.words import correlation_text
from tests.report.example_report import LAYERS, NASTY, example_run


def judged(*results):
    """Return what is shown of some of the example's results."""
    return contents_of(replace(example_run(), results=results), {}, {})


def of_study(study):
    return [r for r in example_run().results if r.study == study]


def test_the_heat_map_holds_every_layer_and_condition(contents):
    found = heat_map(contents, "bert")
    assert found.conditions == ("white_output:std=1", "pcm:prog=1 · 1 d · C++ tile")
    assert [row[1].text for row in found.table.rows] == list(LAYERS)
    assert found.message == (
        "33 of 34 layers lose more than 1 point of F1 by their 95 % intervals, 1 more may; "
        "embeddings.word_embeddings loses most, 61.0."
    )
    rows = [row[2:4] for row in found.table.rows]
    assert [cell.text for cell in rows[0]] == ["60.0", "61.0"]
    assert (rows[0][1].heat, rows[0][1].value) == (1.0, 61.0)
    assert [[cell.role for cell in row] for row in rows[:2]] == [
        ["improved", ""],
        ["regressed", ""],
    ]
    assert [cell.text for cell in rows[-1]] == ["1.8", "skipped"]


def layers_in(study, **changed):
    """Return every layer under one noise in a study, under ids of their own."""
    return [
        replace(r, study=study, case_id=f"{study}/{r.group}/{n}", **changed)
        for n, r in enumerate(r for r in of_study("layer_noise") if r.drift_s == 0.0)
    ]


def with_margin(study, value, *results):
    """Return what is shown of some results, one study of which has a margin of its own."""
    run, margins = example_run(), {"f1": Margin(value, "few examples")}
    scopes = tuple(replace(s, margins=margins) if s.study == study else s for s in run.scopes)
    return contents_of(replace(run, scopes=scopes, results=results), {}, {})


def test_the_heat_map_takes_margins_for_what_they_are_a_studys_own():
    # The study that comes first has no layers by themselves, and a margin of its own.
    whole = of_study("drift")
    found = heat_map(with_margin("drift", 3.0, *whole, *layers_in("layer_noise")), "bert")
    assert (len(found.table.rows), len(found.conditions)) == (34, 1)
    both = (*layers_in("layer_noise"), *layers_in("noise_types", noise="pcm:prog=1"))
    found = heat_map(with_margin("noise_types", 1.2, *both), "bert")
    assert found.conditions == ("white_output:std=1", "pcm:prog=1")
    than = "more than their study's margin of F1 by their 95 % intervals, 8 more may;"
    assert found.message.startswith(f"26 of 34 layers lose {than}")
    # Each cell by its own study's: what keeps within 20 points in one exceeds 1 in the other.
    found = heat_map(with_margin("layer_noise", 20.0, *both), "bert")
    than = "more than their study's margin of F1 by their 95 % intervals, 8 more may;"
    assert found.message.startswith(f"26 of 34 layers lose {than}")
    one = heat_map(with_margin("noise_types", 20.0, *both[34:]), "bert")
    assert one.message.startswith("2 of 34 layers lose more than 20 points of F1 by their")


def test_a_study_of_another_metric_without_layers_hides_no_map():
    run, results = example_run(), (*of_study("drift"), *layers_in("noise_types"))
    scopes = tuple(
        replace(scope, main_metric="em") if scope.study == "drift" else scope
        for scope in run.scopes
    )
    contents = contents_of(replace(run, scopes=scopes, results=results), {}, {})
    assert len(heat_map(contents, "bert").table.rows) == 34


def test_a_margin_beyond_every_loss_keeps_map_and_picture_pale():
    # Guessing is not known: no digital model is better than it by so much.
    results = [replace(result, chance={}) for result in layers_in("layer_noise")]
    found = heat_map(with_margin("layer_noise", 240.0, *results), "bert")
    assert (found.most, found.table.rows[0][2].heat) == ("240", 0.5)
    assert found.message == "None of 34 layers loses more than 240 points of F1."
    scale = heat_picture(found).spec["layer"][0]["encoding"]["color"]["scale"]
    assert (scale["domainMin"], scale["domainMax"]) == (0, 240.0)


def test_conditions_of_two_studies_keep_columns_and_names_of_their_own():
    other = layers_in("layer_noise", protocol="other-protocol")
    results = [*layers_in("layer_noise"), *layers_in("noise_types")]
    found = heat_map(judged(*results), "bert")
    assert found.conditions == (
        "white_output:std=1 · layer_noise",
        "white_output:std=1 · noise_types",
    )
    values = heat_picture(found).spec["layer"][0]["data"]["values"]
    assert len({(one["layer"], one["condition"]) for one in values}) == len(values) == 68
    other = [replace(r, case_id=f"{r.case_id}/other") for r in other]
    labels = heat_map(judged(*results, *other), "bert").conditions
    assert len(set(labels)) == 3
    assert [label for label in labels if "protocol" in label] == [
        f"white_output:std=1 · layer_noise · protocol {name}, version 1, seed 7"
        for name in ("pppppppp", "other-pr")
    ]


def trained_layers():
    """Return every layer with direct weights, and with others that lose a tenth as much."""
    direct = layers_in("layer_noise")
    return direct, [
        replace(
            r,
            case_id=f"{r.case_id}/hwa",
            variant="hwa",
            weights="h" * 64,
            facts=replace(r.facts, weight_std=9.0 - r.facts.weight_std),
            chips=tuple(
                replace(c, scores={"f1": 70.0 - (70.0 - c.scores["f1"]) / 10, "em": 1.0})
                for c in r.chips
            ),
        )
        for r in direct
    ]


def test_the_heat_map_tells_direct_weights_from_others():
    direct, hwa = trained_layers()
    for results in ([*direct, *hwa], [*hwa, *direct]):
        found = heat_map(judged(*results), "bert")
        assert found.message == (
            "With direct weights 26 of 34 layers lose more than 1 point of F1 by their 95 % "
            "intervals, 8 more may; embeddings.word_embeddings loses most, 60.0. "
            "With HWA weights 5 of 34 layers lose more than 1 point of F1 by their 95 % "
            "intervals, 1 more may; embeddings.word_embeddings loses most, 6.0."
        )
        assert {row[-2].text for row in found.table.rows} == {
            f"{r.facts.weight_std:#.3g}" for r in direct
        }
        assert found.note.endswith("w std and max/std are of the direct weights.")


def test_of_too_few_chips_the_heat_map_says_that_first():
    few = [replace(r, chips=r.chips[:2]) for r in layers_in("layer_noise")]
    said = heat_map(judged(*few), "bert").message
    assert re.match(r"2 chips are too few for intervals: on them \d+ of 34 layers lose more", said)
    assert "may" not in said


def test_the_depth_profile_names_the_worst_and_the_median(contents):
    white, pcm = depth_plots(contents, "bert").figures
    assert (
        white.message == "embeddings.word_embeddings loses 60.0 points of F1, the median layer 3.4."
    )
    assert "· 3 chips · pcm:prog=1 · 1 d · C++ tile · " in pcm.source
    values = white.spec["data"]["values"]
    assert [value["name"] for value in values if value["named"]] == ["embeddings.word_embeddings"]
    # Its name stands above its interval, and those it would lie over.
    label = next(one for one in white.spec["layer"] if one["mark"].get("dy"))["data"]["values"][0]
    assert label["high"] >= max(value["high"] for value in values[:2])
    # No drop goes beyond what digital scores.
    assert values[0]["high"] <= 70.0
    assert len(pcm.table.rows) == len(LAYERS) - 1


def test_the_spread_has_its_correlation_with_an_interval(contents):
    spread, reach = spread_plots(contents, "bert")
    assert spread.message == "Layers with wider weights lose less."
    assert spread.note == "Spearman correlation −1.00, p < 0.001, 34 layers with direct weights."
    assert reach.message == "Layers with larger outliers lose more."
    results = [
        replace(r, facts=replace(r.facts, weight_std=0.1 + 0.01 * (n * 7 % 10), weight_max=1.0))
        for n, r in enumerate(of_study("layer_noise")[:24:2])
    ]
    figure, _ = spread_plots(judged(*results), "bert")
    assert figure.message == "Whether layers with wider weights lose more cannot be told."
    assert "95 % interval −" in figure.note


@pytest.mark.parametrize(("layers", "told"), [(4, False), (5, True)])
def test_a_perfect_order_of_few_layers_may_be_chance(layers, told):
    # Of the orders of 4 layers 2 in 24 are perfect, of those of 5 only 2 in 120.
    figure, _ = spread_plots(judged(*layers_in("layer_noise")[:layers]), "bert")
    assert figure.message == (
        "Layers with wider weights lose less."
        if told
        else "Whether layers with wider weights lose more cannot be told."
    )
    assert figure.note.startswith(
        f"Spearman correlation −1.00, p = {2 / (120 if told else 24):.2g}"
    )


def test_page_and_terminal_correlate_direct_weights_alike(metrics):
    direct, hwa = trained_layers()
    results = [
        replace(r, facts=replace(r.facts, weight_std=0.1 + 0.01 * (n * 7 % 10)))
        for n, r in enumerate(direct)
    ]
    for some in (results, [*results, *hwa], [*hwa, *results]):
        figure, _ = spread_plots(judged(*some), "bert")
        found = spread_correlation(some, metrics[0])
        assert found == spread_correlation(results, metrics[0])
        assert figure.note.startswith(
            f"Spearman correlation {correlation_text(found.with_std.rho)}, "
        )
        assert figure.note.endswith(", 34 layers with direct weights.")
    alone, _ = spread_plots(judged(*hwa), "bert")
    assert alone.note.endswith(", 34 layers with HWA weights.")


def test_three_layers_are_too_few_to_compare(contents):
    few = judged(*of_study("layer_noise")[:6:2])
    assert spread_plots(few, "bert") == depth_plots(few, "bert").figures == ()
    assert distribution_plots(few, "bert") == ()


def test_weights_of_the_most_and_the_least_vulnerable(contents):
    found = distribution_plots(contents, "bert")
    assert [figure.message.partition(" loses ")[0] for figure in found] == [
        *LAYERS[:3],
        *reversed(LAYERS[-3:]),
    ]
    assert found[0].message == "embeddings.word_embeddings loses 60.5 points of F1"
    assert "standard deviation 0.0500, the largest reaches 33.0 of them" in found[0].note
    domains = [figure.spec["encoding"]["x"]["scale"]["domain"] for figure in found]
    assert domains == [(-33.0, pytest.approx(26.4))] * 6
    bins = found[0].spec["data"]["values"]
    assert bins[0]["from"] == pytest.approx(-33.0 * (1 - 1.8 / 61))  # the first bin is empty
    assert sum(one["share"] for one in bins) == pytest.approx(100)
    assert found[0].href == "#case-1"


def test_drift_curves_of_both_weights_beside_digital(contents):
    (figure,) = drift_plots(contents, "bert").figures
    assert figure.message == (
        "Whole model after 30 d: F1 41.0 with direct weights and 57.0 with HWA weights, "
        "digital 70.0."
    )
    band, chips, means, _, digital = figure.spec["layer"]
    points = means["data"]["values"]
    assert [(p["weights"], p["time"], p["mean"]) for p in points][:2] == [
        ("direct", 0.0, 50.0),
        ("direct", 1.0, 49.0),
    ]
    assert all(p["low"] <= p["mean"] <= p["high"] for p in band["data"]["values"])
    assert len(chips["data"]["values"]) == 24
    assert digital["data"]["values"] == [{"mean": 70.0, "weights": "digital"}]
    assert [row[0].text for row in figure.table.rows] == 2 * ["0 s", "1 s", "1 d", "30 d"]
    direct = judged(*(r for r in of_study("drift") if r.variant == "direct"))
    (alone,) = drift_plots(direct, "bert").figures
    assert alone.message == "Whole model after 30 d: F1 41.0 with direct weights, digital 70.0."


def test_one_time_is_no_curve():
    assert drift_plots(judged(*of_study("drift")[:1]), "bert") == Selection((), 0)


def test_a_large_study_takes_no_room_of_another_and_what_is_left_out_is_told():
    many = [
        replace(r, noise=f"white_output:std={n}", case_id=f"{r.case_id}/{n}")
        for n in range(2, 8)
        for r in layers_in("layer_noise")
    ]
    contents = judged(*many, *layers_in("noise_types"))
    found = depth_plots(contents, "bert")
    assert [figure.name.partition("-depth")[0] for figure in found.figures] == [
        *["bert-layer-noise"] * 3,
        "bert-noise-types",
    ]
    assert found.left == 3
    said = (
        "3 more plots of loss over depth are not drawn here; the numbers are among the raw values."
    )
    assert chapters(contents)[0].sections[0].lead == said
    assert said in page(contents)
    groups = [
        replace(r, study=study, group=f"group{n}", case_id=f"{study}{n}{r.case_id}")
        for study, number in (("drift", 12), ("noise_types", 1))
        for n in range(number)
        for r in of_study("drift")
    ]
    curves = drift_plots(judged(*groups), "bert")
    assert (len(curves.figures), curves.left) == (12, 1)
    assert curves.figures[-1].name.startswith("bert-noise-types")
    assert curves.note("drift plot", "drift plots").startswith("1 more drift plot is not drawn")


@pytest.mark.parametrize(
    ("by_study", "most", "expected"),
    [
        (["abcd", "", "xyz"], 4, "abxy"),
        (["abc", "x"], 9, "abcx"),
        (["ab", "m", "x"], 2, "amx"),
        ([], 2, ""),
    ],
)
def test_every_study_has_its_turn(by_study, most, expected):
    assert "".join(choose(by_study, most)) == expected


def test_conditions_are_ranked_and_cut_where_scores_end(contents):
    (figure,) = noise_plots(contents, "bert")
    assert figure.message.startswith(f"{NASTY} costs most: it loses 49.5 points of F1; 2 of 3")
    values = figure.spec["layer"][1]["data"]["values"]
    assert [value["name"] for value in values] == [NASTY, "pcm", "quantise"]
    assert all(0 <= value["low"] <= value["high"] <= 100 for value in values)
    assert [row[2].text for row in figure.table.rows] == ["49.5", "29.5", "0.0"]


def test_every_plot_becomes_files_of_its_own(contents, tmp_path):
    found = figures(contents)
    names = [figure.name for figure in found]
    assert len(set(map(str.lower, names))) == len(names) == 14
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", name) for name in names)
    some = contents_of(replace(example_run(), results=tuple(of_study("noise_types"))), {}, {})
    csv, pdf, png, svg = sorted(save_figures(tmp_path / "new", some))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert csv.read_text().startswith("condition,")
    drawn = svg.read_text()
    assert "bert (MiniLM-L6) · 96 embedded questions" in drawn
    assert "var(--" not in drawn
    assert "here.invalid" not in drawn
    assert "<script" not in drawn
    assert IN_FILES["direct"] in drawn
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write figures to"):
        save_figures(tmp_path / "file", some)


def test_the_page_knows_every_colour_twice(html):
    for name in IN_FILES:
        assert html.count(f"--{name}: ") == 2, name
