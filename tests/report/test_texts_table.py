"""Texts side by side: what stands where, in a terminal, in Markdown and in JSON."""

import json

from msgspec.structs import replace

from analog_bench.records import Measurement, Result
from analog_bench.report.as_json import texts_plain
from analog_bench.report.as_markdown import markdown
from analog_bench.report.as_terminal import printed
from analog_bench.report.texts_table import texts_table
from analog_bench.tasks.task_kinds import KINDS

METRICS = KINDS["generation"].metrics
DAY = 86_400.0


def result_of(variant="direct", drift_s=0.0, noise="pcm", written="Once [bold]upon[/bold]"):
    chips = tuple(
        Measurement(
            chip=chip,
            scores={"generation_perplexity": 20.0 + 2 * chip, "repetition": 0.1},
            per_example={},
            fingerprint=(),
            seconds=1.0,
            texts=(f"{written} {chip}", "second text"),
        )
        for chip in (0, 1, 1000)
    )
    return Result(
        f"gpt/all/{noise}/{drift_s:g}s/{variant}", "generation", "gpt", "all", noise, drift_s,
        "torch", "ideal", variant, 1, "p1", "w1", 7, "measured", "",
        {"generation_perplexity": 9.0, "repetition": 0.02}, {}, chips,
        digital_texts=("Once clean", "second clean"),
    )  # fmt: skip


def skipped(drift_s=0.0):
    return replace(
        result_of("hwa", drift_s), status="skipped", reason="gpt has no\nHWA weights", chips=()
    )


def drawn(*results, encoding="utf-8", **options):
    """Draw, and return the cells of each row of each table, with what follows the tables."""
    text = printed(texts_table(results, METRICS, **options), 90, encoding=encoding)
    edge = "|" if encoding == "ascii" else "│"
    rows, whole = [], []
    for line in text.splitlines():
        if line.startswith(edge) and not line.startswith("|-"):
            whole.append([cell.strip() for cell in line.split(edge)[1:-1]])
        elif whole:
            rows.append(
                [" ".join(part for part in cell if part) for cell in zip(*whole, strict=True)]
            )
            whole = []
    return rows, text


def test_digital_stands_once_beside_every_variant_and_time():
    rows, text = drawn(
        result_of("hwa", DAY, written="aged trained"),
        result_of("direct", DAY, written="aged"),
        result_of("hwa", written="trained"),
        result_of(),
    )
    assert rows == [
        ["time", "digital", "direct", "HWA"],
        [
            "0 s",
            "Once clean generation perplexity 9.0, repetition 0.020",
            "Once [bold]upon[/bold] 0 generation perplexity 21.0, repetition 0.100",
            "trained 0 generation perplexity 21.0, repetition 0.100",
        ],
        [
            "1 d",
            "as above",
            "aged 0 generation perplexity 21.0, repetition 0.100",
            "aged trained 0 generation perplexity 21.0, repetition 0.100",
        ],
    ]
    said = " ".join(text.split())
    assert "The first of 2 texts, of the first of 2 chips" in said
    assert "2 chips: too few for an interval." in said


def test_a_variant_that_could_not_be_measured_says_why_once():
    rows, _ = drawn(result_of(), result_of(drift_s=DAY), skipped(), skipped(DAY))
    assert [row[3] for row in rows] == ["HWA", "skipped: gpt has no HWA weights", "as above"]
    rows, _ = drawn(result_of(), result_of("hwa", DAY))
    assert rows[1][3] == "not asked for"


def test_a_table_for_each_noise():
    rows, text = drawn(result_of(), result_of(noise="preset:name=[x]"))
    assert [row[0] for row in rows] == ["time", "0 s"] * 2
    assert "\n[x]" in text


def test_nothing_where_nothing_is_written():
    silent = replace(result_of(), chips=(), digital_texts=())
    assert texts_table([silent], METRICS) == ()
    assert markdown(()) == ""


def test_a_case_without_texts_leaves_the_others_theirs():
    broken = replace(result_of(), status="broken", reason="no tile", chips=(), digital_texts=())
    rows, _ = drawn(broken, result_of(drift_s=3600.0))
    assert rows[1][1].startswith("Once clean")
    plain = texts_plain([broken, result_of(drift_s=3600.0)])
    assert plain["digital"]["texts"] == list(result_of().digital_texts)
    assert texts_plain([broken])["digital"]["texts"] == []


def test_long_texts_can_be_cut():
    rows, _ = drawn(result_of(written="word " * 50), at_most=11)
    assert rows[1][2].startswith("word word w… generation")


def test_ascii_alone():
    rows, text = drawn(result_of(written="naïve “fox”"), encoding="ascii")
    assert text.isascii()
    assert r"na\xefve \u201cfox\u201d 0" in rows[1][2]


def test_markdown_keeps_cells_and_signs_as_they_are():
    text = markdown(texts_table([result_of(written="a|b\n*c* <d>\x1b"), skipped()], METRICS))
    lines = text.splitlines()
    assert lines[:4] == ["### pcm", "", "| time | digital | direct | HWA |", "|---|---|---|---|"]
    assert lines[4] == (
        "| 0 s | Once clean<br><br>*generation perplexity 9.0, repetition 0.020* "
        r"| a\|b<br>\*c\* \<d\>\\x1b 0<br><br>"
        "*generation perplexity 21.0, repetition 0.100* "
        "| *skipped: gpt has no HWA weights* |"
    )


def test_json_holds_all_chips_and_texts():
    plain = json.loads(json.dumps(texts_plain([result_of(), skipped()])))
    assert plain["digital"]["texts"] == ["Once clean", "second clean"]
    direct, hwa = plain["cases"]
    assert [chip["chip"] for chip in direct["chips"]] == [0, 1, 1000]
    assert direct["chips"][1]["texts"] == ["Once [bold]upon[/bold] 1", "second text"]
    assert (hwa["status"], hwa["reason"], hwa["chips"]) == (
        "skipped", "gpt has no\nHWA weights", []
    )  # fmt: skip
