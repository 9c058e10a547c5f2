"""Pairs of questions and sentences: where sentences end, which pairs a question gives."""

from collections import Counter

import pytest

from analog_bench.tasks.answer_sentences import (
    ANSWERS,
    OTHER,
    both_pairs,
    every_pair,
    one_pair_each,
    sentences,
)


@pytest.mark.parametrize(
    "parts",
    [
        ["One fox.", "Two foxes!", "Three?"],
        ["Dr. J. Snow met Mr. Hall of the U.S. Army.", "Both left."],
        ["He said “no.”", "Then (1854.)", "7 men went."],
        ["It cost 3.50 francs, i.e. nothing.", "No. 7 was shut."],
        ["A title without a full stop\n", "and a line."],
        ["No end"],
    ],
)
def test_where_sentences_end(parts):
    text = " ".join(parts)
    found = [text[begin:end] for begin, end in sentences(text)]
    assert found == [part.strip() for part in parts]
    assert sentences("") == sentences(" \n ") == []


CONTEXT = "The fox slept in the barn. The fox and the owl ate at dusk. Nobody saw it. Rain fell."


def question(asked, *answers, identity="q1"):
    starts = [CONTEXT.index(text) for text in answers]
    gold = {"text": list(answers), "answer_start": starts}
    return {"id": identity, "context": CONTEXT, "question": asked, "answers": gold}


def test_a_question_gives_the_sentence_that_answers_it_and_the_likest_other_one():
    one, two = both_pairs(question("Where did the fox sleep?", "the barn"))
    assert (one.text, one.second, one.label) == (
        "Where did the fox sleep?",
        "The fox slept in the barn.",
        ANSWERS,
    )
    assert (two.text, two.second, two.label) == (
        "Where did the fox sleep?",
        "The fox and the owl ate at dusk.",
        OTHER,
    )
    assert one.key != two.key


def test_a_sentence_that_holds_another_gold_answer_is_not_the_other_one():
    _, other = both_pairs(question("Who ate, the fox or another?", "owl", "The fox"))
    assert other.second == "Nobody saw it."


def test_a_question_whose_answer_is_in_no_sentence_or_in_all_gives_none():
    assert both_pairs(question("What happened?", "dusk. Nobody")) is None
    everywhere = question("Which vowel?", "a", "o", "e")
    assert both_pairs(everywhere) is None


def test_embedded_questions_give_each_label_as_often(embedded):
    pairs = one_pair_each(embedded)
    assert Counter(pair.label for pair in pairs) == {ANSWERS: 287, OTHER: 287}
    assert len({pair.key for pair in pairs}) == 574
    assert {pair.text for pair in pairs} <= {*embedded["question"]}
    # A rule for each question by itself would do as well, and words in common give nothing away.
    words = [len({*p.text.lower().split()} & {*p.second.lower().split()}) for p in pairs]
    means = {
        label: sum(n for n, pair in zip(words, pairs, strict=True) if pair.label == label) / 287
        for label in (ANSWERS, OTHER)
    }
    assert abs(means[ANSWERS] - means[OTHER]) < 0.25


def test_which_pair_a_question_gives_does_not_depend_on_their_order(embedded):
    some = [embedded[n] for n in range(40)]
    assert {*one_pair_each(some)} == {*one_pair_each(some[::-1])}
    assert len(every_pair(some)) == 80
    assert len(one_pair_each(some[:39])) == 38
