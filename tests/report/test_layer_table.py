import dataclasses
import random
import re

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from analog_bench.gate.case_verdicts import Verdict, judge
from analog_bench.records import Metric
from analog_bench.report.as_terminal import printed
from analog_bench.report.layer_losses import marks, spread_correlation, worst
from analog_bench.report.layer_table import layer_table
from analog_bench.report.score_and_loss import loss, score

WIDTHS = [80, 100, 140]


def drawn(width, *args, encoding="utf-8", **options):
    return printed(layer_table(*args, **options), width, encoding=encoding)


def row_of(text, layer):
    return next(line for line in text.splitlines() if f"{layer} " in line)


def caption_of(text):
    return " ".join(text[text.index("Each row perturbs") :].split())


def verdicts_of(results, metric, kind="equivalent"):
    return {r.identity: Verdict(kind, metric.name, 0.0, (0.0, 0.0), 1.0, True, "") for r in results}


@pytest.mark.parametrize("width", WIDTHS)
def test_every_layer_has_one_row_by_depth_within_the_width(bert, metrics, width):
    shuffled = random.Random(0).sample(bert, len(bert))
    text = drawn(width, shuffled, verdicts_of(bert, metrics[0]), metrics)
    assert max(map(len, text.splitlines())) <= width
    rows = [line for line in text.splitlines() if line.rstrip().endswith("equivalent")]
    assert [int(line.split()[0]) for line in rows] == list(range(53))
    for result, line in zip(bert, rows, strict=True):
        assert line.split()[1].endswith(result.group.split("layer.")[-1])


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_of_noises_leave_the_other_columns_whole(bert, metrics, width):
    presets = ["StandardHWATrainingPreset", "StandardHWATrainingTorch"]
    rows = [
        replace(r, noise=f"preset:name={name}", case_id=f"{name}/{r.case_id}", drift_s=drift_s)
        for r in bert[9:12]
        for name, drift_s in zip(presets, (0.0, 86_400.0), strict=True)
    ]
    text = drawn(width, rows, {}, metrics)
    assert max(map(len, text.splitlines())) <= width
    assert "preset:name" not in text
    header = next(line.split() for line in text.splitlines() if " noise " in line)
    assert {"time", "F1", "drop", "baseline"} <= set(header)
    for name, time in zip(presets, ("0 s", "1 d"), strict=True):
        assert len([line for line in text.splitlines() if re.search(f"{name} +{time} ", line)]) == 3


@pytest.mark.parametrize("width", WIDTHS)
def test_scores_drops_and_marks_are_right(bert, metrics, width):
    text = drawn(width, bert, {}, metrics)
    half = stats.t.ppf(0.975, 4) * stats.tstd([-1, -0.5, 0, 0.5, 1]) / 5**0.5
    assert f"16.2 ±{half:.1f}" in row_of(text, "word_embeddings")
    assert "▼ 45.0" in row_of(text, "word_embeddings")
    assert "██████" in row_of(text, "word_embeddings")
    assert " 0.5 " in row_of(text, "0.attention.self.query")
    table = text[: text.index("Each row")]
    assert table.count("▼") == 5
    assert table.index("▼") < table.index("LayerNorm")


def test_columns_of_less_importance_go_first(bert, metrics):
    def heads(width):
        return drawn(width, bert, {}, metrics).splitlines()[2].split()

    assert heads(80) == ["#", "layer", "F1", "drop", "baseline"]
    assert heads(95) == ["#", "layer", "F1", "EM", "drop", "max/std", "baseline"]
    wide = ["#", "layer", "kind", "digital", "F1", "EM", "drop", "w", "std", "max/std", "baseline"]
    assert heads(140) == wide
    assert heads(50) == ["layer", "F1", "drop", "baseline"]
    assert "encoder.layer.0.attention.output.LayerNorm" in drawn(140, bert, {}, metrics)
    assert "…0.attention.output.LayerNorm" in drawn(80, bert, {}, metrics)


@pytest.mark.parametrize("width", [22, 30, 45, 60])
def test_a_narrow_terminal_cuts_no_number(bert, metrics, width):
    text = drawn(width, bert[:8], {}, metrics)
    assert max(map(len, text.splitlines())) <= width
    table = text[: text.index("Each row")]
    numbers = "".join(re.findall(r"[\d.]+", table))
    assert "16.2" in numbers
    assert "45.0" in numbers


