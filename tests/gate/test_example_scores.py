"""Single examples in results: which mean they have, and what both uncertainties are paired over."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from analog_bench.gate.example_scores import example_scores, interval
from analog_bench.gate.layer_ranking import rank_layers
from analog_bench.gate.robustness_scores import DAY_S, MONTH_S, SECOND_S, robustness_of
from analog_bench.records import Measurement, Metric, Result
from analog_bench.report.layer_losses import rankings
from analog_bench.report.score_and_loss import loss_interval, score

F1 = Metric("f1", "points", True, 1.0)
CE = Metric("cross_entropy", "nats", False, 0.02)
RNG = np.random.default_rng(11)
HARD = RNG.uniform(20, 100, 80)
"""What each question is worth: the digital model's score on it."""


def measured(scores, digital=HARD, metric=F1, drift_s=0.0, tokens=None, **changed):
    """A result whose chips have these scores, shape (chips, examples)."""
    weights = np.ones(scores.shape[1]) if tokens is None else np.asarray(tokens, float)
    more = {} if tokens is None else {"tokens": tuple(map(float, tokens))}

    def mean(row):
        return float(np.average(row, weights=weights))

    chips = tuple(
        Measurement(
            n, {metric.name: mean(row)}, {metric.name: tuple(map(float, row)), **more},
            (float(n),), 1.0,
        )
        for n, row in enumerate(scores)
    )  # fmt: skip
    made = Result(
        case_id=f"bert/c0@{drift_s:g}", study="drift", model="bert", group="c0",
        noise="pcm:prog=1", drift_s=drift_s, tile="torch", hardware="ideal", variant="direct",
        case_version=1, protocol="p1", weights="w1", seed=7, status="measured", reason="",
        digital={metric.name: mean(digital)}, chance={metric.name: 10.0}, chips=chips,
        digital_per_example={metric.name: tuple(map(float, digital))},
    )  # fmt: skip
    return replace(made, **changed)


def chips_below(lost, chips=5, spread=0.5):
    """Every question loses the same, but for chips' own share: no example differs in its loss."""
    return HARD - lost + spread * np.arange(chips)[:, None]


def test_what_is_hard_for_both_makes_no_difference_to_a_loss():
    result = measured(chips_below(12.0))
    scored, lost = score(result, F1), loss_interval(result, F1)
    assert scored.half_width == pytest.approx(lost.half_width)
    # The score hangs on the questions: 23 points of standard deviation over 80 of them.
    assert scored.with_examples > 1.9 * HARD.std() / math.sqrt(80)
    assert lost.centre == pytest.approx(11.0)
    # The loss does not, but for the draws' own error in the chips' variance.
    assert lost.half_width <= lost.with_examples < 1.1 * lost.half_width


def test_a_month_and_a_star_meet_the_same_examples():
    times = {SECOND_S: 2.0, DAY_S: 8.0, MONTH_S: 14.0}
    results = [measured(chips_below(lost), drift_s=at) for at, lost in times.items()]
    (found,) = robustness_of(results, F1)
    assert found.avm.centre == pytest.approx(-12.0)
    # To rounding: chips and questions change alike.
    assert found.avm.with_examples == pytest.approx(0.0, abs=1e-9)
    assert found.one_day.with_examples > 3 * found.one_day.half_width
    # A* moves a little with the questions: (score − 10) / (digital − 10), with 8 points lost.
    star = found.a_star[DAY_S]
    relative = found.one_day.with_examples / (HARD.mean() - 10)
    assert star.half_width <= star.with_examples < 0.5 * relative


def test_other_examples_are_not_paired():
    first = measured(chips_below(2.0), drift_s=SECOND_S)
    fewer = measured(chips_below(2.0)[:, :40], digital=HARD[:40], drift_s=MONTH_S)
    (found,) = robustness_of([first, fewer], F1)
    assert found.avm.half_width is not None
    assert found.avm.with_examples is None


def test_digital_at_chance_on_some_draw_has_no_a_star_interval():
    # Known to be better than guessing, which has 10, but not on each draw of the questions.
    error = HARD.std(ddof=1) / np.sqrt(len(HARD))
    low = HARD - HARD.mean() + 10 + 2.3 * error
    result = measured(low - 0.2 + 0.1 * np.arange(4)[:, None], digital=low)
    (found,) = robustness_of([result], F1)
    assert found.a_star[0.0].half_width is not None
    assert found.a_star[0.0].with_examples is None


