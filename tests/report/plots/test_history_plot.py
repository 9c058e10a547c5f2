import struct
import xml.etree.ElementTree as ET
from datetime import datetime

import pytest
from msgspec.structs import replace

from analog_bench.errors import StoreError, UsageError
from analog_bench.history.query import Query, trends_with_steps
from analog_bench.report.plots.chart import IN_FILES
from analog_bench.report.plots.history_plot import MOST, specification, write_plot
from tests.history.nights import NATS, history_of, in_nats, result, write_night

GOOD, BAD = (70.0, 71.0, 69.0), (64.0, 65.2, 62.9)
RELEASES = ("1.9.0", "1.9.0", "1.10.0", "1.10.0", "1.10.0", "1.8.0")


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Six nights of two cases; the release that lies between the others is worse."""
    folder = tmp_path_factory.mktemp("runs")
    for night, release in enumerate(RELEASES):
        scores = BAD if release == "1.9.0" else GOOD
        hwa = replace(result(GOOD), variant="hwa", case_id="bert/head/white_output:std=1/hwa")
        write_night(folder, night, [result(scores), hwa], aihwkit=release)
    return history_of(folder)


def words_of(path):
    return [
        " ".join(text.itertext())
        for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    ]


def plotted(path, history, asked=None, cases=()):
    asked = asked or Query()
    write_plot(path, *trends_with_steps(history, asked, cases), by_release=asked.order == "release")
    return path


def layers_of(history, asked=None, cases=()):
    asked = asked or Query()
    spec = specification(
        *trends_with_steps(history, asked, cases), by_release=asked.order == "release"
    )
    return [plot["layer"] for plot in spec["vconcat"]]


def test_every_axis_has_a_title_and_a_unit(history, tmp_path):
    words = words_of(plotted(tmp_path / "trend.svg", history))
    assert words.count("F1 (points)") == 2
    assert words.count("start of the run (UTC)") == 2
    assert "bert/head/white_output:std=1" in words
    assert "bert/head/white_output:std=1/hwa" in words
    assert "2026-01-02" in words
    assert [word for word in words if word.startswith("line: mean over chips, band: its 95 %")]
    words = words_of(plotted(tmp_path / "a_star.svg", history, Query(score="a_star")))
    assert words.count("A* of F1 at 0 s") == 2


def test_steps_are_drawn_and_named(history, tmp_path):
    words = words_of(plotted(tmp_path / "trend.svg", history))
    assert words.count("+6.0 ±0.4 better") == 1
    assert "+6.0 ±0.4 better since 2026-01-03 02:00, 6 runs" in words
    assert "no step in 6 runs" in words
    first, _ = layers_of(history)
    rule, named = first[-2:]
    assert (rule["mark"]["type"], named["mark"]["type"]) == ("rule", "text")
    assert rule["mark"]["color"] == named["mark"]["color"] == IN_FILES["best"]
    assert rule["data"]["values"][0]["date"].startswith("2026-01-03")


def test_releases_are_in_their_order_and_named_once(history, tmp_path):
    asked = Query(order="release")
    words = words_of(plotted(tmp_path / "trend.svg", history, asked))
    assert [word for word in words if word[:2] == "1."] == ["1.8.0", "1.9.0", "1.10.0"] * 2
    assert words.count("runs by release of aihwkit, then by date") == 2
    assert words.count("2 steps in 6 runs, the last: +6.0 ±0.4 better since 2026-01-03 02:00") == 1
    first, _ = layers_of(history, asked)
    rules = [layer for layer in first if layer["mark"]["type"] == "rule"]
    assert [rule["mark"]["color"] for rule in rules] == [IN_FILES["worst"], IN_FILES["best"]]
    assert [rule["data"]["values"][0]["place"] for rule in rules] == [1, 3]


def test_many_releases_and_pairs_with_torch(tmp_path):
    for night in range(60):
        torch = "2.11.0" if night < 30 else "2.15.0"
        write_night(tmp_path / "runs", night, [result(GOOD)], aihwkit=f"1.{night}.0", torch=torch)
    history = history_of(tmp_path / "runs")
    words = words_of(plotted(tmp_path / "trend.svg", history, Query(order="release")))
    named = [word for word in words if " / 2.1" in word]
    assert named[0] == "1.0.0 / 2.11.0"
    assert named[-1] == "1.57.0 / 2.15.0"
    assert len(named) == 20
    assert "runs by release of aihwkit and torch, then by date" in words


def test_what_is_drawn_are_the_scores(history):
    for layers, trend in zip(
        layers_of(history), trends_with_steps(history, Query())[0], strict=True
    ):
        band, circles, line, digital = layers[:4]
        assert [layer["mark"]["type"] for layer in layers[:4]] == ["area", "point", "line", "line"]
        for value, point in zip(band["data"]["values"], trend.points, strict=True):
            low, high = point.mean.bounds
            assert (value["low"], value["mean"], value["high"]) == (low, point.mean.centre, high)
        assert [value["chip"] for value in circles["data"]["values"]] == [
            score for point in trend.points for score in point.scores.values()
        ]
        assert {value["digital"] for value in digital["data"]["values"]} == {80.0}
        assert line["mark"]["color"] == IN_FILES[trend.key["variant"]]


def test_bands_end_where_scores_do(tmp_path):
    one, day, month = (
        result(scores, drift_s=s)
        for scores, s in (((99, 100, 92), 1.0), ((0, 1, 8), 86400.0), ((2, 3, 4), 2_592_000.0))
    )
    write_night(tmp_path / "runs", 0, [one, day, month])
    history = history_of(tmp_path / "runs")
    bands = [layers[0]["data"]["values"][0] for layers in layers_of(history)]
    assert min(band["low"] for band in bands) == 0.0
    assert max(band["high"] for band in bands) == 100.0
    (layers,) = layers_of(history, Query(score="one_day"))
    assert layers[0]["data"]["values"][0]["low"] == 0.0
    # What was lost over a month is negative, and a share may be.
    for score in ("avm", "a_star"):
        for layers in layers_of(history, Query(score=score)):
            (band,) = layers[0]["data"]["values"]
            assert band["high"] - band["mean"] == pytest.approx(band["mean"] - band["low"])
            assert band["low"] < band["mean"]


def luminance(colour):
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_better_and_worse_are_told_apart_without_colour():
    """By their words; and their colours are of Okabe and Ito's set, dark enough on white."""
    assert (IN_FILES["worst"], IN_FILES["best"]) == ("#d55e00", "#0072b2")
    for name in ("worst", "best", "digital", "direct", "hwa"):
        assert 1.05 / (luminance(IN_FILES[name]) + 0.05) > 3


