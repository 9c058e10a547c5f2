import random
import re
from itertools import pairwise

import pytest
from msgspec.structs import replace

from analog_bench.gate.robustness_scores import DAY_S, MONTH_S, SECOND_S, robustness_of
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Metric
from analog_bench.report.as_terminal import printed
from analog_bench.report.drift_table import YEAR_S, drift_table

F1 = Metric("f1", "points", True, 1.0)
LOST = {0.0: 0.0, SECOND_S: 1.0, 3600.0: 6.0, DAY_S: 10.0, MONTH_S: 15.0, YEAR_S: 20.0}
CHANCE = {"f1": 11.2}
LEFT = [1.0, 0.98, 0.86, 0.76, 0.64, 0.52]


def drifting(result, times=LOST, factor=1.0, **changed):
    """One result a time: chip n loses (1 + n / 10) times what `LOST` says, times the factor."""
    changed = {"noise": "pcm:prog=1", "tile": "torch", "chance": CHANCE, **changed}
    return [
        replace(
            result,
            case_id=f"bert/{result.group}/{t:g}/{changed.get('variant', 'direct')}",
            drift_s=t,
            chips=tuple(
                Measurement(n, {"f1": 61.2 - factor * LOST[t] * (1 + n / 10)}, {}, (1.0, n), 1.0)
                for n in range(5)
            ),
            **changed,
        )
        for t in times
    ]


def drawn(width, results, metric=F1, encoding="utf-8", **options):
    return printed(drift_table(results, metric, **options), width, encoding=encoding)


def heads(width, results, metric=F1):
    line = drawn(width, results, metric, title="t").splitlines()[1]
    return [head for head in re.split(r" {2,}", line.strip()) if head]


def cells(text, row):
    return re.split(r" {2,}", text.splitlines()[3 + row].strip())


def test_the_scores_are_those_of_the_gate(bert):
    results = drifting(bert[0])
    (found,) = robustness_of(results, F1)
    assert [round(star.centre, 2) for star in found.a_star.values()] == LEFT
    text = drawn(160, results)
    assert heads(160, results) == [
        "layer", "A* 0 s", "A* 1 s", "A* 1 h", "A* 1 d", "A* 30 d", "A* 1 y", "F1 1 d", "AVM",
    ]  # fmt: skip
    # Of the 50 points above guessing 0, 1, 6, ... are lost, 1.2 times as many on average.
    assert cells(text, 0) == [
        "embeddings.word_embeddings",
        *(f"{star.centre:.2f} ±{star.half_width:.2f}" for star in found.a_star.values()),
        f"49.2 ±{found.one_day.half_width:.1f}", f"−16.8 ±{found.avm.half_width:.1f}",
    ]  # fmt: skip
    assert found.one_day.half_width > 1
    assert found.avm.half_width > 1
    said = " ".join(text.split())
    assert "A*: (F1 − guessing) / (digital − guessing), 1 is as good as digital" in said
    assert "AVM: what a month changes, F1 at 30 d − at 1 s, chip by chip." in said
    assert "± is half the 95 % interval over chips, for these very examples." in said
    assert text.startswith("layer_noise over drift times: bert-mini")
    assert drawn(140, results, title="my title").startswith("my title")


def test_what_matters_least_goes_first(bert):
    results = drifting(bert[7])
    short = len("…0.attention.output.dense")
    everything = heads(200, results)
    shown = [heads(width, results) for width in range(200, 20, -1)]
    gone = []
    for wider, narrower in pairwise(shown):
        assert set(narrower) <= set(wider)
        gone += [head for head in wider if head not in narrower]
    assert gone == ["A* 0 s", "A* 1 h", "A* 30 d", "A* 1 s", "A* 1 y", "AVM", "F1 1 d"]
    assert set(everything) - set(gone) == {"layer", "A* 1 d"}
    # Another column only where there is room for the layer's name.
    assert heads(short + 2 + 10 + 2 + 9, results) == ["layer", "A* 1 d", "F1 1 d"]
    assert heads(short + 2 + 10 + 2 + 8, results) == ["layer", "A* 1 d"]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_number_is_cut(bert, width, ascii_only):
    results = [r for one in bert[:9] for r in drifting(one)]
    text = drawn(width, results, encoding="ascii" if ascii_only else "utf-8")
    assert max(map(len, text.splitlines())) <= width
    table = text[: text.index("A*:")]
    assert table.count("0.76") == 9
    if "F1 1 d" in table:
        assert table.count("49.2 ") == 9
    if ascii_only:
        assert text.isascii()
    if ascii_only and width == 80:
        assert "+-" in table


