import pytest
from msgspec.structs import replace

from analog_bench.gate.significance import Effect
from analog_bench.gate.step_detection import Step
from analog_bench.history.query import Query, trends_of
from analog_bench.report.trend_names import (
    changes_text,
    direction,
    score_name,
    step_text,
    trend_names,
)
from analog_bench.report.words import commit_label, date_text, p_text
from tests.history.nights import F1, NATS, history_of, result, write_night

SCORES = (70.0, 71.0, 69.0)
TIMES = (1.0, 86400.0, 2592000.0)


def step(change, p=0.01):
    return Step(3, Effect(change, 0.1, 2.0), True, p)


@pytest.fixture
def trends(tmp_path):
    """Return a function that measures results in a night each, and returns their trends."""

    def measure(*results, **asked):
        for n, one in enumerate(results):
            write_night(tmp_path, n, one if isinstance(one, list) else [one])
        return trends_of(history_of(tmp_path), Query(**asked))

    return measure


def test_a_trend_is_named_by_its_case_where_that_is_enough(trends):
    assert trend_names(trends([result(SCORES), result(SCORES, layers="tail")])) == [
        "bert/head/white_output:std=1",
        "bert/tail/white_output:std=1",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("protocol", "a" * 16, "b" * 16),
        ("weights", "c" * 64, "d" * 64),
        ("study", "layer_noise", "a_study_with_a_long_name"),
        ("case_version", 1, 2),
    ],
)
def test_else_by_what_tells_it_from_others(trends, name, old, new):
    names = trend_names(trends(*(replace(result(SCORES), **{name: value}) for value in (old, new))))
    word = name.replace("_", " ")
    assert sorted(names) == sorted(
        f"bert/head/white_output:std=1 ({word} {str(value)[:8] if name != 'study' else value})"
        for value in (old, new)
    )


def test_scores_of_many_drift_times_are_named_without_one(trends):
    results = [result(SCORES, noise="pcm:prog=1", drift_s=drift_s) for drift_s in TIMES]
    others = [
        replace(one, tile="cpp", hardware="a_preset", variant="hwa", case_id=f"{one.case_id}/hwa")
        for one in results
    ]
    found = trends([*results, *others], score="avm")
    assert sorted(trend_names(found)) == [
        "bert/head/pcm:prog=1",
        "bert/head/pcm:prog=1/a_preset/C++ tile/HWA weights",
    ]


def test_scores_have_names(trends):
    results = [result(SCORES, noise="pcm", drift_s=drift_s) for drift_s in TIMES]
    names = {
        score: {score_name(trend) for trend in trends(results, score=score)}
        for score in ("plain", "a_star", "one_day", "avm")
    }
    assert names == {
        "plain": {"F1"},
        "a_star": {"A* of F1 at 1 s", "A* of F1 at 1 d", "A* of F1 at 30 d"},
        "one_day": {"F1 after a day"},
        "avm": {"F1 over a month (AVM)"},
    }


def test_steps_are_spelt_with_sign_unit_and_direction():
    assert step_text(step(-2.31), F1) == "−2.3 ±0.4 worse"
    assert step_text(step(0.0512), NATS) == "+0.051 ±0.430 worse"
    assert [direction(step(x), F1) for x in (-2.0, 2.0)] == ["worse", "better"]
    assert [direction(step(x), NATS) for x in (-2.0, 2.0)] == ["better", "worse"]
    assert [p_text(p) for p in (0.0312, 0.001, 0.00099, 0.0)] == [
        "p = 0.031", "p = 0.001", "p < 0.001", "p < 0.001",
    ]  # fmt: skip


def test_what_changed_is_said(tmp_path):
    dirty = "a1b2c3d4e5f60718-changed"
    facts = [
        {},
        {"aihwkit": "1.2.0", "torch": "2.15.0"},
        {"aihwkit": "1.2.0", "torch": "2.15.0", "commit": dirty, "device": "cuda\n\x1b[31m"},
        {"aihwkit": "1.2.0", "torch": "2.15.0", "commit": None, "device": "cuda\n\x1b[31m"},
    ]
    for n, own in enumerate(facts):
        write_night(tmp_path, n, [result(SCORES)], **own)
    (trend,) = trends_of(history_of(tmp_path), Query())
    runs = [point.run for point in trend.points]
    assert changes_text(runs[1], runs[0]) == "aihwkit 1.1.0 -> 1.2.0, torch 2.11.0 -> 2.15.0"
    assert changes_text(runs[2], runs[1]) == (
        "device cpu -> cuda [31m, commit ccccccccc -> a1b2c3d4e-changed"
    )
    assert changes_text(runs[3], runs[2]) == "commit a1b2c3d4e-changed -> none"
    assert changes_text(runs[0], runs[0]) == "nothing that the runs record"
    assert [commit_label(run.commit) for run in runs[1:]] == [
        "ccccccccc", "a1b2c3d4e-changed", "",
    ]  # fmt: skip
    assert date_text(runs[1].created) == "2026-01-02 02:00"
