import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import ttest_rel

from analog_bench.defining_files import SourceFile
from analog_bench.gate.case_verdicts import judge, judge_digital, judge_family, needs_confirmation
from analog_bench.gate.chip_change import pair_chips, same_fingerprint
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Metric, Result
from analog_bench.store.baseline import CaseBaseline, DigitalEntry, Provenance, merge_cases

F1 = Metric("f1", "points", True, 1.0)
CE = Metric("cross_entropy", "nats", False, 0.02)
WHEN = Provenance("2026-01-02T03:04:05+00:00", None, None, None, None)


def result(scores, metric=F1, fingerprints=None, **changed):
    chips = tuple(
        Measurement(n, {metric.name: s}, {}, fingerprints[n] if fingerprints else (), 1.0)
        for n, s in enumerate(scores)
    )
    made = Result(
        "bert/c0", "layer_noise", "bert", "c0", "white_output:std=1", 0.0, "none", "ideal",
        "direct", 1, "p1", "w1", 7, "measured", "", {metric.name: 70.0}, {}, chips,
    )  # fmt: skip
    return replace(made, **changed)


def entry(stored):
    """Store a result as the project does, rounding included."""
    empty = CaseBaseline(stored.variant, stored.model, stored.study, {})
    baseline, _ = merge_cases(empty, [stored], WHEN)
    return baseline.find(stored.case_id, stored.protocol)


def verdict(new, old, metric=F1, **changed):
    return judge(result(new, metric, **changed), entry(result(old, metric)), metric)


OLD = (60.0, 61.0, 62.0, 63.0)
SCORES = st.lists(st.floats(0, 100), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ((0, 0, 0, 0), "equivalent"),
        ((-3, -3.1, -2.9, -3), "regressed"),
        ((3, 3.1, 2.9, 3), "improved"),
        ((-0.2, 0.1, 0.3, -0.1), "equivalent"),
        ((-9, 8, -4, 3), "inconclusive"),
        ((-1.1, -0.9, -1, -1.05), "regressed"),
        ((-1.1, -0.5, -0.9, -0.7), "inconclusive"),
        ((-3, -3, -3, -3), "regressed"),
        ((-1, -1, -1, -1), "inconclusive"),
        ((-0.9, -0.9, -0.9, -0.9), "equivalent"),
    ],
)
def test_paired_changes(change, kind):
    found = verdict([a + b for a, b in zip(OLD, change, strict=True)], OLD)
    assert (found.kind, found.paired, found.fails) == (kind, True, kind == "regressed")
    assert found.change == pytest.approx(np.mean(change))
    assert found.interval[0] <= found.change <= found.interval[1]
    assert "paired" in found.reason
    assert "margin 1" in found.reason


def test_lower_is_better_turns_it_around():
    old = [3.30, 3.31, 3.32]
    assert verdict([x + 0.1 for x in old], old, CE).kind == "regressed"
    assert verdict([x - 0.1 for x in old], old, CE).kind == "improved"
    assert verdict([x + 0.001 for x in old], old, CE).kind == "equivalent"
    assert verdict([x + 0.1 for x in old], old, CE).change == pytest.approx(0.1)


def test_without_pairs_the_means_are_compared():
    found = verdict([x - 30 for x in OLD], OLD, seed=8)
    assert (found.kind, found.paired) == ("regressed", False)
    assert "unpaired: the seed was 7, now 8" in found.reason
    assert verdict([x - 1.5 for x in OLD], OLD, seed=8).kind == "inconclusive"
    assert verdict([x - 1.5 for x in OLD], OLD).kind == "regressed"  # what pairing is for


def test_what_unpairs():
    prints = [(0.5, 1.0), (0.6, 1.0), (0.7, 1.0)]
    base = result(OLD[:3], fingerprints=prints)
    assert pair_chips(base, entry(base))[0] == (0, 1, 2)
    close = result(OLD[:3], fingerprints=[(0.5 * (1 + 9e-6), 1.0), *prints[1:]])
    assert pair_chips(close, entry(base))[0] == (0, 1, 2)
    other = result(OLD[:3], fingerprints=[prints[0], (0.6 * (1 + 2e-5), 1.0), prints[2]])
    assert pair_chips(other, entry(base))[1] == "chip 1 was programmed differently"
    assert pair_chips(result(OLD[:2]), entry(base))[1] == "chip 0 was programmed differently"
    clock = replace(base, tile="cpp")
    assert "clock" in pair_chips(clock, entry(clock))[1]
    fewer = replace(base, chips=base.chips[1:])
    assert pair_chips(fewer, entry(base))[0] == (1, 2)
    moved = replace(base, chips=(replace(base.chips[0], chip=9), *base.chips[1:]))
    assert pair_chips(moved, entry(base))[1] == "other chips were measured"


