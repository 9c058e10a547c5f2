import random
import re
import time

import pytest
from msgspec.structs import replace

from analog_bench.gate.layer_ranking import rank_layers
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Metric
from analog_bench.report.as_terminal import printed
from analog_bench.report.layer_losses import rankings
from analog_bench.report.layer_table import layer_table
from analog_bench.report.words import margin_label, metric_label
from analog_bench.tasks.task_kinds import BITS_PER_BYTE, PERPLEXITY


def said(results, metrics, width=140, **options):
    text = printed(layer_table(results, {}, metrics, **options), width)
    return " ".join(text[text.index("Each row perturbs") :].split())


def headers(results, metrics):
    return {column.header for column in layer_table(results, {}, metrics)[1].columns}


def spread(results, chips=3, by=6.0, seed=0):
    """Return the results with chips that lose differently in each layer."""
    draws = random.Random(seed)
    return [
        replace(
            r,
            chips=tuple(
                replace(c, scores={"f1": c.scores["f1"] - by * draws.random()})
                for c in r.chips[:chips]
            ),
        )
        for r in results
    ]


def drops(results):
    return {
        r.group: {c.chip: r.digital["f1"] - c.scores["f1"] for c in r.initial_chips}
        for r in results
    }


def whole(result, group, weights, macs, **changed):
    facts = replace(result.facts, kind="several", coverage_weights=weights, coverage_macs=macs)
    return replace(
        result, case_id=f"m/{group}/{changed}", group=group, tile="torch", facts=facts, **changed
    )


def test_whole_models_say_how_much_of_them_is_on_tiles(bert, metrics):
    results = [
        whole(bert[0], "all", 1.0, 1.0, drift_s=1.0),
        whole(bert[0], "all", 1.0, 1.0, drift_s=2.0),
        whole(bert[0], "blocks", 0.69234, 0.9999),
    ]
    text = said(results, metrics[:1])
    assert (
        "On tiles, of the weights of all matrix multiplications and of their "
        "multiply-accumulates: all 100 % and 100 %; blocks 69.2 % and 99.9 %."
    ) in text
    assert headers(results, metrics).isdisjoint({"#", "kind", "w std", "max/std"})
    assert "Ranking of" not in text
    # Without tiles there is nothing to say, and single layers keep their columns.
    untiled = [replace(result, tile="none") for result in results]
    assert "On tiles" not in said(untiled, metrics)
    assert "On tiles" not in said(bert, metrics)
    assert {"#", "kind", "w std", "max/std"} <= headers([*results, bert[3]], metrics)


def test_the_ranking_is_the_gates(bert, metrics):
    results = spread(bert, by=40.0, seed=1)
    expected = rank_layers(drops(results), seed=7)
    low, high = expected.layers[0].interval
    assert 0.5 < expected.concordance < 0.99
    assert high > low
    assert (
        f"Ranking of 53 layers over 3 chips: {expected.layers[0].layer} loses most (95 % interval "
        f"of its rank over chips {low:g} to {high:g}); Kendall's W {expected.concordance:.2f} "
        "(1: every chip gives the same order)."
    ) in said(results, metrics[:1])


def test_perfect_agreement_alone_is_written_as_1(bert, metrics):
    # All chips of the fixture agree; queries and keys are tied on each.
    assert "Kendall's W 1.00 (1:" in said(bert, metrics)
    close = spread([r for r in bert if not r.group.endswith(("query", "key"))], by=0.1)
    (found,) = rankings(close, metrics[0])
    assert 0.995 < found.ranking.concordance < 1
    assert "Kendall's W above 0.99 (1:" in said(close, metrics[:1])


def test_no_ranking_without_several_layers_and_chips(bert, metrics):
    for results in (bert[:1], [replace(r, chips=r.chips[:1]) for r in bert]):
        assert "Ranking" not in said(results, metrics)
    two = said([replace(r, chips=r.chips[:2]) for r in bert[:2]], metrics)
    assert "Ranking of 2 layers over 2 chips" in two
    # Nor is there one of the rank where chips are too few for intervals.
    assert "95 % interval of its rank" not in two
    assert " loses most; Kendall's W" in two
    again = replace(bert[0].chips[0], chip=FIRST_CONFIRMATION_CHIP)
    fresh = [replace(r, chips=(r.chips[0], again)) for r in bert]
    assert "Ranking" not in said(fresh, metrics)
    alike = [replace(r, chips=bert[0].chips) for r in bert]
    assert "Ranking" not in said(alike, metrics)
    skipped = [replace(r, status="skipped", chips=()) for r in bert[1:]]
    assert "Ranking" not in said([bert[0], *skipped], metrics)


def test_a_ranking_each_for_two_conditions_and_none_for_more(bert, metrics):
    def at(*times):
        return [
            replace(r, case_id=f"{r.group}/{t}", drift_s=t, noise="pcm:prog=1")
            for t in times
            for r in spread(bert, seed=int(t))
        ]

    text = said(at(1.0, 86400.0), metrics[:1])
    assert re.findall(r"Ranking of 53 layers over 3 chips \(([^)]*)\)", text) == ["1 s", "1 d"]
    assert "Ranking" not in said(at(0.0, 1.0, 86400.0), metrics[:1])
    # One layer on its own at another time is no ranking.
    alone = replace(bert[0], case_id="alone", drift_s=1.0)
    assert re.findall(
        r"Ranking of 53 layers over 5 chips \(([^)]*)\)", said([*bert, alone], metrics)
    ) == ["0 s"]


