"""The training text: articles, the held-out part, rows that any step finds again."""

import os
import re
from pathlib import Path

import pytest
import torch
from datasets import Dataset

from analog_bench.errors import DataError
from analog_bench.hwa.prose_corpus import Article, Rows, articles, corpus_hash, token_stream
from analog_bench.tasks.squad_files import read_squad
from tests.tiny_gpt2 import PROSE, tokenizer_of
from training.tokeniser import END_OF_TEXT


def rows_of(*pairs):
    return Dataset.from_dict({"title": [t for t, _ in pairs], "context": [c for _, c in pairs]})


def test_each_context_once_in_its_order():
    rows = rows_of(("A", "one "), ("A", "one"), ("A", "two"), ("B", "three"), ("B", "four"))
    assert articles(rows) == [Article("A", "one\n\ntwo"), Article("B", "three\nfour")]


def test_the_hash_knows_titles_and_texts():
    one = [Article("a", "b")]
    assert corpus_hash(one) == corpus_hash([Article("a", "b")])
    others = [[Article("a", "c")], [Article("c", "b")], one * 2, []]
    assert len({corpus_hash(found) for found in [one, *others]}) == 5


def test_a_stream_ends_every_article():
    tokenizer = tokenizer_of()
    found = [Article("a", PROSE[:50]), Article("b", "Zürich " + END_OF_TEXT[:4])]
    ids = token_stream(found, tokenizer).tolist()
    assert ids.count(0) == 2
    assert ids[-1] == 0
    first = ids.index(0)
    assert tokenizer.decode(ids[:first]) == found[0].text
    assert tokenizer.decode(ids[first + 1 : -1]) == found[1].text


def test_a_pass_shows_every_row_once_then_cuts_anew():
    rows = Rows(torch.arange(1000), 10, 3, seed=1)
    seen = torch.cat([rows.of_step(step) for step in range(rows.per_pass // 3)])
    assert seen.shape[1] == 11
    assert (seen[:, 1:] - seen[:, :-1] == 1).all()
    begins = sorted(seen[:, 0].tolist())
    assert len(set(begins)) == len(begins)
    assert {begin % 10 for begin in begins} == {begins[0] % 10}
    later = {int(b) % 10 for step in range(200) for b in rows.of_step(step)[:, 0]}
    assert len(later) > 3
    assert int(rows.of_step(10_000).max()) < 1000


def test_any_step_is_found_again_and_seeds_differ():
    stream = torch.arange(500)
    forward = Rows(stream, 8, 4, seed=1)
    expected = [forward.of_step(step) for step in range(60)]
    for step in (59, 3, 40):
        assert torch.equal(Rows(stream, 8, 4, seed=1).of_step(step), expected[step])
    assert not torch.equal(Rows(stream, 8, 4, seed=2).of_step(0), expected[0])


def test_too_short_a_text_is_refused():
    Rows(torch.arange(20), 10, 1, seed=1).of_step(5)
    with pytest.raises(DataError, match="19 tokens to train on are too few for rows of 10"):
        Rows(torch.arange(19), 10, 1, seed=1)


DATA = Path(os.environ.get("ANALOG_BENCH_DATA", "nowhere"))


@pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason="needs the folder of real data")
def test_no_article_of_the_test_set_is_trained_on():
    raw = (DATA / "wikitext-2" / "test.txt").read_text(encoding="utf-8")
    headings = re.findall(r"^ = ([^=].*?) = $", raw, re.MULTILINE)
    assert len(headings) >= 60

    def plain(title):
        return re.sub(r"[^a-z0-9]", "", title.lower())

    trained = articles(read_squad(DATA / "squad" / "train-v1.1.json"))
    assert not {plain(h) for h in headings} & {plain(article.title) for article in trained}