def test_small_numbers_of_a_fingerprint_survive_storing():
    prints = [(1.23456789e-7, 0.0345678912345, 12345678.9, 0.0)]
    base = result([60.0], fingerprints=prints)
    assert same_fingerprint(prints[0], entry(base).chips[0].fingerprint)


def test_one_chip_cannot_show_a_spread():
    found = verdict([40.0], [60.0])
    assert (found.kind, found.interval, found.fails) == ("inconclusive", None, False)
    assert "too few chips for an interval (1 chip" in found.reason
    assert verdict([60.0], [60.0]).kind == "equivalent"
    assert verdict([60.0], [60.0], seed=8).kind == "inconclusive"


EXACT = ("ideal", "quantise:dac_bits=8", "ir_drop:scale=1", "ir_drop_shipped", "s_shape")


@pytest.mark.parametrize("noise", [*EXACT, "equal_error:family=ir_drop,error=0.1"])
def test_one_chip_is_all_where_nothing_is_drawn(noise):
    changed = {"noise": noise, "tile": "torch"}
    assert verdict([40.0], [60.0], **changed).kind == "regressed"
    assert verdict([40.0], [60.0], **changed).interval == (-20.0, -20.0)
    assert verdict([40.0], [60.0], **changed, hardware="noisy").kind == "inconclusive"


def test_outcomes_without_a_comparison():
    old = entry(result(OLD))
    assert judge(result(OLD), None, F1).kind == "new"
    skipped = result((), status="skipped", reason="no C++ tile")
    assert (judge(skipped, old, F1).kind, judge(skipped, old, F1).reason) == (
        "skipped",
        "no C++ tile",
    )
    assert judge(result(OLD), old, Metric("em", "points", True, 1.5)).kind == "broken"
    with_em = replace(old, chips=tuple(replace(c, scores={"em": 1.0}) for c in old.chips))
    assert judge(result(OLD), with_em, F1).kind == "new"
    for found in (judge(skipped, old, F1), judge(result(OLD), None, F1)):
        assert not found.fails
        assert found.change is None
        assert found.interval is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 1e200])
def test_scores_that_are_none_break_the_case(bad):
    found = verdict([60.0, bad, 61.0], OLD)
    assert found.kind == "broken"
    assert found.fails
    assert "chip 1" in found.reason
    assert judge(result(()), None, F1).kind == "broken"
    assert judge(result((), status="broken", reason="why"), None, F1).reason == "why"


@pytest.mark.parametrize("stored", [None, entry(result(OLD))])
@pytest.mark.parametrize("digital", [{}, {"f1": 60.0}, {"f1": 5.0}])
def test_a_broken_case_needs_no_reason(stored, digital):
    """As in results of another program: that a reason is told, no schema asks for."""
    broken = result((), status="broken", reason="", digital=digital, chance={"f1": 5.0})
    found = judge(broken, stored, F1)
    assert (found.kind, found.reason) == ("broken", "it has no finite score")


STALE = "the baseline is of "


@pytest.mark.parametrize(
    ("changed", "examples", "said"),
    [
        ({"protocol": "p2"}, {"p1": 96, "p2": 8}, "another protocol: 96 examples then, 8 now"),
        ({"protocol": "p2"}, {"p1": 1, "p2": 8}, "another protocol: 1 example then, 8 now"),
        (
            {"protocol": "p2"},
            {"p1": 8, "p2": 8},
            "another protocol: as many examples (8), but other data, tokeniser, lengths or metric "
            "versions",
        ),
        (
            {"protocol": "p2"},
            {"p2": 8},
            "another protocol: other data, tokeniser, lengths or metric versions",
        ),
        ({"case_version": 2}, {}, "another case version: 1 then, 2 now"),
        ({"weights": "w2"}, {}, "other weights: w1 then, w2 now"),
    ],
)
def test_a_stale_baseline_says_what_differs(changed, examples, said):
    stored = entry(result(OLD))
    found = judge(result([1.0, 2.0], **changed), stored, F1, examples)
    assert (found.kind, found.reason) == ("stale", STALE + said)
    assert not found.fails
    assert found.change is None
    assert not needs_confirmation(result([1.0, 2.0], **changed), stored, F1, examples)