def test_the_captions_say_what_was_done_and_what_stands_out(bert, metrics):
    said = caption_of(drawn(100, bert, {}, metrics, data="200 everyday_qa questions"))
    assert "white_output:std=1, 5 chips, 200 everyday_qa questions." in said
    assert "Model bert-mini, digital F1 61.2, EM 49.0." in said
    assert "▼ Largest drops of F1: embeddings.word_embeddings 45.0" in said
    assert re.search(
        r"\d+ of 53 rows lose more than the margin of 1 point by their 95 % intervals", said
    )
    assert re.search(
        r"Spearman correlation .* \+0\.\d\d \(.0\.\d\d to .0\.\d\d\) with .*\(53 layers; ", said
    )


def test_the_correlation_is_scipys_over_layers(bert, metrics):
    drops = [loss(result, metrics[0]) for result in bert]
    stds = [result.facts.weight_std for result in bert]
    found = spread_correlation(bert, metrics[0])
    assert found.with_std.rho == pytest.approx(stats.spearmanr(stds, drops).statistic)
    assert found.with_reach.rho == pytest.approx(-found.with_std.rho)
    assert found.layers == 53
    twice = [*bert, *(replace(r, case_id=r.case_id + "/1", drift_s=1.0) for r in bert)]
    assert spread_correlation(twice, metrics[0]) == found


def test_the_correlation_is_of_direct_weights_where_there_are_others(bert, metrics):
    # The other weights spread the other way round and lose less.
    hwa = [
        replace(
            r,
            case_id=f"{r.case_id}/hwa",
            variant="hwa",
            facts=replace(r.facts, weight_std=1.0 - r.facts.weight_std),
            chips=bert[-1].chips,
        )
        for r in bert
    ]
    alone = spread_correlation(bert, metrics[0])
    for results in ([*bert, *hwa], [*hwa, *bert]):
        assert spread_correlation(results, metrics[0]) == alone
    said = caption_of(drawn(100, [*bert, *hwa], {}, metrics))
    assert "(53 layers with direct weights; in brackets the 95 % interval)" in said
    assert "(53 layers; in brackets" in caption_of(drawn(100, bert, {}, metrics))


def test_no_correlation_where_there_is_none_to_take(bert, metrics):
    assert spread_correlation(bert[:3], metrics[0]) is None
    assert spread_correlation([replace(r, facts=None) for r in bert], metrics[0]) is None
    same = [replace(r, chips=bert[0].chips) for r in bert]
    found = spread_correlation(same, metrics[0])
    assert found.with_std is None
    assert "Spearman" not in drawn(100, same, {}, metrics)


def test_only_what_exceeds_the_margin_is_worst(bert, metrics):
    harmless = [r for r in bert if r.group.endswith(("query", "key"))]
    assert worst(harmless, metrics[0]) == []
    text = drawn(80, harmless, {}, metrics)
    assert "▼" not in text
    none = "None of 12 rows is known to lose more than the margin of 1 point, 12 may."
    assert none in caption_of(text)
    # On chips that agree there is no doubt.
    alike = [replace(r, chips=(r.chips[2],) * 3) for r in harmless]
    assert "None of 12 rows loses more than the margin of 1 point." in caption_of(
        drawn(80, alike, {}, metrics)
    )
    two = [*harmless, bert[0], bert[3]]
    assert [r.group for r in worst(two, metrics[0])] == [
        "embeddings.word_embeddings",
        "embeddings.LayerNorm",
    ]


def test_lower_is_better_shows_the_rise(bert):
    metric = Metric("cross_entropy", "nats", False, 0.02)
    results = [
        replace(
            r,
            digital={"cross_entropy": 3.3},
            chips=tuple(
                replace(c, scores={"cross_entropy": 3.3 + (0.5 if n == 7 else 0.001)})
                for c in r.chips
            ),
        )
        for n, r in enumerate(bert)
    ]
    text = drawn(100, results, {}, [metric])
    assert "rise" in text.splitlines()[2]
    assert "▼ 0.500" in row_of(text, "0.attention.output.dense")
    assert (
        "Largest rises of cross-entropy: encoder.layer.0.attention.output.dense 0.500"
        in caption_of(text)
    )
    adds = "1 of 53 rows adds more than the margin of 0.02 nats by its 95 % interval."
    assert adds in caption_of(text)


