"""The tables of the kept study of MobileBERT's sub-networks, which docs/results.md shows."""

from pathlib import Path

import pytest

from analog_bench.planning.subnetwork_ranking import front, rank_subnetworks
from analog_bench.planning.subnetwork_record import read_study
from analog_bench.report.as_markdown import markdown
from analog_bench.report.subnetwork_table import measured_as_plain, subnetwork_tables
from analog_bench.session.subnetwork_study import chosen, fresh_of, gain_after_a_day

DOCS = Path(__file__).parents[2] / "docs"
KEPT = DOCS / "results" / "sub-networks" / "mobilebert.json"


@pytest.fixture(scope="module")
def kept():
    return read_study(KEPT)


def test_the_page_shows_what_is_kept(kept):
    measured, seed = kept.measured, kept.made_with["seed"]
    fresh = fresh_of(kept, len(measured), 5)
    assert [one.part for one in fresh] == chosen(measured)
    tables = subnetwork_tables(
        fresh,
        [gain_after_a_day(one, fresh[0]) for one in fresh[1:]],
        [measured[number] for number in front(measured)],
        len(measured),
        rank_subnetworks(measured, seed),
    )
    rows = [line for line in markdown(list(tables)).splitlines() if line.startswith("|")]
    page = (DOCS / "results.md").read_text(encoding="utf-8").splitlines()
    assert len(rows) > 15
    assert [row for row in rows if row not in page] == []
    assert "results/sub-networks/mobilebert.json" in "".join(page)


def test_of_the_whole_alone_there_is_no_order(kept):
    tables = markdown(list(subnetwork_tables(kept.fresh[:1], [], kept.measured[:1], 1, ())))
    assert "222222, 12 heads, 352 wide" in tables
    assert "tau" not in tables


def test_plain_values_have_the_means(kept):
    plain = measured_as_plain(kept.measured[1])
    days = [chip[1] for chip in plain["chips"]]
    assert plain["one_day"] == pytest.approx(sum(days) / len(days))
    assert set(plain) >= {"part", "parameters", "pj", "digital", "avm", "one_month"}
