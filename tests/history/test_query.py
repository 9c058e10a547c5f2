import numpy as np
import pytest
from msgspec.structs import replace

from analog_bench.errors import UsageError
from analog_bench.history.query import Query, runs_of, steps_of, trends_of, trends_with_steps
from analog_bench.records import Margin, Metric
from tests.history.nights import F1, NATS, broken, history_of, in_nats, result, skipped, write_night

GOOD, BAD = (70.0, 71.0, 69.0), (64.0, 65.2, 62.9)
CASE = "bert/head/white_output:std=1"
EM = Metric("em", "points", True, 1.5)


@pytest.fixture
def nights(tmp_path):
    """Return a function that writes a night a list of results, and reads all of them."""

    def write(*nights, facts=(), **options):
        for n, results in enumerate(nights):
            own = facts[n] if n < len(facts) else {}
            write_night(tmp_path, n, results, **{**options, **own})
        return history_of(tmp_path)

    return write


def the_trend(history, asked=None):
    (trend,) = trends_of(history, asked or Query())
    return trend


def means(trend):
    return [round(point.mean.centre, 6) for point in trend.points]


def days(runs):
    return [int(run.run[12:14]) for run in runs]


RELEASES = ("1.10.0", "1.9.0", "1.10.0rc1", "main", "1.9.0", "0.9.2", "1.10.0.dev3+g1a2b3c")


def test_runs_are_in_order_of_their_dates(nights, tmp_path):
    nights(*[[result(GOOD)]] * 3)
    names = [path.name for path in sorted(tmp_path.iterdir())]
    given = history_of(*(tmp_path / names[n] for n in (2, 0, 1)))
    assert [run.run for run in runs_of(given)] == [name.removesuffix(".json") for name in names]
    assert [point.run for point in the_trend(given).points] == runs_of(given)


def test_runs_in_order_of_releases(nights):
    history = nights(*[[result(GOOD)]] * 7, facts=[{"aihwkit": release} for release in RELEASES])
    ordered = runs_of(history, "release")
    assert [run.aihwkit for run in ordered] == [
        "main", "0.9.2", "1.9.0", "1.9.0", "1.10.0.dev3+g1a2b3c", "1.10.0rc1", "1.10.0",
    ]  # fmt: skip
    assert days(ordered)[2:4] == [2, 5]
    trend = the_trend(history, Query(order="release"))
    assert [point.run for point in trend.points] == ordered


def test_releases_of_torch_come_second(nights):
    torches = [{"torch": torch} for torch in ("2.11.0", "2.9.1+cpu", "2.10.0", "2.9.1")]
    history = nights(*[[result(GOOD)]] * 4, facts=torches)
    assert [run.torch for run in runs_of(history, "release")] == [
        "2.9.1", "2.9.1+cpu", "2.10.0", "2.11.0",
    ]  # fmt: skip


@pytest.mark.parametrize("order", ["date", "release"])
def test_the_newest_runs_are_the_newest_by_date(nights, order):
    facts = [{"aihwkit": release} for release in ("2.0.0", "1.9.0", "1.10.0", "1.9.0")]
    history = nights(*[[result(GOOD)]] * 4, facts=facts)
    found = runs_of(history, order, last=2)
    assert days(found) == ([3, 4] if order == "date" else [4, 3])
    trend = the_trend(history, Query(order=order, last=2))
    assert [point.run for point in trend.points] == found
    assert runs_of(history, order, last=9) == runs_of(history, order)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("protocol", "q" * 16),
        ("weights", "x" * 64),
        ("case_version", 2),
        ("variant", "hwa"),
        ("hardware", "StandardHWATrainingPreset"),
        ("tile", "cpp"),
        ("study", "another_study"),
    ],
)
def test_what_cannot_be_compared_is_never_in_one_trend(nights, name, other):
    history = nights(
        [result(GOOD)],
        [result(GOOD)],
        [replace(result(BAD), **{name: other})],
        [replace(result(BAD), **{name: other})],
    )
    trends = trends_of(history, Query())
    assert sorted(means(trend) for trend in trends) == [[64.033333] * 2, [70.0] * 2]
    assert {trend.key[name] for trend in trends} == {getattr(result(GOOD), name), other}
    assert steps_of(trends) == [(), ()]