def test_what_varies_gets_a_column(bert, metrics):
    results = [
        replace(r, case_id=f"{r.group}/{n}/{t}", noise=n, drift_s=t, tile="torch")
        for r in bert[:3]
        for n in ("pcm:prog=1,read=0,compensate=yes", "pcm:prog=1,read=1,compensate=yes")
        for t in (0.0, 86400.0)
    ]
    text = drawn(100, results, {}, metrics)
    assert text.splitlines()[2].split()[2:4] == ["noise", "time"]
    assert "tile" not in text.splitlines()[2]
    assert re.search(r"word_embeddings +pcm:read=0 +0 s", text)
    assert re.search(r"word_embeddings +pcm +1 d", text)
    said = caption_of(text)
    assert "0 s, 1 d after programming, torch tile" in said
    assert "embeddings.word_embeddings (pcm:read=0, 0 s)" in said


def test_rows_without_scores_are_told_apart(bert, metrics):
    skipped = replace(bert[1], status="skipped", reason="no tile", chips=(), facts=None)
    broken = replace(bert[2], status="broken", reason="chip 0", chips=())
    results = [bert[0], skipped, broken]
    verdicts = {r.identity: judge(r, None, metrics[0]) for r in results}
    lines = drawn(100, results, verdicts, metrics).splitlines()
    assert [line.split()[-1] for line in lines[4:7]] == ["new", "broken", "skipped"]
    assert "–" in lines[5]
    assert "–" in lines[6]
    bare = drawn(100, results, {}, metrics).splitlines()
    assert [line.split()[-1] for line in bare[4:7]] == ["–", "broken", "skipped"]


def test_only_skipped_rows_can_be_drawn(bert, metrics):
    skipped = [replace(r, status="skipped", chips=(), digital={}, facts=None) for r in bert]
    assert drawn(80, skipped, {}, metrics).count("skipped") == 53


def test_what_a_narrow_terminal_leaves_out_and_verdicts_are_about_is_said(bert, metrics):
    verdicts = verdicts_of(bert, metrics[0])
    narrow = caption_of(drawn(80, bert, verdicts, metrics))
    assert "Verdicts are on the change since the baseline, not on the loss." in narrow
    (left_out,) = re.findall(r"Left out for want of width: (.+?) \(wider: COLUMNS=180\)\.$", narrow)
    assert {"change", "w std", "max/std"} <= set(left_out.split(", "))
    wide = caption_of(drawn(250, bert, verdicts, metrics))
    assert "Left out" not in wide
    new = {one: dataclasses.replace(v, kind="new", change=None) for one, v in verdicts.items()}
    assert "Verdicts are" not in caption_of(drawn(80, bert, new, metrics))


def test_one_chip_has_no_interval(bert, metrics):
    single = [replace(r, chips=r.chips[:1]) for r in bert]
    text = drawn(100, single, {}, metrics)
    assert "±" not in text
    assert "1 chip, 200 examples" in caption_of(text)


@pytest.mark.parametrize("width", [40, *WIDTHS])
def test_ascii_alone_where_asked(bert, metrics, width):
    text = drawn(width, bert, verdicts_of(bert, metrics[0]), metrics, encoding="ascii")
    assert text.isascii()
    assert "! 45.0" in text or width == 40
    assert "+-" in text


def test_names_are_not_taken_for_markup(bert, metrics):
    odd = [replace(bert[0], group="[bold]x[/nope]\x1b[31m\ny")]
    text = drawn(100, odd, {}, metrics, data="[red]data")
    assert "[bold]x[/nope] [31m y" in text
    assert "[red]data" in text
    assert "\x1b" not in text


def test_verdicts_have_colours_and_words(bert, metrics):
    verdicts = verdicts_of(bert[:1], metrics[0], "regressed")
    text = printed(layer_table(bert[:1], verdicts, metrics), 100, colours=True)
    assert "\x1b[1;31mregressed" in text


def test_a_table_of_nothing_is_refused(bert, metrics):
    with pytest.raises(ValueError, match="needs results and metrics"):
        layer_table([], {}, metrics)
    with pytest.raises(ValueError, match="needs results and metrics"):
        layer_table(bert, {}, [])


def with_examples(result, seed):
    """The same result with 96 questions that differ by 20 points, for digital, too."""
    hard = 20 * np.random.default_rng(seed).normal(size=96)
    hard -= hard.mean()

    def around(score):
        return tuple(map(float, score + hard))

    chips = tuple(
        replace(c, per_example={name: around(score) for name, score in c.scores.items()})
        for c in result.chips
    )
    digital = {name: around(score) for name, score in result.digital.items()}
    return replace(result, chips=chips, digital_per_example=digital)


