import random
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from torchmetrics.functional.text import squad

from analog_bench.tasks.qa_answers import exact_match, normalise_answer, token_f1

WORDS = st.sampled_from(
    [
        "a",
        "The",
        "an",
        "tower",
        "Tower,",
        "the-tower",
        "1,889",
        "O'Neil",
        "é",
        "\u00a0",
        "…",
        "A.",
        "ß",
    ]
)
NASTY = st.one_of(
    st.text(max_size=12),
    st.lists(WORDS, max_size=6).map(" ".join),
    st.text(alphabet=string.punctuation + string.whitespace + "aAnNtThHeE", max_size=12),
)


def torchmetrics_scores(answers, golds):
    found = squad(
        [{"id": str(n), "prediction_text": a} for n, a in enumerate(answers)],
        [
            {"id": str(n), "answers": {"text": list(g), "answer_start": [0] * len(g)}}
            for n, g in enumerate(golds)
        ],
    )
    return float(found["f1"]), float(found["exact_match"])


def own_scores(answers, golds):
    pairs = list(zip(answers, golds, strict=True))
    f1 = sum(token_f1(a, g) for a, g in pairs) / len(pairs)
    return f1, sum(exact_match(a, g) for a, g in pairs) / len(pairs)


def both_empty(answer, golds):
    return not normalise_answer(answer) and any(not normalise_answer(gold) for gold in golds)


@given(st.lists(st.tuples(NASTY, st.lists(NASTY, min_size=1, max_size=3)), min_size=1, max_size=6))
@example([("The Tower!", ["tower"])])
@example([("a b b c", ["b c d", "b b"])])
def test_scores_are_torchmetrics(pairs):
    # Where nothing is left of both texts torchmetrics scores F1 as SQuAD v2.0 does: see below.
    pairs = [pair for pair in pairs if not both_empty(*pair)]
    if pairs:
        answers, golds = zip(*pairs, strict=True)
        # torchmetrics sums in float32
        assert own_scores(answers, golds) == pytest.approx(
            torchmetrics_scores(answers, golds), rel=1e-6, abs=1e-6
        )


def test_scores_of_likely_predictions_are_torchmetrics(embedded):
    rng = random.Random(5)
    answers, golds = [], []
    for row in embedded:
        words = row["context"].split()
        gold = row["answers"]["text"]
        begin = rng.randrange(len(words))
        elsewhere = " ".join(words[begin : begin + rng.randint(1, 6)])
        answers.append(rng.choice([gold[0], f"the {gold[-1]},", gold[0].split()[0], elsewhere]))
        golds.append(gold)
    found = own_scores(answers, golds)
    assert 20 < found[1] < found[0] < 90
    assert found == pytest.approx(torchmetrics_scores(answers, golds), rel=1e-6)


def test_two_answers_without_words_score_as_in_version_1_1():
    # The official v1.1 script counts shared words before anything else, and finds none.
    assert token_f1("the", ["a"]) == 0.0
    assert exact_match("the", ["a"]) == 100.0


@pytest.mark.parametrize(
    ("answer", "golds", "f1", "em"),
    [
        ("the Eiffel Tower.", ["Eiffel tower"], 100.0, 100.0),
        ("Eiffel", ["Eiffel tower", "iron tower"], 200 / 3, 0.0),
        ("tower tower", ["tower"], 200 / 3, 0.0),
        ("then", ["n"], 0.0, 0.0),
        ("", ["tower"], 0.0, 0.0),
    ],
)
def test_scores_by_hand(answer, golds, f1, em):
    assert token_f1(answer, golds) == pytest.approx(f1)
    assert exact_match(answer, golds) == em
