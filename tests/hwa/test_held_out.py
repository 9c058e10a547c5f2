"""Whole articles are held out, the same ones for questions and for prose."""

import pytest
from datasets import Dataset

from analog_bench.errors import DataError
from analog_bench.hwa.held_out_articles import hold_out_articles, hold_out_questions
from analog_bench.hwa.prose_corpus import Article


def test_whole_articles_are_held_out_by_their_titles_alone():
    found = [Article(title, title * 3) for title in "abcdefghij"]
    train, held = hold_out_articles(found, 3)
    assert len(held) == 3
    assert sorted([*train, *held], key=lambda a: a.title) == found
    turned = [Article(a.title, "another text") for a in reversed(found)]
    assert {a.title for a in hold_out_articles(turned, 3)[1]} == {a.title for a in held}
    assert {a.title for a in hold_out_articles(found, 2)[1]} < {a.title for a in held}
    for count in (0, 10):
        with pytest.raises(DataError, match=f"10 articles, of which {count}"):
            hold_out_articles(found, count)


def test_questions_are_held_out_with_their_articles():
    titles = [title for title in "abcdefghij" for _ in range(3)]
    questions = Dataset.from_dict({"title": titles, "id": [f"q{n}" for n in range(30)]})
    train, held = hold_out_questions(questions, 3)
    articles = [Article(title, "") for title in "abcdefghij"]
    assert set(held["title"]) == {a.title for a in hold_out_articles(articles, 3)[1]}
    assert len(held) == 9
    assert sorted([*train["id"], *held["id"]]) == sorted(questions["id"])
    assert list(held["id"]) == sorted(held["id"], key=lambda name: int(name[1:]))
    for count in (0, 10):
        with pytest.raises(DataError, match=f"10 articles, of which {count}"):
            hold_out_questions(questions, count)