MINE = (SourceFile("noise", "bench/mine.py", "a" * 64),)
EDITED = (SourceFile("noise", "bench/mine.py", "b" * 64),)


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        (MINE, MINE, ""),
        (MINE, EDITED, "noise in bench/mine.py has"),
        # Elsewhere, and the same.
        (MINE, (replace(MINE[0], file="noises/mine.py"),), ""),
        (MINE, (replace(EDITED[0], file="noises/mine.py"),), "noise in noises/mine.py has"),
        # The baseline is of a release that did not say.
        ((), MINE, ""),
        # The noise comes along by now.
        (MINE, (), ""),
        (
            (*MINE, SourceFile("simulator", "tiles.py", "c" * 64)),
            (*EDITED, SourceFile("simulator", "tiles.py", "d" * 64)),
            "noise in bench/mine.py and simulator in tiles.py have",
        ),
    ],
)
def test_a_case_of_code_that_was_edited_is_stale_and_says_where(then, now, changed):
    found = judge(result((50.0,) * 4, sources=now), entry(result(OLD, sources=then)), F1)
    kind, reason = ("stale", f"{changed} changed since the baseline") if changed else (
        "regressed", found.reason
    )  # fmt: skip
    assert (found.kind, found.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        (
            "pcm:prog=1/torch/my hw.py:six@0123abcd-4567cdef",
            "pcm:prog=1/torch/my hw.py:six@1123abcd-4567cdef",
            "my hw.py:six has",
        ),
        (
            "measured:file=dev.csv@0123abcd,prog=1/torch",
            "measured:file=dev.csv@0123abce,prog=1/torch",
            "dev.csv has",
        ),
        (
            "equal_error:family=measured:file=d.csv@0123abcd,error=0.1",
            "equal_error:family=measured:file=d.csv@9123abcd,error=0.1",
            "d.csv has",
        ),
        (
            "measured:file=a.csv@0123abcd/b.py:f@0123abcd",
            "measured:file=a.csv@1123abcd/b.py:f@1123abcd",
            "a.csv and b.py:f have",
        ),
        # Another file, and another value.
        ("measured:file=a.csv@0123abcd", "measured:file=b.csv@0123abcd", ""),
        ("measured:file=a.csv@0123abcd,prog=1", "measured:file=a.csv@1123abcd,prog=2", ""),
        ("measured:file=a.csv", "measured:file=a.csv@1123abcd,prog=2", ""),
    ],
)
def test_hardware_and_devices_that_were_edited_are_stale(then, now, changed):
    stored, new = result(OLD, case_id=f"bert/{then}"), result((50.0,) * 4, case_id=f"bert/{now}")
    empty = CaseBaseline(stored.variant, stored.model, stored.study, {})
    baseline, _ = merge_cases(empty, [stored], WHEN)
    found = judge(new, baseline.find(new.case_id, new.protocol), F1)
    assert found.kind == ("stale" if changed else "new")
    assert not changed or found.reason == f"{changed} changed since the baseline"


@given(SCORES, st.booleans(), st.floats(0, 5))
def test_equal_data_never_regresses(scores, higher, margin):
    metric = Metric("f1", "points", higher, margin)
    for seed in (7, 8):
        assert verdict(scores, scores, metric, seed=seed).kind in ("equivalent", "inconclusive")
    assert verdict(scores, scores, metric).kind == "equivalent"


@given(SCORES, SCORES, st.randoms(use_true_random=False), st.integers(7, 8))
def test_the_order_of_chips_does_not_matter(new, old, rng, seed):
    measured, stored = result(new, seed=seed), entry(result(old))
    first = judge(measured, stored, F1)
    chips = list(measured.chips)
    rng.shuffle(chips)
    kept = list(stored.chips)
    rng.shuffle(kept)
    again = judge(replace(measured, chips=tuple(chips)), replace(stored, chips=tuple(kept)), F1)
    assert again == first