def test_tokens_weigh_blocks():
    tokens = RNG.integers(1, 500, 80)
    nats = HARD / 20 + 0.1 * RNG.normal(size=(4, 80))
    result = measured(nats, digital=HARD / 20, metric=CE, tokens=tokens)
    of = example_scores(result, "cross_entropy")
    assert of.weights == pytest.approx(tokens)
    assert not of.geometric
    assert score(result, CE).with_examples > 0
    # The same blocks without their tokens: no mean of theirs is the score, and none is shown.
    without = tuple(
        replace(c, per_example={"cross_entropy": c.per_example["cross_entropy"]})
        for c in result.chips
    )
    bare = score(replace(result, chips=without), CE)
    assert bare.half_width == score(result, CE).half_width
    assert bare.with_examples is None


def test_a_perplexity_has_a_geometric_mean():
    perplexities = np.exp(HARD / 20 + 0.1 * RNG.normal(size=(4, 80)))
    result = measured(perplexities)
    chips = tuple(
        replace(c, scores={"f1": float(np.exp(np.log(c.per_example["f1"]).mean()))})
        for c in result.chips
    )
    geometric = replace(result, chips=chips)
    assert example_scores(geometric, "f1").geometric
    found = score(geometric, F1)
    relative = np.log(perplexities).mean(axis=0).std(ddof=1) / math.sqrt(80)
    assert found.with_examples / found.centre == pytest.approx(2 * relative, rel=0.15)


def test_a_score_of_the_whole_set_has_none():
    result = measured(chips_below(5.0))
    whole = tuple(replace(c, scores={"f1": c.scores["f1"] + 3.0}) for c in result.chips)
    assert example_scores(replace(result, chips=whole), "f1") is None
    assert example_scores(result, "matthews") is None


def test_files_without_single_examples_show_none():
    result = measured(chips_below(5.0))
    old = replace(
        result,
        chips=tuple(replace(c, per_example={}) for c in result.chips),
        digital_per_example={},
    )
    assert score(old, F1).with_examples is None
    assert score(old, F1).half_width == score(result, F1).half_width
    # Without the digital model's: scores have both intervals, losses cannot.
    of_chips = replace(result, digital_per_example={})
    assert score(of_chips, F1) == score(result, F1)
    assert loss_interval(of_chips, F1).with_examples is None
    (found,) = robustness_of([of_chips], F1)
    assert found.a_star[0.0].with_examples is None


@pytest.mark.parametrize(("chips", "examples"), [(1, 80), (2, 80), (5, 1), (5, 2)])
def test_few_chips_or_questions_have_no_interval(chips, examples):
    result = measured(chips_below(5.0, chips)[:, :examples], digital=HARD[:examples])
    assert score(result, F1).with_examples is None
    assert (score(result, F1).half_width is None) == (chips < 3)
    assert interval({}, example_scores(result, "f1"), 1) is None


def test_the_order_of_chips_does_not_matter_to_the_bit():
    result = measured(chips_below(5.0) + RNG.normal(size=(5, 80)))
    assert score(replace(result, chips=result.chips[::-1]), F1) == score(result, F1)


def test_a_rank_over_questions_is_as_wide_as_questions_make_it():
    # Two layers that chips tell apart without fail, and questions do not: each loses one half.
    half = np.arange(80) % 2
    losses = {"c0": 40.0 * half, "c1": 38.0 * (1 - half), "c2": 0.0 * half}
    results = [
        measured(HARD - lost + 0.1 * np.arange(5)[:, None], group=layer, case_id=layer)
        for layer, lost in losses.items()
    ]
    (order,) = rankings(results, F1)
    first, second, last = order.ranking.layers
    assert [first.layer, second.layer, last.layer] == ["c0", "c1", "c2"]
    assert (first.interval, second.interval) == ((1.0, 1.0), (2.0, 2.0))
    assert (first.with_examples, second.with_examples) == ((1.0, 2.0), (1.0, 2.0))
    assert last.with_examples == (3.0, 3.0)
    drops = {r.group: dict(enumerate(r.losses(F1))) for r in results}
    assert rank_layers(drops, seed=7).layers[0].with_examples is None
