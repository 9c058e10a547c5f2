from statistics import fmean

import pytest
from msgspec.structs import replace

from analog_bench.gate.robustness_scores import DAY_S, MONTH_S, robustness_of
from analog_bench.history.rows import COLUMNS, SCORES, rows_of, run_id_of
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Margin, Metric
from analog_bench.store.run_file import read_run
from tests.history.nights import F1, NATS, broken, in_nats, result, skipped, write_night
from tests.store.examples import example_run

TIMES = (1.0, 3600.0, DAY_S, MONTH_S)
EM = Metric("em", "points", True, 1.5, version=3)


@pytest.fixture
def rows(tmp_path):
    """Return a function that writes a night's run and flattens what the file holds."""

    def flatten(*results, **options):
        path = write_night(tmp_path, 0, results, **options)
        return list(rows_of(read_run(path), path.stem))

    return flatten


def of(rows, **wanted):
    return [row for row in rows if wanted.items() <= row.items()]


def trajectory(first=70.0, times=TIMES, **options):
    """A noise at several drift times: three chips that lose as they drift."""
    return [
        result((first - n, first - 1.25 * n, first + 1 - n), noise="pcm", drift_s=time, **options)
        for n, time in enumerate(times)
    ]


def test_every_row_has_every_column(rows):
    found = rows(*trajectory(), skipped(result((1.0,), layers="tail")))
    names = list(COLUMNS)
    assert all(list(row) == names or sorted(row) == sorted(names) for row in found)
    assert {row["score"] for row in found} == {None, *SCORES}


def test_a_row_is_a_chip_in_a_metric(rows):
    one = result((70.5, 71.25), fingerprint=(0.5, 2.0))
    one = replace(
        one,
        digital={"f1": 80.0, "em": 60.0},
        chips=tuple(replace(chip, scores={**chip.scores, "em": 50.0}) for chip in one.chips),
    )
    found = rows(one, metrics=(F1, EM), machine="x86_64")
    plain = of(found, score="plain")
    assert [(row["metric"], row["main"], row["chip"], row["value"]) for row in plain] == [
        ("f1", True, 0, 70.5),
        ("f1", True, 1, 71.25),
        ("em", False, 0, 50.0),
        ("em", False, 1, 50.0),
    ]
    first, last = plain[0], plain[-1]
    assert (first["run"], first["created"]) == (
        "bench-20260101-020000",
        "2026-01-01T02:00:00+00:00",
    )
    assert (first["aihwkit"], first["machine"], first["budget"]) == ("1.1.0", "x86_64", None)
    assert (first["case_id"], first["layers"], first["status"], first["reason"]) == (
        one.case_id, "head", "measured", "",
    )  # fmt: skip
    assert (first["unit"], first["higher_is_better"], first["margin"]) == ("points", True, 1.0)
    assert (last["margin"], last["metric_version"], last["digital"]) == (1.5, 3, 60.0)
    assert [row["fingerprint"] for row in plain[:2]] == [[0.5, 2.0], [1.5, 3.0]]


def test_a_case_without_scores_has_one_row_that_says_why(rows):
    found = rows(
        result((70.0,)), skipped(result((1.0,), layers="a")), broken(result((1.0,), layers="b"))
    )
    without = of(found, metric=None)
    assert [(row["layers"], row["status"], row["reason"]) for row in without] == [
        ("a", "skipped", "no C++ tile here"),
        ("b", "broken", "chip 1 scored nan"),
    ]
    later = list(COLUMNS)[27:]
    assert later[1] == "metric"
    assert all(row[name] is None for row in without for name in later[1:])


def test_a_studys_own_margin_counts(rows):
    margins = {"f1": Margin(0.25, "a study of its own kind")}
    assert {row["margin"] for row in of(rows(result((70.0,)), margins=margins), score="plain")} == {
        0.25
    }


def test_confirmation_chips_are_left_out(rows):
    one = result((70.0, 71.0))
    again = tuple(replace(chip, chip=chip.chip + FIRST_CONFIRMATION_CHIP) for chip in one.chips)
    assert rows(replace(one, chips=one.chips + again)) == rows(one)


