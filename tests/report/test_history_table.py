import pytest
from msgspec.structs import replace

from analog_bench.history.query import Query, runs_of, trends_with_steps
from analog_bench.report.as_terminal import printed
from analog_bench.report.history_table import answer_table, runs_table, trends_table
from tests.history.nights import NATS, broken, history_of, in_nats, result, skipped, write_night

GOOD, BAD = (70.0, 71.0, 69.0), (64.0, 65.2, 62.9)


@pytest.fixture
def history(tmp_path):
    """Five nights: the head steps down with a release, the tail does not."""
    tail, never = result(GOOD, layers="tail"), skipped(result(GOOD, layers="never"))
    for night in range(5):
        head = result(GOOD if night < 3 else BAD)
        facts = {"aihwkit": "1.2.0", "commit": "d" * 40} if night > 2 else {}
        last = broken(tail) if night == 4 else tail
        write_night(tmp_path, night, [head, last, never], **facts)
    return history_of(tmp_path)


def overview_of(history, width=100, **options):
    asked = Query()
    blocks = runs_table(runs_of(history), *trends_with_steps(history, asked))
    return printed(blocks, width, **options)


def trends_drawn(history, *cases, width=100, asked=None, **options):
    return printed(
        trends_table(*trends_with_steps(history, asked or Query(), cases)), width, **options
    )


def test_the_runs_and_every_step(history):
    lines = [line.rstrip() for line in overview_of(history).splitlines()]
    assert lines == [
        "date (UTC)        aihwkit  commit     cases                       run",
        "2026-01-01 02:00  1.1.0    ccccccccc      2  1 skipped            bench-20260101-020000",
        "2026-01-02 02:00  1.1.0    ccccccccc      2  1 skipped            bench-20260102-020000",
        "2026-01-03 02:00  1.1.0    ccccccccc      2  1 skipped            bench-20260103-020000",
        "2026-01-04 02:00  1.2.0    ddddddddd      2  1 skipped            bench-20260104-020000",
        "2026-01-05 02:00  1.2.0    ddddddddd      1  1 skipped, 1 broken  bench-20260105-020000",
        "",
        "1 step in 2 trends of up to 5 runs",
        "−6.0 ±0.4 worse  F1 of bert/head/white_output:std=1, p < 0.001",
        "    since 2026-01-04 02:00, bench-20260104-020000; "
        "what else changed then: aihwkit 1.1.0 -> 1.2.0,",
        "    commit ccccccccc -> ddddddddd",
        "",
        "A step is beyond the margin (1 point) and significant (5 %) after correction.",
    ]


def test_one_trend_run_by_run(history):
    lines = [line.rstrip() for line in trends_drawn(history, "bert/head/*").splitlines()]
    assert lines[:7] == [
        "bert/head/white_output:std=1",
        "date (UTC)        aihwkit  commit     chips  digital         F1  step",
        "2026-01-01 02:00  1.1.0    ccccccccc      3     80.0  70.0 ±2.5",
        "2026-01-02 02:00  1.1.0    ccccccccc      3     80.0  70.0 ±2.5",
        "2026-01-03 02:00  1.1.0    ccccccccc      3     80.0  70.0 ±2.5",
        "2026-01-04 02:00  1.2.0    ddddddddd      3     80.0  64.0 ±2.9  −6.0 ±0.4 worse",
        "2026-01-05 02:00  1.2.0    ddddddddd      3     80.0  64.0 ±2.9",
    ]
    assert "1 step in 1 trend of up to 5 runs" in lines


def test_trends_side_by_side(history):
    lines = [line.rstrip() for line in trends_drawn(history).splitlines()]
    assert lines[:4] == [
        "F1",
        "case                          runs      first       last  trend",
        "bert/head/white_output:std=1     5  70.0 ±2.5  64.0 ±2.9  ███▁▁",
        "bert/tail/white_output:std=1     4  70.0 ±2.5  70.0 ±2.5  ▅▅▅▅",
    ]
    assert "1 step in 2 trends of up to 5 runs" in lines


def test_no_step(history):
    said = trends_drawn(history, "bert/tail/*")
    assert said.splitlines()[-1].rstrip() == "no step in 1 trend of up to 4 runs"
    assert "A step is" not in said