def test_another_version_of_a_metric_is_another_trend(nights):
    second = replace(F1, version=2)
    history = nights([result(GOOD)], [result(BAD)], facts=[{}, {"metrics": (second,)}])
    trends = trends_of(history, Query())
    assert sorted(means(trend) for trend in trends) == [[64.033333], [70.0]]
    assert {trend.metric.version for trend in trends} == {1, 2}


def test_where_and_with_what_it_ran_may_differ_within_a_trend(nights):
    facts = [{}, {"device": "cuda", "machine": "arm64"}, {"commit": None, "torch": "3.0"}]
    trend = the_trend(nights(*[[result(GOOD)]] * 3, facts=facts))
    first, second, third = (point.run for point in trend.points)
    assert second.changes(first) == {"device": ("cpu", "cuda"), "machine": (None, "arm64")}
    assert third.changes(second) == {
        "torch": ("2.11.0", "3.0"),
        "device": ("cuda", "cpu"),
        "machine": ("arm64", None),
        "commit": ("c" * 40, None),
    }
    assert first.changes(first) == {}


def test_the_run_where_it_stepped_and_what_changed_with_it(nights):
    history = nights(
        *[[result(GOOD), result(GOOD, layers="tail")]] * 4,
        *[[result(BAD), result(GOOD, layers="tail")]] * 3,
        facts=[{"aihwkit": "1.1.0" if n < 4 else "1.2.0"} for n in range(7)],
    )
    trends = trends_of(history, Query())
    assert [trend.key["layers"] for trend in trends] == ["head", "tail"]
    (step,), none = steps_of(trends)
    assert none == ()
    now, before = (trends[0].points[n].run for n in (step.at, step.at - 1))
    assert (days([before, now]), step.paired) == ([4, 5], True)
    assert now.changes(before) == {"aihwkit": ("1.1.0", "1.2.0")}
    assert step.effect.change == pytest.approx(-5.9667, abs=1e-4)


def test_by_release_the_step_is_where_the_release_is(nights):
    """Releases take turns, night by night; only in their order is there one step."""
    releases = ["1.9.0", "1.10.0"] * 5
    facts = [{"aihwkit": release} for release in releases]
    history = nights(*([result(GOOD if r == "1.9.0" else BAD)] for r in releases), facts=facts)
    trend = the_trend(history, Query(order="release"))
    ((step,),) = steps_of([trend])
    assert trend.points[step.at].run.aihwkit == "1.10.0"
    assert trend.points[step.at - 1].run.aihwkit == "1.9.0"
    assert len(steps_of([the_trend(history)])[0]) > 1


def test_skipped_and_broken_nights_are_gaps(nights):
    history = nights(
        [result(GOOD)],
        [skipped(result(GOOD))],
        [broken(result(GOOD)), result(GOOD, layers="tail")],
        [result(BAD)],
        [skipped(result(GOOD, layers="never"))],
    )
    head, tail = trends_of(history, Query())
    assert days(point.run for point in head.points) == [1, 4]
    assert days(point.run for point in tail.points) == [3]
    steps, none = steps_of([head, tail])
    assert ([step.at for step in steps], none) == ([1], ())
    assert [(run.measured, run.skipped, run.broken) for run in runs_of(history)] == [
        (1, 0, 0), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 0),
    ]  # fmt: skip


def test_a_history_without_measurements_has_no_trends(nights):
    history = nights([skipped(result(GOOD))])
    assert trends_of(history, Query()) == []
    assert trends_with_steps(history, Query()) == ([], [])
    assert len(runs_of(history)) == 1