def test_where_lower_is_better_a_rise_is_drawn_as_worse(tmp_path):
    for night, scores in enumerate((GOOD, GOOD, BAD)):
        write_night(tmp_path / "runs", night, [in_nats(result(scores))], metrics=(NATS,))
    history = history_of(tmp_path / "runs")
    words = words_of(plotted(tmp_path / "trend.svg", history))
    assert "+0.060 ±0.004 worse" in words
    assert "cross-entropy (nats)" in words
    (layers,) = layers_of(history)
    assert layers[-2]["mark"]["color"] == IN_FILES["worst"]


def test_a_png_is_a_picture_with_something_in_it(history, tmp_path):
    content = plotted(tmp_path / "trend.png", history).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert (1280 < width < 1600, 800 < height < 1400) == (True, True)
    assert len(content) > 20_000


def test_a_long_name_is_broken_and_not_cut(tmp_path):
    layers = "+".join(f"encoder.layer.{n}.attention.self.query" for n in range(2))
    noise = "pcm:prog=1,read=0,compensate=yes,levels=7"
    write_night(tmp_path / "runs", 0, [result(GOOD, layers=layers, noise=noise, drift_s=86400.0)])
    words = words_of(plotted(tmp_path / "trend.svg", history_of(tmp_path / "runs")))
    assert not any("…" in word for word in words)
    assert f"bert/{layers}/ {noise}/86400s/torch" in words
    assert "no step in 1 run" in words


def test_runs_of_one_day_are_told_apart_by_the_hour(tmp_path):
    moments = [datetime(2026, 1, 1, hour).isoformat() + "+00:00" for hour in (2, 8, 14)]
    for night, moment in enumerate(moments):
        path = write_night(tmp_path / "runs", night, [result(GOOD)])
        path.write_text(path.read_text().replace(f"2026-01-0{night + 1}T02:00:00+00:00", moment))
    words = words_of(plotted(tmp_path / "trend.svg", history_of(tmp_path / "runs")))
    assert "2026-01-01 06:00" in words


def test_what_cannot_be_drawn(history, tmp_path):
    trends, steps = trends_with_steps(history, Query())
    with pytest.raises(UsageError, match=r"--plot writes .svg or .png, found 'trend.pdf'"):
        write_plot(tmp_path / "trend.pdf", trends, steps, by_release=False)
    with pytest.raises(UsageError, match="there is nothing to plot: no case was measured"):
        write_plot(tmp_path / "trend.svg", [], [], by_release=False)
    many = [trends[0]] * (MOST + 1)
    with pytest.raises(UsageError, match="13 trends are too many for one picture, 12 at most"):
        write_plot(tmp_path / "trend.svg", many, [()] * len(many), by_release=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write the plot to '.*file/a.svg': Not a dir"):
        write_plot(tmp_path / "file/a.svg", trends, steps, by_release=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