def test_the_weights_of_a_case_stand_together_by_depth(bert):
    results = [
        r
        for variant, factor, facts in (
            ("hwa", 0.5, None),
            ("calibrated", 0.75, None),
            ("direct", 1.0, "its own"),
        )
        for one in reversed(bert[:4])
        for noise in ("pcm:prog=1,read=0", "pcm:prog=1,read=1")
        for r in drifting(
            replace(one, facts=facts and one.facts), factor=factor, variant=variant, noise=noise
        )
    ]
    shuffled = random.Random(0).sample(results, len(results))
    text = drawn(120, shuffled)
    assert text == drawn(120, results)
    assert heads(120, results)[:3] == ["layer", "noise", "weights"]
    rows = [cells(text, n)[:3] for n in range(24)]
    assert rows == [
        [one.group, noise, variant]
        for one in bert[:4]
        for noise in ("pcm:read=0", "pcm")
        for variant in ("direct", "calibrated", "hwa")
    ]
    at_a_day = heads(120, results).index("A* 1 d")
    assert [cells(text, n)[at_a_day].split()[0] for n in (0, 2)] == ["0.76", "0.88"]


def test_tile_and_hardware_where_they_vary(bert):
    results = [*drifting(bert[0], tile="torch"), *drifting(bert[0], tile="cpp", hardware="reram")]
    assert heads(100, results)[:3] == ["layer", "tile", "hardware"]
    assert "time" not in heads(100, results)


def test_only_what_drifts_has_a_row(bert):
    still = [replace(r, chance=CHANCE) for r in bert]
    assert drift_table(still, F1) == ()
    assert drift_table(drifting(bert[0], [DAY_S]), F1) == ()
    assert drift_table([], F1) == ()
    text = drawn(100, [*still, *drifting(bert[1]), *drifting(bert[2], [DAY_S])])
    assert "position_embeddings" in text
    assert "word_embeddings" not in text
    assert "token_type" not in text


def test_what_was_not_measured_is_absent(bert):
    whole, broken = drifting(bert[0]), drifting(bert[1])
    broken[1] = replace(broken[1], status="broken", reason="chip 0", chips=())
    text = drawn(160, [*whole, *broken])
    assert [cell.split()[0] for cell in cells(text, 1)[1:4]] == ["1.00", "–", "0.86"]
    assert cells(text, 1)[-1] == "–"
    assert heads(120, broken)[-1] == "F1 1 d"
    assert "A* 1 s" not in heads(120, broken)
    assert "AVM" not in drawn(120, broken)
    every = [replace(r, status="broken", chips=()) for r in whole]
    assert drift_table(every, F1) == ()


def test_without_the_score_of_guessing_there_is_no_a_star(bert):
    results = drifting(bert[0], chance={})
    assert heads(100, results) == ["layer", "F1 1 d", "AVM"]
    assert "A*" not in drawn(100, results)
    # The most important column that there is stays.
    assert heads(25, results) == ["layer", "F1 1 d"]
    unknown = drifting(bert[0], [0.0, 3600.0], chance={})
    assert drift_table(unknown, F1) == ()


def test_the_second_look_enters_no_score(bert):
    results = drifting(bert[0])
    again = [
        replace(
            r,
            chips=(
                *r.chips,
                Measurement(FIRST_CONFIRMATION_CHIP, {"f1": 0.0}, {}, (1.0, 1000.0), 1.0),
            ),
        )
        for r in results
    ]
    assert drawn(120, again) == drawn(120, results)


def test_one_chip_has_no_interval(bert):
    single = [replace(r, chips=r.chips[:1]) for r in drifting(bert[0])]
    text = drawn(120, single)
    assert "±" not in text
    assert cells(text, 0)[-2:] == ["51.2", "−14.0"]


def test_lower_is_better_has_its_own_signs(bert):
    metric = Metric("cross_entropy", "nats", False, 0.02)
    results = [
        replace(
            r,
            digital={"cross_entropy": 3.3},
            chance={"cross_entropy": 10.8},
            chips=tuple(
                replace(c, scores={"cross_entropy": 3.3 + 0.075 * LOST[r.drift_s]}) for c in r.chips
            ),
        )
        for r in drifting(bert[0])
    ]
    text = drawn(160, results, metric)
    assert heads(160, results, metric)[-2:] == ["cross-entropy 1 d", "AVM"]
    row = cells(text, 0)
    assert row[1:7] == [
        f"{left} ±0.00" for left in ("1.00", "0.99", "0.94", "0.90", "0.85", "0.80")
    ]
    assert row[-2:] == ["4.050 ±0.000", "+1.050 ±0.000"]


def test_a_case_cannot_be_there_twice(bert):
    results = drifting(bert[0])
    with pytest.raises(ValueError, match="twice"):
        drift_table([*results, results[0]], F1)
