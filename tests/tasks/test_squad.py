import copy
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from datasets import Dataset

from analog_bench.errors import DataError
from analog_bench.tasks.squad_files import FEATURES, content_hash, read_squad

GOOD = {
    "version": "1.1",
    "data": [
        {
            "title": "Towers",
            "paragraphs": [
                {
                    "context": "The tower – iron – opened in 1889.",
                    "qas": [
                        {
                            "id": "q1",
                            "question": "When did it open?",
                            "answers": [
                                {"text": "1889", "answer_start": 29},
                                {"text": "in 1889", "answer_start": 26},
                            ],
                        },
                        {
                            "id": "q2",
                            "question": "Of what is it?",
                            "answers": [{"text": "iron", "answer_start": 12}],
                        },
                    ],
                }
            ],
        }
    ],
}


@pytest.fixture
def read(tmp_path):
    def reading(content):
        path = tmp_path / "some.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_squad(path)

    return reading


def changed(change):
    document = copy.deepcopy(GOOD)
    paragraph = document["data"][0]["paragraphs"][0]
    change(document, paragraph, paragraph["qas"][1])
    return document


def test_rows_have_the_hubs_columns(read):
    rows = read(GOOD)
    assert isinstance(rows, Dataset)
    assert rows.features == FEATURES
    assert rows[0] == {
        "id": "q1",
        "title": "Towers",
        "context": "The tower – iron – opened in 1889.",
        "question": "When did it open?",
        "answers": {"text": ["1889", "in 1889"], "answer_start": [29, 26]},
    }
    assert rows["id"] == ["q1", "q2"]


def test_an_article_needs_no_title(read):
    assert read(changed(lambda d, p, q: d["data"][0].pop("title")))["title"] == ["", ""]