@given(SCORES, SCORES, st.floats(0, 50), st.integers(7, 8))
def test_a_larger_drop_is_never_a_better_verdict(new, old, more, seed):
    first = verdict(new, old, seed=seed)
    worse = verdict([x - more for x in new], old, seed=seed)
    if first.kind == "regressed":
        # Rounding may move a bound that lies on the margin to a hair.
        assume(first.interval is not None and first.interval[1] < -1 - 1e-9)
        assert worse.kind == "regressed"
    if worse.kind == "improved":
        assume(worse.interval is not None and worse.interval[0] > 1 + 1e-9)
        assert first.kind == "improved"


@given(SCORES, SCORES, st.integers(7, 8))
def test_turning_the_metric_around_turns_the_verdict_around(new, old, seed):
    lower = replace(F1, higher_is_better=False)
    mirrored = {"regressed": "improved", "improved": "regressed"}
    kind = verdict(new, old, seed=seed).kind
    assert verdict(new, old, lower, seed=seed).kind == mirrored.get(kind, kind)


def looked_twice(first, second, **changed):
    made = result(first, **changed)
    more = result(second).chips
    again = tuple(replace(chip, chip=FIRST_CONFIRMATION_CHIP + chip.chip) for chip in more)
    return replace(made, chips=made.chips + again)


def test_confirmation_chips_decide():
    stored = entry(looked_twice(OLD, OLD))
    worse, same = [x - 3 for x in OLD], list(OLD)
    confirmed = judge(looked_twice(worse, worse), stored, F1)
    assert (confirmed.kind, confirmed.looks, confirmed.paired) == ("regressed", 2, True)
    assert "the first 4 chips, paired had -3" in confirmed.reason
    refuted = judge(looked_twice(worse, same), stored, F1)
    assert (refuted.kind, refuted.looks, refuted.change) == ("equivalent", 2, 0.0)
    milder = judge(looked_twice(worse, [x - 0.9 for x in OLD]), stored, F1)
    assert milder.kind == "equivalent"
    unclear = judge(looked_twice(worse, [55, 64, 60, 65]), stored, F1)
    assert unclear.kind == "inconclusive"


def test_confirmation_chips_nobody_asked_for_do_not_count():
    stored = entry(looked_twice(OLD, OLD))
    found = judge(looked_twice(OLD, [x - 3 for x in OLD]), stored, F1)
    assert (found.kind, found.looks, found.change) == ("equivalent", 1, 0.0)


def test_a_baseline_without_confirmation_chips_lends_its_initial_ones():
    worse = looked_twice([x - 9 for x in OLD], [x - 9 for x in OLD], seed=8)
    found = judge(worse, entry(result(OLD)), F1)
    assert (found.kind, found.looks, found.paired) == ("regressed", 2, False)
    assert "unpaired: the seed was 7, now 8" in found.reason
    assert "the baseline has no confirmation chips, so p counts 1 case" in found.reason
    # The stored chips made the case suspicious, and judge it again: all cases count.
    among = judge_family([(worse, entry(result(OLD))), *quiet(50)], F1)[0]
    assert among.p == pytest.approx(51 * found.p)
    assert "so p counts all 51 cases" in among.reason
    confirmed = entry(looked_twice(OLD, OLD))
    alone = judge_family([(worse, confirmed), *quiet(50)], F1)[0]
    assert alone.p == found.p


def test_paired_chips_tell_more_than_fresh_ones_without_a_counterpart():
    stored = entry(result(OLD))
    worse = looked_twice([x - 9 for x in OLD], OLD)
    assert not needs_confirmation(result([x - 9 for x in OLD]), stored, F1)
    found = judge(worse, stored, F1)
    assert (found.kind, found.looks, found.paired) == ("regressed", 1, True)
    assert "not confirmed on fresh chips, so p counts 1 case" in found.reason


def quiet(number):
    """Return cases that nobody suspects."""
    return [
        (result(OLD, case_id=f"c{n}"), entry(result(OLD, case_id=f"c{n}"))) for n in range(number)
    ]


def test_chips_that_agree_by_accident_alarm_nobody():
    """One question in 32 is a coin flip: three heads, three tails, and no spread at all."""
    heads, tails = [60.0 + 100 / 32] * 3, [60.0] * 3
    stored = entry(looked_twice(heads, heads * 2))
    first = result(tails, seed=8)
    # With the number of questions, and where scores alone tell what a step is.
    for examples in ({"p1": 32}, {}):
        among = [(first, stored), *quiet(52)]
        assert judge_family(among, F1, examples)[0].kind == "inconclusive"
        assert needs_confirmation(first, stored, F1, examples)
        low, high = judge(first, stored, F1, examples).interval
        assert low < -100 / 32 < 0 < high
    refuted = looked_twice(tails, [*tails, *heads], seed=8)
    assert judge(refuted, stored, F1, {"p1": 32}).kind == "inconclusive"