def test_the_newest_step_is_the_first_and_the_largest_before_others(tmp_path):
    shapes = {"a": (0, 0, 0, -3, -3), "b": (0, -3, -3, -3, -3), "c": (0, -7, -7, -7, -7)}
    for night in range(5):
        results = [
            result(
                [score + shape[night] * (1 + n / 50) for n, score in enumerate(GOOD)], layers=name
            )
            for name, shape in shapes.items()
        ]
        write_night(tmp_path, night, results)
    lines = overview_of(history_of(tmp_path)).splitlines()
    assert [line.split("bert/")[1][0] for line in lines if " worse " in line] == ["a", "c", "b"]


def test_where_lower_is_better_a_rise_is_worse(tmp_path):
    for night, scores in enumerate((GOOD, GOOD, BAD)):
        write_night(tmp_path, night, [in_nats(result(scores))], metrics=(NATS,))
    said = trends_drawn(history_of(tmp_path))
    assert "+0.060 ±0.004 worse  cross-entropy of bert/head/" in said
    assert "cross-entropy" in said.splitlines()[1]
    assert "beyond the margin (0.02 nats) and" in said
    said = trends_drawn(history_of(tmp_path), asked=Query(score="a_star"))
    assert "−0.0119 ±0.0008 worse  A* of cross-entropy at 0 s of" in said
    assert "A step is beyond the margin and significant" in said


@pytest.mark.parametrize("width", [20, 50, 80, 140])
def test_ascii_alone_where_asked(history, width):
    for said in (
        overview_of(history, width, encoding="ascii"),
        trends_drawn(history, width=width, encoding="ascii"),
        trends_drawn(history, "bert/head/*", width=width, encoding="ascii"),
    ):
        assert said.isascii()
        assert max(map(len, said.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_breaks_names_and_no_number(history, width):
    said = trends_drawn(history, width=width)
    for whole in ("70.0 ±2.5", "64.0 ±2.9"):
        assert whole in said
    said = trends_drawn(history, "bert/head/*", width=width)
    assert said.count("2026-01-0") >= 5
    assert said.count("70.0 ±2.5") == 3


def test_a_wide_page_has_no_wider_lines_than_it_needs(history):
    assert max(map(len, overview_of(history, 10_000).splitlines())) < 200
    assert max(map(len, trends_drawn(history, width=10_000).splitlines())) < 200


def test_names_are_not_taken_for_markup(tmp_path):
    odd = result(GOOD, layers="[bold]x[/nope]\x1b[31m\ny")
    write_night(tmp_path, 0, [odd], aihwkit="[red]1.0[/red]\x1b[1m")
    write_night(tmp_path, 1, [odd, replace(odd, case_id="bert/b", group="b")])
    history = history_of(tmp_path)
    for said in (overview_of(history), trends_drawn(history), trends_drawn(history, "*bold*")):
        assert "\x1b" not in said
    assert "[bold]x[/nope] [31m y" in trends_drawn(history)
    assert "[red]1.0[/red] [1m" in overview_of(history)


def test_a_long_trend_shows_its_newest_runs(tmp_path):
    for night in range(30):
        write_night(tmp_path, night, [result([70.0 + night]), result([70.0], layers="b")])
    (row,) = [line for line in trends_drawn(history_of(tmp_path)).splitlines() if "/head/" in line]
    bars = row.split()[-1]
    assert len(bars) == 24
    assert (bars[0], bars[-1]) == ("▁", "█")
    assert list(bars) == sorted(bars)


def test_an_answer():
    said = printed([answer_table(["a", "[b]"], [(1, None), ("[red]x\x1b\ny", [1.5, 2.0])])], 100)
    lines = [line.rstrip() for line in said.splitlines()]
    assert lines == ["a         [b]", "1         null", "[red]x y  [1.5, 2.0]"]
    assert printed([answer_table(["a"], [])], 100).strip() == "a"


def test_rows_of_several_scores_say_which(tmp_path):
    nats = in_nats(result(GOOD, layers="tail"))
    for night in range(2):
        write_night(tmp_path, night, [result(GOOD)])
        write_night(tmp_path, 2 + night, [nats], metrics=(NATS,))
    lines = trends_drawn(history_of(tmp_path), "*").splitlines()
    assert lines[0].split()[:3] == ["case", "score", "runs"]
    assert any(" F1 " in line and "70.0" in line for line in lines)
    assert any(" cross-entropy " in line and "3.1" in line for line in lines)