def test_chips_are_the_same_where_the_gate_would_pair_them(nights):
    other_seed = replace(result(GOOD), seed=2)
    history = nights(
        [result(GOOD, fingerprint=(0.5, 3.0))],
        [result(GOOD, fingerprint=(0.5 * (1 + 5e-6), 3.0))],
        [result(GOOD, fingerprint=(0.5 * (1 + 5e-4), 3.0))],
        [result(GOOD, fingerprint=(0.5,))],
        [other_seed],
        [result(GOOD[:2], fingerprint=(0.5, 3.0))],
    )
    first, close, reprogrammed, longer, seed, fewer = (
        set(point.scores) for point in the_trend(history).points
    )
    assert first == close
    assert fewer < first
    assert not reprogrammed & first
    assert not longer & first
    assert not seed & (first | longer)


def test_chips_of_the_cpp_tile_are_never_the_same(nights):
    one = replace(result(GOOD, drift_s=1.0, noise="pcm"), tile="cpp")
    first, second = the_trend(nights([one], [one])).points
    assert len({*first.scores, *second.scores}) == 6


def test_an_a_a_history_of_the_cpp_tile_is_silent_and_a_b_is_found(tmp_path):
    rng = np.random.default_rng(1)

    def night(mean):
        drawn = rng.normal(mean, 2.0, 3)
        return [replace(result(drawn, drift_s=1.0, noise="pcm"), tile="cpp")]

    for n in range(24):
        write_night(tmp_path / "same", n, night(70.0))
        write_night(tmp_path / "other", n, night(70.0 if n < 16 else 64.0))
    same = trends_of(history_of(tmp_path / "same"), Query())
    assert steps_of(same) == [()]
    ((step,),) = steps_of(trends_of(history_of(tmp_path / "other"), Query()))
    assert (step.at, step.paired) == (16, False)


def test_where_lower_is_better(nights):
    results = [in_nats(result(scores)) for scores in (GOOD, GOOD, BAD, BAD)]
    history = nights(*([one] for one in results), metrics=(NATS,))
    trend = the_trend(history)
    assert (trend.metric.higher_is_better, trend.metric.unit) == (False, "nats")
    ((step,),) = steps_of([trend])
    assert (step.at, round(step.effect.change, 4)) == (2, 0.0597)
    a_star = the_trend(history, Query(score="a_star"))
    ((step,),) = steps_of([a_star])
    assert (step.at, a_star.metric.higher_is_better, a_star.metric.unit) == (2, True, "")
    assert round(step.effect.change, 5) == round(-0.059667 / 5, 5)


def test_the_newest_margin_counts(nights):
    wide = {"margins": {"f1": Margin(9.0, "for a while")}}
    history = nights(*[[result(GOOD)]] * 2, *[[result(BAD)]] * 2, facts=[{}, {}, {}, wide])
    trend = the_trend(history)
    assert trend.metric.margin == 9.0
    assert steps_of([trend]) == [()]
    # The newest by date, in whichever order runs are.
    facts = [{"aihwkit": "1.2.0", **wide}, {"aihwkit": "1.1.0"}]
    history = nights([result(GOOD)], [result(BAD)], facts=facts)
    assert the_trend(history, Query(order="release", last=2)).points[-1].run.aihwkit == "1.1.0"


def test_a_step_is_the_same_whichever_cases_are_shown(nights):
    others = [result(GOOD, layers=f"block{n}") for n in range(8)]
    history = nights(*[[result(GOOD), *others]] * 3, *[[result(BAD), *others]] * 3)
    trends = trends_of(history, Query())
    everything = dict(zip((t.key["case_id"] for t in trends), steps_of(trends), strict=True))
    for cases in ([CASE], ["bert/head/*", "bert/block?/*"], []):
        shown, steps = trends_with_steps(history, Query(), cases)
        assert len(shown) == (1 if cases == [CASE] else 9)
        for trend, own in zip(shown, steps, strict=True):
            assert own == everything[trend.key["case_id"]]
    (step,) = everything[CASE]
    ((alone,),) = steps_of([t for t in trends if t.key["case_id"] == CASE])
    assert step.p == pytest.approx(9 * alone.p)


