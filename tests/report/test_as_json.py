import json
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from analog_bench.errors import UsageError
from analog_bench.history.query import Query, runs_of, trends_with_steps
from analog_bench.report.as_json import answer_plain, history_plain
from tests.history.nights import history_of, result, skipped, write_night

GOOD, BAD = (70.0, 71.0, 69.0), (64.0, 65.2, 62.9)


def test_all_of_it_is_there(tmp_path):
    for night, scores in enumerate((GOOD, GOOD, BAD)):
        write_night(
            tmp_path,
            night,
            [result(scores), skipped(result(GOOD, layers="tail"))],
            commit=None if night == 2 else "c" * 40,
        )
    history = history_of(tmp_path)
    trends, steps = trends_with_steps(history, Query())
    plain = history_plain(runs_of(history), trends, steps)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    first = plain["runs"][0]
    assert first == {
        "run": "bench-20260101-020000", "run_id": first["run_id"],
        "created": "2026-01-01T02:00:00+00:00", "commit": "c" * 40, "analog_bench": None,
        "aihwkit": "1.1.0", "torch": "2.11.0", "python": "3.11.7", "machine": None,
        "device": "cpu", "measured": 1, "skipped": 1, "broken": 0,
    }  # fmt: skip
    (trend,) = plain["trends"]
    ((step,),) = steps
    points, found = trend.pop("points"), trend.pop("steps")
    assert trend == {
        "study": "layer_noise", "model": "bert", "variant": "direct",
        "case_id": "bert/head/white_output:std=1", "layers": "head",
        "noise": "white_output:std=1", "drift_s": 0.0, "tile": "none", "hardware": "ideal",
        "case_version": 1, "protocol": "p" * 16, "weights": "w" * 64, "metric": "f1",
        "metric_version": 1, "score": "plain", "unit": "points", "margin": 1.0,
        "higher_is_better": True,
    }  # fmt: skip
    assert points[2] == {
        "run": "bench-20260103-020000", "run_id": plain["runs"][2]["run_id"],
        "mean": trends[0].points[2].mean.centre, "half_width": trends[0].points[2].mean.half_width,
        "chips": list(BAD), "digital": 80.0,
    }  # fmt: skip
    low, high = found[0].pop("interval")
    assert low < step.effect.change < high
    assert found == [
        {
            "run": "bench-20260103-020000", "run_id": plain["runs"][2]["run_id"],
            "change": step.effect.change, "direction": "worse", "paired": True, "p": step.p,
            "changed": {"commit": ["c" * 40, None]},
        }
    ]  # fmt: skip


def test_one_chip_has_no_half_width(tmp_path):
    write_night(tmp_path, 0, [result((70.0,))])
    history = history_of(tmp_path)
    (trend,) = history_plain(runs_of(history), *trends_with_steps(history, Query()))["trends"]
    assert (trend["points"][0]["half_width"], trend["steps"]) == (None, [])


def test_an_answer_holds_what_json_can():
    values = {
        "none": (None, None),
        "flag": (True, True),
        "text": ("ß\n", "ß\n"),
        "whole": (2**80, 2**80),
        "number": (0.1, 0.1),
        "nan": (math.nan, None),
        "infinite": (-math.inf, None),
        "decimal": (Decimal("1.50"), 1.5),
        "date": (date(2026, 1, 2), "2026-01-02"),
        "moment": (datetime(2026, 1, 2, 3), "2026-01-02 03:00:00"),
        "while": (timedelta(days=1), "1 day, 0:00:00"),
        "uuid": (UUID(int=1), str(UUID(int=1))),
        "bytes": (b"a", "b'a'"),
        "list": ([1, math.nan, (Decimal(2),)], [1, None, [2.0]]),
        "map": ({1: date(2026, 1, 2), Decimal("1.5"): None}, {"1": "2026-01-02", "1.5": None}),
    }
    (row,) = answer_plain(list(values), [[value for value, _ in values.values()]])
    assert row == {name: plain for name, (_, plain) in values.items()}
    json.dumps(row, allow_nan=False)
    assert answer_plain(["a"], []) == []


def test_columns_of_one_name_would_lose_one():
    with pytest.raises(UsageError, match="two columns of the answer are named 'a'; tell them"):
        answer_plain(["a", "b", "a"], [])