def test_both_intervals_stand_in_80_columns_with_the_bars(bert, metrics):
    results = [with_examples(result, seed=3) for result in bert]
    text = drawn(80, results, verdicts_of(bert, metrics[0]), metrics)
    assert max(map(len, text.splitlines())) <= 80
    # 1.99 standard errors of 20 / √96 points, and a little for the chips.
    assert re.search(r" 16\.2 ±1\.0 \(±4\.[1-5]\)  ▼ 45\.0  ██████  equivalent", text)
    said = caption_of(text)
    assert "± is half the 95 % interval over chips (in brackets over chips and examples)." in said
    assert "over chips, for these very examples" not in said
    assert re.search(r"rank over chips 1 to 1, over chips and examples 1 to \d", said)
    # What is hard for digital, too, takes nothing from the drop: chips alone make it unsure.
    wide = drawn(180, results, {}, metrics)
    assert re.search(r"16\.2 ±1\.0 \(±4\.\d\)  13\.0 .* ▼ 45\.0 +±1\.[01]  ██████", wide)
    assert "drop ±: over chips and examples, the same for digital." in " ".join(wide.split())


def test_what_is_no_better_than_guessing_is_marked_as_a_group(bert, metrics):
    results = [replace(result, chance={"f1": 22.0, "em": 0.0}) for result in bert]
    text = drawn(100, results, {}, metrics)
    table, said = text[: text.index("Each row")], caption_of(text)
    signs = marks(results, metrics[0])
    assert {r.group for r in results if signs.get(r.identity) == "✕"} == {
        r.group for r in results if score(r, metrics[0]).centre <= 22.0
    }
    # Half of what is between guessing (22.0) and digital (61.2).
    assert {r.group for r in results if signs.get(r.identity) == "▼"} == {
        r.group for r in results if 22.0 < score(r, metrics[0]).centre < 41.6
    }
    assert table.count("✕") == list(signs.values()).count("✕") == 2
    assert "✕ Destroyed, no better than guessing (F1 22.0): embeddings.word_embeddings, " in said
    assert "; which of them loses most says nothing." in said
    assert "▼ Largest drops of F1 of the others: " in said
    assert "Destroyed" not in caption_of(drawn(100, bert, {}, metrics))
    # Whatever is named as worst is marked in the table, and the ranking begins behind the rest.
    named = said.partition("Largest drops of F1 of the others: ")[2].partition(";")[0].split(", ")
    assert len(named) == min(5, list(signs.values()).count("▼"))
    assert all("▼" in row_of(table, name.split()[0].split("layer.")[-1]) for name in named)
    ranking = said.partition("Ranking of 53 layers over 5 chips: ")[2]
    assert ranking.startswith(f"after 2 destroyed, {named[0].split()[0]} loses most (95 %")
    assert " rank over chips 3 to 3)" in ranking


def test_how_many_exceed_the_margin_is_by_their_intervals(bert, metrics):
    lost = {"surely": (4.9, 5.0, 5.1), "perhaps": (0.0, 3.0, 6.0), "within": (0.1, 0.1, 0.1)}
    results = [
        replace(
            r, chips=tuple(replace(c, chip=n, scores={"f1": 61.2 - by}) for n, by in enumerate(of))
        )
        for r, of in zip(bert, (*lost.values(), lost["perhaps"]), strict=False)
        for c in r.chips[:1]
    ]
    assert (
        "; 1 of 4 rows loses more than the margin of 1 point by its 95 % interval, 2 more may."
        in (caption_of(drawn(100, results, {}, metrics)))
    )
    for chips, told in (
        (1, "; 1 chip is too few for intervals: on it 1 of 4 rows loses more than the margin of 1"),
        (2, "; 2 chips are too few for intervals: on them 3 of 4 rows lose more than the margin"),
    ):
        few = [replace(r, chips=r.chips[:chips]) for r in results]
        assert told in caption_of(drawn(100, few, {}, metrics))


def test_an_interval_that_reaches_below_0_is_said_to_end_there(bert, metrics):
    ends = "Where ± reaches beyond 0 or 100, the interval ends there: no score lies beyond."
    assert ends not in caption_of(drawn(140, bert, {}, metrics))
    low = replace(
        bert[0],
        chips=tuple(
            replace(c, scores={"f1": score})
            for c, score in zip(bert[0].chips, (1, 9, 4), strict=False)
        ),
    )
    assert ends in caption_of(drawn(140, [low, *bert[1:]], {}, metrics))