def test_what_is_random_is_said(rows):
    found = rows(
        result((70.0,), noise="ideal", layers="a"),
        result((70.0,), layers="b"),
        result((70.0,), noise="a_noise_of_a_later_release", layers="c"),
    )
    assert {row["layers"]: row["draws"] for row in found} == {"a": False, "b": True, "c": True}


@pytest.mark.parametrize("metric", [F1, NATS])
def test_robustness_scores_are_those_of_the_gate_chip_by_chip(rows, metric):
    results = trajectory()
    results = [in_nats(one) for one in results] if metric is NATS else results
    found = rows(*results, metrics=(metric,))
    (expected,) = robustness_of(results, metric)
    for drift_s, interval in expected.a_star.items():
        own = of(found, score="a_star", drift_s=drift_s)
        assert [row["chip"] for row in own] == [0, 1, 2]
        assert fmean(row["value"] for row in own) == pytest.approx(interval.centre)
        # 1 is digital, whatever the metric's own direction, and the margin is in the same unit.
        span = abs(results[0].digital[metric.name] - results[0].chance[metric.name])
        assert {(row["unit"], row["higher_is_better"]) for row in own} == {("", True)}
        assert [row["margin"] for row in own] == pytest.approx([metric.margin / span] * 3)
    for score in ("one_day", "avm"):
        own = of(found, score=score)
        centre = getattr(expected, score).centre
        assert fmean(row["value"] for row in own) == pytest.approx(centre)
        assert {row["drift_s"] for row in own} == {None}
        assert {row["higher_is_better"] for row in own} == {metric.higher_is_better}
    assert len(found) == 3 * (4 + 4 + 1 + 1)


def test_a_score_of_many_drift_times_keeps_its_case_where_a_time_is_missing(rows):
    results = trajectory()
    whole = rows(*results)
    for missing in (broken(results[1]), skipped(results[0])):
        found = rows(missing, *(one for one in results if one.case_id != missing.case_id))
        assert of(found, score="one_day") == of(whole, score="one_day")
    assert {row["case_id"] for row in of(whole, score="one_day")} == {results[2].case_id}
    assert {row["case_id"] for row in of(whole, score="avm")} == {results[3].case_id}
    assert of(found, score="avm") == []


def test_chips_that_are_not_the_same_after_a_month_have_no_avm(rows):
    first, *rest = trajectory(times=(1.0, MONTH_S))
    # One of three is enough: the others alone would be another mean.
    fresh = result((1.0,) * 3, fingerprint=(9.0,)).chips
    other = [replace(one, chips=(*one.chips[:2], fresh[2])) for one in rest]
    assert len(of(rows(first, *rest), score="avm")) == 3
    assert of(rows(first, *other), score="avm") == []


def test_without_a_score_of_guessing_there_is_no_a_star(rows):
    found = rows(*(replace(one, chance={}) for one in trajectory()))
    assert of(found, score="a_star") == []
    assert len(of(found, score="avm")) == 3


def test_conditions_are_kept_apart(rows):
    two = [*trajectory(), *trajectory(60.0, layers="tail")]
    found = rows(*two)
    for layers in ("head", "tail"):
        own = [replace(one) for one in two if one.group == layers]
        (expected,) = robustness_of(own, F1)
        values = [row["value"] for row in of(found, score="avm", layers=layers)]
        assert fmean(values) == pytest.approx(expected.avm.centre)


def test_a_run_is_told_by_all_of_its_manifest():
    manifest = example_run().manifest
    assert run_id_of(manifest) == run_id_of(replace(manifest))
    others = [
        replace(manifest, created="2026-01-02T03:04:06+00:00"),
        replace(manifest, command="pytest -k x"),
        replace(manifest, environment={"torch": "2", "host": "b"}),
        replace(manifest, options={}),
    ]
    ids = {run_id_of(one) for one in (manifest, *others)}
    assert len(ids) == 5
    assert all(len(one) == 12 and int(one, 16) >= 0 for one in ids)