WRONG = {
    "not JSON": ("{", "not JSON"),
    "not text": (b"\xff\xfe{}", "not a text in UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "BOM"),
    "empty": ("", "not JSON"),
    "nested": ("[" * 200_000, "nested too deep"),
    "huge number": ("1" * 10_000, "far too many digits"),
    "not a number": ('{"data": [], "version": NaN}', "holds NaN"),
    "one key twice": ('{"data": [], "data": []}', "has the key 'data' twice"),
    "a list": ([], "the top level: expected `object`, got `array`"),
    "no data": ({"data": []}, "holds no questions"),
    "no questions": (changed(lambda d, p, q: p.update(qas=[])), "holds no questions"),
    "data of another form": ({"data": {"id": []}}, "data: expected `array`, got `object`"),
    "an article of text": ({"data": ["x"]}, "data[0]: expected `object`, got `str`"),
    "no context": (changed(lambda d, p, q: p.pop("context")), "missing required field `context`"),
    "blank question": (
        changed(lambda d, p, q: q.update(question=" ")),
        "question 'q2': its question is blank",
    ),
    "a number as id": (changed(lambda d, p, q: q.update(id=7)), "qas[1].id: expected `str`"),
    "one id twice": (changed(lambda d, p, q: q.update(id="q1")), "question 'q1' stands twice"),
    "no answers": (changed(lambda d, p, q: q.pop("answers")), "missing required field `answers`"),
    "an answer of text": (
        changed(lambda d, p, q: q.update(answers=["iron"])),
        "answers[0]: expected `object`, got `str`",
    ),
    "half a surrogate pair": (
        changed(lambda d, p, q: q.update(question="\ud800?")),
        "holds half a surrogate pair",
    ),
    "such a title": (
        changed(lambda d, p, q: d["data"][0].update(title="\ud800")),
        "holds half a surrogate pair",
    ),
}
for start, words in {
    11: "the context does not read 'iron' at 11",
    -22: "does not read 'iron' at -22",
    10**6: "does not read",
    10**30: "does not read",
    "12": "answer_start: expected `int`, got `str`",
    12.0: "answer_start: expected `int`, got `float`",
    True: "answer_start: expected `int`, got `bool`",
    None: "answer_start: expected `int`, got `null`",
}.items():
    WRONG[f"answer_start {start!r}"] = (
        changed(lambda d, p, q, start=start: q["answers"][0].update(answer_start=start)),
        words,
    )


# As SQuAD 2.0 writes it; one that only lacks its answers; and one that says both.
UNANSWERABLE = {
    "plausible answers": {"answers": [], "is_impossible": True, "plausible_answers": [{}]},
    "no answers": {"answers": []},
    "an answer all the same": {"is_impossible": True},
}


@pytest.mark.parametrize("change", UNANSWERABLE.values(), ids=UNANSWERABLE.keys())
def test_questions_without_an_answer_are_refused_in_one_sentence(read, change):
    with pytest.raises(DataError, match="1 of 2 questions have no answer, such as 'q2', which"):
        read(changed(lambda d, p, q: q.update(change)))


def test_questions_of_squad_2_that_all_have_answers_are_read(read):
    def as_in_squad_2(document, paragraph, _):
        document["version"] = "v2.0"
        for question in paragraph["qas"]:
            question.update(is_impossible=False, plausible_answers=[])

    assert content_hash(read(changed(as_in_squad_2))) == content_hash(read(GOOD))


@pytest.mark.parametrize(("content", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_one_line(read, tmp_path, content, words):
    with pytest.raises(DataError) as caught:
        read(content)
    line = str(caught.value)
    assert words in line
    assert str(tmp_path / "some.json") in line
    assert "\n" not in line


def test_a_missing_file_and_a_folder_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"no data file at .*none\.json; give --data a SQuAD v1\.1"):
        read_squad(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path, tmp_path / "pipe.json", Path("/dev/zero")):
        with pytest.raises(DataError, match="cannot be read: ") as refusal:
            read_squad(path)
        assert "\n" not in str(refusal.value)


def test_the_hash_is_of_what_is_asked_and_scored(read):
    same = content_hash(read(GOOD))
    assert same == content_hash(read(json.dumps(GOOD, indent=3)))
    assert same == content_hash(read(changed(lambda d, p, q: d["data"][0].update(title="New"))))
    others = [
        changed(lambda d, p, q: q.update(id="q3")),
        changed(lambda d, p, q: q.update(question="Of what?")),
        changed(lambda d, p, q: p.update(context=p["context"] + "!")),
        changed(lambda d, p, q: q["answers"][0].update(text="iro")),
        changed(lambda d, p, q: p["qas"].reverse()),
    ]
    hashes = {content_hash(read(document)) for document in others}
    assert len(hashes | {same}) == len(others) + 1


def test_the_embedded_set_is_varied_and_correct(embedded):
    assert len(embedded) >= 300
    contexts = set(embedded["context"])
    assert len(contexts) >= 60
    assert len({c.lower()[:40] for c in contexts}) == len(contexts)
    assert len(set(embedded["id"])) == len(embedded)
    assert len({q.lower() for q in embedded["question"]}) == len(embedded)
    for row in embedded:
        assert row["question"].endswith("?")
        for text, start in zip(*row["answers"].values(), strict=True):
            assert row["context"][start : start + len(text)] == text
            assert text == text.strip()
            assert len(text.split()) <= 20


def test_the_embedded_questions_follow_no_template(embedded):
    words = [question.lower().replace(",", "").split() for question in embedded["question"]]
    kinds = Counter(next((w for w in ws if w in KINDS), "other") for ws in words)
    assert all(
        kinds[kind] >= 30 for kind in ("how", "what", "who", "where", "which", "why", "when")
    )
    assert max(kinds.values()) < 0.4 * len(words)
    assert kinds["other"] < 0.05 * len(words)
    assert max(Counter(tuple(ws[:5]) for ws in words).values()) <= 3
    assert max(Counter(tuple(ws[-4:]) for ws in words).values()) <= 3


KINDS = ("how", "what", "who", "whom", "whose", "where", "which", "why", "when")
