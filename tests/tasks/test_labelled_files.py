"""Files of labelled texts: own ones, GLUE's as they are published, and what is refused."""

import os

import pytest

from analog_bench.errors import DataError
from analog_bench.tasks.labelled_files import read_labelled


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a file and returns its rows without their keys."""

    def of(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return [(row.text, row.second, row.label) for row in read_labelled(path)]

    return of


FOX = ("The fox slept.", None, "1")


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", "text,label\nThe fox slept.,1\n", [FOX]),
        ("a.CSV", "\ufefflabel,text\r\n1,The fox slept.\r\n\r\n", [FOX]),
        (
            "a.csv",
            'text,label\n"Two\nlines, ""quoted""",no\n',
            [('Two\nlines, "quoted"', None, "no")],
        ),
        ("a.tsv", 'label\ttext\n0\t"Half a quotation\n', [('"Half a quotation', None, "0")]),
        ("a.csv", "text,text_pair,label\nOne,Two,b\n", [("One", "Two", "b")]),
        ("a.csv", "id,premise,hypothesis,label\n7,One,Two,b\n", [("One", "Two", "b")]),
        (
            "a.jsonl",
            '{"text": "One", "label": 1, "p": 0.5}\n\n{"label": "0", "text": "Two", "p": 1}\n',
            [("One", None, "1"), ("Two", None, "0")],
        ),
        ("a.jsonl", '{"sentence1": "A", "sentence2": "B", "label": "x"}', [("A", "B", "x")]),
    ],
)
def test_own_files(read, name, content, rows):
    assert read(name, content) == rows


GLUE = {
    "CoLA": (
        "gj04\t1\t\tThe dog chased its tail.\nks08\t0\t*\tThe dog its chased tail.\n",
        [("The dog chased its tail.", None, "1"), ("The dog its chased tail.", None, "0")],
    ),
    "SST-2": ("sentence\tlabel\na warm little film \t1\n", [("a warm little film", None, "1")]),
    "MRPC": (
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"
        '1\t5\t6\tHe said "no .\tHis answer was no .\r\n',
        [('He said "no .', "His answer was no .", "1")],
    ),
    "QNLI": (
        "index\tquestion\tsentence\tlabel\n0\tWho slept?\tThe fox slept.\tentailment\n",
        [("Who slept?", "The fox slept.", "entailment")],
    ),
    "RTE": (
        "index\tsentence1\tsentence2\tlabel\n0\tIt rained.\tIt was wet.\tentailment\n",
        [("It rained.", "It was wet.", "entailment")],
    ),
    "QQP": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tHow?\tIn what way?\t1\n",
        [("How?", "In what way?", "1")],
    ),
    "MNLI": (
        "index\tpromptID\tsentence1\tsentence2\tlabel1\tgold_label\n0\t1\tA man.\tA cat.\tneutral\t"
        "contradiction\n",
        [("A man.", "A cat.", "contradiction")],
    ),
}


@pytest.mark.parametrize("task", GLUE)
def test_glue_files_as_they_are_published(read, task):
    content, rows = GLUE[task]
    assert read("dev.tsv", content) == rows


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("a.csv", "", "holds no texts; columns text, label and perhaps text_pair are expected"),
        ("a.csv", "text,label\n", "names its columns and holds no texts"),
        ("a.csv", "text;label\nOne;1\n", "its columns are text;label"),
        ("a.tsv", "index\tsentence\n0\tOne\n", "test files have none, its dev files have"),
        ("a.tsv", "index\tsentence1\tsentence2\tscore\n0\tA\tB\t1\n", "no column of labels"),
        ("a.tsv", "gj04\tx\t\tThe dog.\n", "its columns are gj04, x, , The dog."),
        ("a.csv", "text,label,label\nOne,1,0\n", "two columns are called 'label'"),
        ("a.csv", "text,label\nOne,1\nTwo\n", "line 3: 1 fields, where 2 columns are named"),
        ("a.tsv", "text\tlabel\nOne\ttwo\t1\n", "line 2: 3 fields, where 2 columns are named"),
        ("a.csv", "text,label\nOne,1\n  ,0\n", "line 3: its text is missing or blank"),
        ("a.csv", 'text,label\n"a\nb",1\nTwo,\n', "line 4: its label is missing or blank"),
        ("a.tsv", "gj04\t1\t\tA dog.\ngj04\t1\t\t \n", "line 2: its sentence is missing or blank"),
        ("a.csv", 'text,label\nOne,1\n"Two,0\n', "line 3: unexpected end of data"),
        ("a.csv", 'text,label\n"One"x,1\n', "line 2: ',' expected after '\"'"),
        ("a.csv", f"text,label\n{'x' * 200_000},1\n", "line 2: field larger than field limit"),
        ("a.csv", b"text,label\n\xff,1\n", "cannot read .*: 'utf-8' codec"),
        ("a.csv", "text,label\nO\0ne,1\n", "holds NUL characters"),
        ("a.jsonl", '{"text": "One", "label": 1}\n[1]\n', "line 2: every line must be an object"),
        ("a.jsonl", '{"text": "One", "label": 1}\n{"text": \n', "line 2: not JSON"),
        ("a.jsonl", '{"text": "A", "text": "B", "label": 1}', "line 1: .*'text'"),
        (
            "a.jsonl",
            '{"text": "One", "label": 1}\n{"text": "A"}',
            "line 2: it has no 'label', which",
        ),
        ("a.jsonl", '{"text": "One", "label": true}', "line 1: its label is missing or blank"),
        ("a.jsonl", '{"text": ["One"], "label": 1}', "line 1: its text is missing or blank"),
        ("a.jsonl", '{"txt": "One", "label": 1}', "its columns are txt, label"),
    ],
)
def test_what_is_refused_in_one_line_that_says_where(read, tmp_path, name, content, wrong):
    with pytest.raises(DataError, match=wrong) as caught:
        read(name, content)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no data file at"):
        read_labelled(tmp_path / "none.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="it is not an ordinary file"):
        read_labelled(tmp_path / "pipe.csv")


def test_keys_are_the_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"One\nand a half",1\n\nTwo,0\n')
    assert [row.key for row in read_labelled(path)] == ["2", "5"]