@pytest.mark.parametrize(("examples", "kind"), [(32, "inconclusive"), (1000, "equivalent")])
def test_other_chips_that_agree_are_as_sure_as_the_questions_are_many(examples, kind):
    found = judge(result([60.0] * 3, seed=8), entry(result([60.0] * 3)), F1, {"p1": examples})
    assert (found.kind, found.change, found.paired) == (kind, 0.0, False)
    # Without questions and without a difference nothing says how coarse the score is.
    unknown = judge(result([60.0] * 3, seed=8), entry(result([60.0] * 3)), F1)
    assert (unknown.kind, unknown.interval) == ("inconclusive", None)


@pytest.mark.parametrize(
    ("moved", "examples", "kind"),
    [
        (0, 24, "equivalent"),
        (1, 24, "equivalent"),
        (2, 24, "equivalent"),
        (3, 24, "inconclusive"),
        (20, 24, "inconclusive"),
        (20, 1000, "equivalent"),
    ],
)
def test_the_same_scores_prove_nothing_where_other_cases_moved(moved, examples, kind):
    """A change that shows in other cases may be there and flip no answer on three chips."""
    same = [(measured, stored) for measured, stored in quiet(21 - moved)]
    others = [(result([x + 0.5 for x in OLD]), stored) for _, stored in quiet(moved)]
    found = judge_family([*same, *others], F1, {"p1": examples})
    assert {verdict.kind for verdict in found[: len(same)]} == {kind}
    assert judge_family([*others, *same], F1, {"p1": examples})[moved:] == found[: len(same)]


def test_one_score_on_all_chips_proves_nothing_without_the_number_of_questions():
    one = (result([60.0] * 3), entry(result([60.0] * 3)))
    moved = [(result([x + 0.5 for x in OLD]), stored) for _, stored in quiet(9)]
    assert judge_family([one, *moved], F1)[0].kind == "inconclusive"
    assert judge_family([one, *quiet(9)], F1)[0].kind == "equivalent"


def test_when_confirmation_chips_are_needed():
    stored = entry(looked_twice(OLD, OLD))
    assert needs_confirmation(result([x - 3.1 + 0.1 * (x > 61) for x in OLD]), stored, F1)
    assert needs_confirmation(result([x + 3.1 - 0.1 * (x > 61) for x in OLD]), stored, F1)
    assert not needs_confirmation(result(OLD), stored, F1)
    assert not needs_confirmation(result([60.0]), stored, F1)
    assert not needs_confirmation(result([x - 3 for x in OLD]), None, F1)
    assert not needs_confirmation(result([x - 3 for x in OLD], protocol="p2"), stored, F1)
    exact = {"noise": "quantise:dac_bits=8", "tile": "torch"}
    assert not needs_confirmation(result([40.0], **exact), entry(result([60.0], **exact)), F1)


def test_without_fresh_chips_the_number_of_cases_counts():
    """One case of p = 0.03 is a regression; the same case among 60 silent ones is none."""
    cases = [(result(OLD, case_id=f"c{n}"), entry(result(OLD, case_id=f"c{n}"))) for n in range(60)]
    one = ([x - d for x, d in zip(OLD, (1.0, 3.2, 0.2, 3.0), strict=True)], OLD)
    lone = judge(result(one[0]), entry(result(one[1])), F1)
    assert lone.kind == "regressed"
    assert "not confirmed on fresh chips" in lone.reason
    assert lone.p == pytest.approx(ttest_rel(*one, alternative="less").pvalue)
    among = judge_family([*cases, (result(one[0]), entry(result(one[1])))], F1)[-1]
    assert among.kind == "inconclusive"
    assert "not measured again" in among.reason
    assert among.p > 0.05


def test_collapse_to_chance_breaks_a_case_even_on_one_chip():
    stored = entry(result([60.0]))
    found = judge(result([4.0], chance={"f1": 3.0}), stored, F1)
    assert (found.kind, found.fails) == ("broken", True)
    assert "collapsed to chance: 4 where guessing has 3, was 60" in found.reason
    assert judge(result([4.0]), stored, F1).kind == "inconclusive"  # what guessing scores: unknown
    low = entry(result([9.0]))
    assert judge(result([4.0], chance={"f1": 3.0}), low, F1).kind == "inconclusive"