def test_families_are_corrected_each_for_itself(nights):
    others = [replace(result(GOOD, layers=f"b{n}"), study="another_study") for n in range(8)]
    history = nights(*[[result(GOOD), *others]] * 3, *[[result(BAD), *others]] * 3)
    trends = trends_of(history, Query())
    (own,) = [t for t in trends if t.key["study"] == "layer_noise"]
    assert steps_of(trends)[trends.index(own)] == steps_of([own])[0]


def test_scores_and_metrics_are_asked_for_by_name(nights):
    times = [
        result(scores, drift_s=drift_s, noise="pcm")
        for scores, drift_s in ((GOOD, 1.0), (BAD, 86400.0), ((60.0, 61.0, 59.0), 2592000.0))
    ]
    with_em = [
        replace(
            one,
            digital={**one.digital, "em": 60.0},
            chips=tuple(replace(c, scores={**c.scores, "em": 50.0 + c.chip}) for c in one.chips),
        )
        for one in times
    ]
    history = nights(with_em, with_em, metrics=(F1, EM))
    assert len(trends_of(history, Query())) == len(trends_of(history, Query(metric="em"))) == 3
    assert means(the_trend(history, Query(score="one_day"))) == [64.033333] * 2
    assert means(the_trend(history, Query(score="one_day", metric="em"))) == [51.0] * 2
    assert means(the_trend(history, Query(score="avm"))) == [-10.0] * 2
    assert len(trends_of(history, Query(score="a_star"))) == 3
    first = the_trend(history, Query(score="avm")).points[0]
    assert (first.digital, len(first.scores)) == (None, 3)
    assert trends_of(history, Query())[0].points[0].digital == 80.0


@pytest.mark.parametrize(
    ("asked", "cases", "said"),
    [
        (Query(), ["bert/heat/white_output:std=1"], f"did you mean {CASE!r}"),
        (Query(), [CASE, "nothing"], "no case 'nothing' in these runs; --sql 'select distinct"),
        (Query(), ["bert/tail/*"], "nothing was measured of bert/tail/* in these runs"),
        (Query(metric="f2"), [], "no run has the metric 'f2'; known: f1"),
        (Query(metric="em"), [CASE], "no run has the metric 'em'; known: f1"),
        (Query(score="one_day"), [], "no run has the score 'one_day'; they have plain, a_star ("),
        (Query(score="a_star", last=1), [], "the newest runs have no such score (--last 1)"),
        (Query(metric="f1", last=1), [], "the newest runs have no such score (--last 1)"),
    ],
)
def test_what_there_is_not_is_said_in_one_line(nights, asked, cases, said):
    tail = skipped(result(GOOD, layers="tail"))
    history = nights([result(GOOD), tail], [skipped(result(GOOD)), tail])
    with pytest.raises(UsageError) as caught:
        trends_with_steps(history, asked, cases)
    assert str(caught.value).startswith(said) or said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_score_that_the_main_metric_does_not_have(nights):
    one = result(GOOD)
    one = replace(
        one,
        digital={**one.digital, "em": 60.0},
        chance={"em": 0.0},
        chips=tuple(replace(c, scores={**c.scores, "em": 50.0}) for c in one.chips),
    )
    history = nights([one], metrics=(F1, EM))
    with pytest.raises(UsageError, match=r"of the metric that verdicts are about; .* be em$"):
        trends_of(history, Query(score="a_star"))
    assert len(trends_of(history, Query(score="a_star", metric="em"))) == 1


def test_a_case_id_may_hold_what_is_special_in_a_pattern(nights):
    odd = replace(result(GOOD, layers="odd"), case_id="bert/[head]/x*y")
    history = nights([odd, result(GOOD)])
    assert len(trends_with_steps(history, Query(), ["bert/[head]/x*y"])[0]) == 1
    assert len(trends_with_steps(history, Query(), ["*/white_output*"])[0]) == 1