def test_weights_are_ranked_and_named_apart(bert, metrics):
    hwa = [replace(r, case_id=f"{r.case_id}/hwa", variant="hwa", weights="w2") for r in bert]
    text = said([*bert, *hwa], metrics)
    assert re.findall(r"Ranking of 53 layers over 5 chips \(([^)]*)\)", text) == ["direct", "hwa"]
    assert "Largest drops of F1: embeddings.word_embeddings (direct) 45.0" in text


def test_a_layer_that_is_there_twice_is_not_ranked(bert, metrics):
    again = replace(bert[0], case_id="again", case_version=1)
    assert "Ranking" not in said([*bert, again], metrics)


def test_lower_is_better_adds(bert):
    metric = Metric("cross_entropy", "nats", False, 0.02)
    results = [
        replace(
            r,
            digital={"cross_entropy": 3.3},
            chips=tuple(
                replace(c, scores={"cross_entropy": 3.3 + n / 100 + c.chip / 1000}) for c in r.chips
            ),
        )
        for n, r in enumerate(bert)
    ]
    assert "Ranking of 53 layers over 5 chips: qa_outputs adds most" in said(results, [metric])


def test_ranking_many_layers_on_many_chips_is_cheap(bert, metrics):
    chips = [replace(bert[0].chips[0], chip=n) for n in range(20)]
    results = spread([replace(r, chips=tuple(chips)) for r in bert], chips=20)
    began = time.process_time()
    (found,) = rankings(results, metrics[0])
    assert time.process_time() - began < 0.5
    assert found.ranking.chips == 20


def heads(width, results, metrics):
    return heads_of(printed(layer_table(results, {}, metrics), width))


def heads_of(text):
    return [head for head in re.split(r" {2,}", text.splitlines()[2].strip()) if head]


@pytest.fixture
def guessed(bert):
    return [replace(r, chance={"f1": 11.2}) for r in bert]


def test_a_star_is_a_mean_over_the_initial_chips(guessed, metrics):
    again = replace(
        guessed[0].chips[0], chip=FIRST_CONFIRMATION_CHIP, scores={"f1": 99.0, "em": 99.0}
    )
    results = [replace(r, chips=(*r.chips, again)) for r in guessed]
    lines = printed(layer_table(results, {}, metrics), 160).splitlines()
    place = heads(160, results, metrics).index("A*")
    shown = [re.split(r" {2,}", line.strip())[place] for line in lines[4:57]]
    # 45 of the 50 points above guessing are lost in the first layer.
    assert shown[0].startswith("0.10 ±")
    kept = [sum(c.scores["f1"] for c in r.initial_chips) / 5 - 11.2 for r in results]
    assert [one.split()[0] for one in shown] == [f"{points / 50:.2f}" for points in kept]
    assert "A*: (F1 − guessing) / (digital − guessing), 1 is as good" in said(results, metrics, 160)


def test_a_star_goes_before_what_matters_more(bert, guessed, metrics):
    table = layer_table(guessed, {}, metrics)
    shown = [set(heads_of(printed(table, width))) for width in range(160, 50, -2)]
    widths = {head: sum(head in one for one in shown) for head in shown[0]}
    after = ["digital", "kind"]
    before = ["w std", "max/std", "EM", "#", "F1", "drop", "baseline"]
    assert all(widths[head] < widths["A*"] for head in after)
    assert all(widths[head] > widths["A*"] for head in before)
    assert "A*:" not in said(guessed, metrics, 80)
    assert "A*:" in said(guessed, metrics, 160)
    assert "A*" not in heads(160, bert, metrics)
    assert "A*" not in said(bert, metrics, 160)


def test_a_star_is_absent_where_guessing_is_unknown(bert, guessed, metrics):
    mixed = [guessed[0], bert[1]]
    text = printed(layer_table(mixed, {}, metrics), 160)
    place = heads(160, mixed, metrics).index("A*")
    rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines()[4:6]]
    assert [row[place].split()[0] for row in rows] == ["0.10", "–"]


def test_metrics_of_a_language_model_are_spelt():
    assert metric_label(BITS_PER_BYTE) == "bits/byte"
    assert margin_label(BITS_PER_BYTE) == "0.007 bits"
    assert margin_label(PERPLEXITY) == "3"


def test_one_that_is_destroyed_is_one_though_its_name_has_commas(bert, metrics):
    kept, lost = (whole(bert[0], "all", 1.0, 1.0, drift_s=time_s) for time_s in (1.0, 2.0))
    gone = tuple(replace(chip, scores={"f1": 2.0}) for chip in lost.chips)
    fine = tuple(replace(chip, scores={"f1": kept.digital["f1"]}) for chip in kept.chips)
    lost = replace(lost, chips=gone, variant="hwa", chance={"f1": 2.0, "em": 0.0})
    text = said([replace(kept, chips=fine), lost], metrics)
    named = text.partition("Destroyed, no better than guessing (F1 2.0): ")[2].partition(".")[0]
    assert named.count(",") == 1
    assert "which of them" not in text


def test_of_a_digital_model_that_may_be_guessing_nothing_is_ranked(bert, metrics):
    scores = (61.2 * 8, *(0.0,) * 7)
    guessing = [
        replace(r, chance={"f1": 40.0}, digital_per_example={"f1": scores}) for r in spread(bert)
    ]
    text = said(guessing, metrics[:1])
    assert "The digital model itself is not known to be better than guessing: F1 61.2 ±144.7 " in (
        text
    )
    assert "over examples where guessing has 40.0, so nothing can be ranked." in text
    drawn = printed(layer_table(guessing, {}, metrics), 140)
    for never in ("Ranking", "Spearman", "▼", "✕", "Largest", "lose more", "A*"):
        assert never not in drawn
    sure = [replace(r, digital_per_example={"f1": (61.2,) * 8}) for r in guessing]
    assert "Ranking of 53 layers" in said(sure, metrics[:1])