@pytest.mark.parametrize("score", [9.0, 4.7, 60.0])
def test_unchanged_cases_of_a_digital_model_at_chance_are_not_broken(score):
    same = result([score, score + 0.1], digital={"f1": 5.2}, chance={"f1": 4.7})
    assert judge(same, entry(same), F1).kind == "equivalent"


@pytest.mark.parametrize(
    ("metric", "digital", "chance", "before", "now"),
    [
        (F1, 4.2, 4.0, 60.0, 4.0),  # barely better than guessing
        (F1, 4.0, 4.0, 60.0, 4.0),
        (F1, 1.0, 4.0, 60.0, 3.9),  # worse
        (CE, 10.82, 10.82, 3.6, 10.9),
        (CE, 12.0, 10.82, 3.6, 10.9),
    ],
)
def test_a_digital_model_at_chance_is_told_in_place_of_the_chip(
    metric, digital, chance, before, now
):
    name = metric.name
    facts = {"metric": metric, "digital": {name: digital}, "chance": {name: chance}}
    found = judge(result([now], **facts), entry(result([before], **facts)), metric)
    assert (found.kind, found.fails) == ("broken", True)
    label, places = {"f1": ("F1", 1), "cross_entropy": ("cross-entropy", 3)}[name]
    said = (
        "the digital model itself is not known to be better than guessing: "
        f"{label} {digital:.{places}f} where guessing has "
    )
    assert found.reason == f"{said}{chance:.{places}f}, and this case had {before:.4g}"
    # As before: chips of a model that has learned nothing are compared like any others.
    near = judge(result([now], **facts), entry(result([now], **facts)), metric)
    assert near.kind == "equivalent"
    for stored in (None, replace(DIGITAL, scores={name: digital})):
        assert said in judge_digital(result([now], **facts), stored, metric).reason


def test_the_minimum_detectable_effect_is_what_is_flagged_four_times_in_five():
    rng = np.random.default_rng(4)
    chips, spread, drop = 6, 1.2, 2.4
    old = rng.normal(60, 3, chips)
    said, flagged = [], 0
    for _ in range(500):
        new = old - drop + rng.normal(0, spread, chips)
        found = verdict(new, old)
        said.append(found.detectable)
        flagged += found.kind == "regressed"
    # The effect is estimated from six chips: its middle, not each, is the true one.
    assert np.median(said) == pytest.approx(max(1 + 0.92 * spread / 6**0.5, 1.43), rel=0.15)
    assert flagged / 500 > 0.8


DIGITAL = DigitalEntry("p1", "w1", 200, {"f1": 70.0, "cross_entropy": 3.3}, WHEN)


def digital(score, metric=F1, entry=DIGITAL, protocol="p1", weights="w1"):
    new = replace(result(OLD), digital={metric.name: score}, protocol=protocol, weights=weights)
    return judge_digital(new, entry, metric)


@pytest.mark.parametrize(
    ("score", "kind"),
    [(70.0, "equivalent"), (70.04, "equivalent"), (69.96, "equivalent"), (69.9, "regressed"),
     (70.1, "improved"), (float("nan"), "broken"), (float("inf"), "broken")],
)  # fmt: skip
def test_digital_scores(score, kind):
    found = digital(score)
    assert found.kind == kind
    assert found.fails == (kind in ("regressed", "broken"))
    assert "is the stored 70" in found.reason or score != 70.0
    assert (
        "0.05 points may lie between releases of torch" in found.reason
        or score in (70.0,)
        or (kind == "broken")
    )


def test_digital_tolerance_goes_with_the_margin_and_direction():
    assert digital(3.3009, CE).kind == "equivalent"
    assert digital(3.302, CE).kind == "regressed"
    assert digital(3.298, CE).kind == "improved"


def test_digital_outcomes_without_a_comparison():
    assert digital(70.0, entry=None).kind == "new"
    assert digital(70.0, protocol="p2").kind == "stale"
    assert digital(70.0, weights="w2").kind == "stale"
    assert digital(70.0, entry=replace(DIGITAL, scores={})).kind == "new"
    assert judge_digital(replace(result(OLD), digital={}), DIGITAL, F1).kind == "broken"
