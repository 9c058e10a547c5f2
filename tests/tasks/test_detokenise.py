"""WikiText's spelling undone, example by example, and once over the whole file."""

import os
from pathlib import Path

import pytest

from analog_bench.tasks.lm_sources import detokenise

PAIRS = [
    ("a guest @-@ starring role", "a guest-starring role"),
    ("1 @,@ 234 @.@ 5 kg", "1,234.5 kg"),
    ("Yes , sir ; no . Why ? Go ! So : this", "Yes, sir; no. Why? Go! So: this"),
    ("Du Fu ( Wade – Giles ) was", "Du Fu (Wade – Giles) was"),
    ("as [ sic ] and { x }", "as [sic] and {x}"),
    ('the " old " and " new " ones', 'the "old" and "new" ones'),
    ("Teddy 's Story", "Teddy's Story"),
    ("the actors ' guild", "the actors' guild"),
    (" = = Early life = = \n", " == Early life ==\n"),
    (" = = = Notes = = = \n", " === Notes ===\n"),
    ("20 ° C", "20°C"),
    ("one . \n two", "one. \ntwo"),
    # A quirk of the published rules, which they took over from the Penn Treebank.
    ("a N b", "a 1 b"),
]


@pytest.mark.parametrize(("raw", "ordinary"), PAIRS, ids=[raw.strip() for raw, _ in PAIRS])
def test_a_rule(raw, ordinary):
    # A space ends the rules' patterns at a line's end.
    assert detokenise(raw) == ordinary.replace(". \n", ".\n")


def test_an_open_quotation_mark_ends_with_its_page():
    pages = ' = One = \n \n He said " no . \n = Two = \n \n A " word " here . \n'
    assert '"word"' in detokenise(pages)
    two = pages.index(" = Two")
    assert detokenise(pages) == detokenise(pages[:two]) + detokenise(pages[two:])


def test_plain_prose_stays_as_it_is():
    prose = 'He said "no", and left (at once).\nNobody\'s dog barked: it was 4.40 francs.'
    assert detokenise(prose) == prose


DATA = Path(os.environ.get("ANALOG_BENCH_DATA", "nowhere"))


@pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason="needs the folder of real data")
def test_the_whole_file_loses_marks_and_no_words():
    raw = (DATA / "wikitext-2" / "test.txt").read_text(encoding="utf-8")
    ordinary = detokenise(raw)
    for mark in (" @-@ ", " @,@ ", " @.@ ", " , ", " \n"):
        assert mark in raw
        assert mark not in ordinary
    letters = [c for c in raw if c.isalpha() and c != "N"]
    assert letters == [c for c in ordinary if c.isalpha() and c != "N"]
