"""Where texts come from, and what is said where they do not."""

import json
import os
from pathlib import Path

import pytest
from datasets import Dataset

from analog_bench.errors import DataError
from analog_bench.regular_file import MOST_BYTES
from analog_bench.tasks.lm_sources import detokenise, load_text
from tests.hub_stand_in import HubStandIn

SHIPPED = ("wikitext-2-raw/wiki.test.raw", "wikitext-2/wiki.test.raw")
RAW = " \n = One = \n \n A guest @-@ star , he said . \n"

# Locks one revision of the data set after the other and loads texts, one line each.
HUB = """
import json, sys
from pathlib import Path
from analog_bench.errors import BenchError
from analog_bench.tasks.lm_sources import load_text
from analog_bench.zoo.hub_lock_and_fetch import lock_dataset
lock, folder = Path(sys.argv[1]), Path(sys.argv[2])
for revision, source, data in [
    (None, "wikitext-2", None), ("main", "wikitext-2", None), (None, "wikitext-2-raw", None),
    (None, "hub", folder), ("broken", "hub", None), ("other", "hub", None),
]:
    try:
        if revision:
            lock_dataset("Salesforce/wikitext", lock, revision=revision)
        found = load_text(source, data_folder=data, lock=lock)
        print(json.dumps([found.name, found.content]))
    except BenchError as problem:
        print(json.dumps([type(problem).__name__, str(problem)]))
"""


def load(source, data_folder=None):
    return load_text(str(source), data_folder=data_folder, lock=Path("none"))


def test_the_embedded_passages_in_order():
    found = load("embedded")
    assert found.name == "embedded"
    passages = found.content.split("\n\n")
    assert len(passages) == 93
    assert passages[0].startswith("Parisians did not all welcome the iron tower")


def test_wikitext_in_two_spellings(tmp_path):
    (tmp_path / "wikitext-2").mkdir()
    (tmp_path / "wikitext-2" / "test.txt").write_text(RAW)
    ordinary, raw = load("wikitext-2", tmp_path), load("wikitext-2-raw", tmp_path)
    assert (ordinary.name, raw.name) == ("WikiText-2", "WikiText-2 raw")
    assert raw.content == RAW
    assert ordinary.content == detokenise(RAW)
    assert "A guest-star, he said." in ordinary.content


def test_a_file_as_it_is_and_a_folder_in_order(tmp_path):
    (tmp_path / "b.txt").write_bytes("zwei\r\nZürich\n".encode())
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "c.md").write_text("not read")
    found = load(tmp_path / "b.txt")
    assert (found.name, found.content) == ("b", "zwei\r\nZürich\n")
    folder = load(tmp_path)
    assert folder.name == tmp_path.name
    assert folder.content == "one\n\nzwei\r\nZürich"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("wikitext2", "did you mean 'wikitext-2'"),
        ("squad", "no text called 'squad'"),
        ("nowhere.txt", "no text file at nowhere.txt; give --data a .txt file or a folder"),
    ],
)
def test_what_is_not_there(source, words):
    with pytest.raises(DataError, match=words) as caught:
        load(source)
    assert "\n" not in str(caught.value)


def test_files_that_hold_no_text(tmp_path):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    contents = {
        "blank.txt": b" \n\n",
        "nothing.txt": b"",
        "latin.txt": b"Z\xfcrich",
        "utf16.txt": "Zürich".encode("utf-16"),
        "wide.txt": "Bern".encode("utf-16-le"),
        "nul.txt": b"Bern\0Basel",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name, words in (
        ("empty", "holds no .txt file and no wiki.test.raw, but nothing"),
        ("blank.txt", "holds no text"),
        ("nothing.txt", "holds no text"),
        ("latin.txt", "cannot read"),
        ("utf16.txt", "cannot read"),
        ("wide.txt", "holds NUL characters"),
        ("nul.txt", "holds NUL characters"),
        ("pipe.txt", "not an ordinary file"),
        ("/dev/zero", "not an ordinary file"),
        ("x" * 5000, "no text called"),
    ):
        with pytest.raises(DataError, match=words) as refusal:
            load(tmp_path / name if "xx" not in name else name)
        assert "\n" not in str(refusal.value)
    with pytest.raises(DataError, match=r"no WikiText-2 in .*: none of wikitext-2/test.txt, "):
        load("wikitext-2", tmp_path)


def test_a_file_larger_than_any_text_is_not_read(tmp_path):
    with (tmp_path / "x.txt").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DataError, match="larger than"):
        load(tmp_path / "x.txt")


@pytest.mark.parametrize("name", ["b.TXT", "b.Txt", "B.txt"])
def test_no_text_of_a_folder_is_left_out(tmp_path, name):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / name).write_text("two")
    (tmp_path / "c.md").write_text("not a text file")
    assert sorted(load(tmp_path).content.split("\n\n")) == ["one", "two"]


@pytest.mark.parametrize("place", ["wikitext-2/test.txt", *SHIPPED])
def test_wikitext_where_it_is_shipped(tmp_path, place):
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_text(RAW)
    assert load("wikitext-2-raw", tmp_path).content == RAW
    # Beside it lie the other splits.
    (tmp_path / place).with_name("wiki.train.raw").write_text("another split")
    folder = load((tmp_path / place).parent)
    assert (folder.name, folder.content) == (place.split("/")[0], RAW.strip())


def test_a_folder_with_nothing_to_read_names_what_is_there(tmp_path):
    for name in ("a.md", "b.raw", "wiki.valid.raw"):
        (tmp_path / name).write_text("words")
    with pytest.raises(DataError, match=r"no wiki\.test\.raw, but a\.md, b\.raw, wiki\.valid\.raw"):
        load(tmp_path)


def test_line_ends_stay_and_a_byte_order_mark_does_not_count(tmp_path):
    words = "a" * 100_000 + " end"
    for name, content in (("a.txt", "eins\r\nzwei\r"), ("b.txt", words), ("c.txt", "\ufeffBern")):
        (tmp_path / name).write_bytes(content.encode())
        assert load(tmp_path / name).content == content.removeprefix("\ufeff")


def test_the_hubs_file(forked_client, tmp_path):
    file, other = tmp_path / "text.parquet", tmp_path / "other.parquet"
    Dataset.from_dict({"text": RAW.splitlines(keepends=True)}).to_parquet(file)
    Dataset.from_dict({"id": ["1"]}).to_parquet(other)
    with HubStandIn() as hub:
        for name, content in (("main", file), ("broken", b"PAR1"), ("other", other)):
            files = {
                "wikitext-2-raw-v1/test-00000-of-00001.parquet": content,
                "wikitext-2-raw-v1/train-00000-of-00001.parquet": b"",
                "wikitext-103-raw-v1/test-00000-of-00001.parquet": b"",
                "wikitext-2-v1/test-00000-of-00001.parquet": b"",
            }
            hub.add("Salesforce/wikitext", files, repo_type="dataset", name=name)
        argv = (tmp_path / "zoo.lock.json", tmp_path)
        ran = forked_client(HUB, endpoint=hub.endpoint, home=tmp_path / "home", argv=argv)
    assert ran.returncode == 0, ran.stderr
    unlocked, ordinary, raw, again, *wrong = map(json.loads, ran.stdout.splitlines())
    assert unlocked[0] == "WeightsError"
    assert "analog-bench zoo add --dataset Salesforce/wikitext" in unlocked[1]
    assert raw == ["WikiText-2 raw", RAW]
    # With `hub`, the data folder is not looked at: it holds no file.
    assert ordinary == again == ["WikiText-2", detokenise(RAW)]
    assert len(wrong) == 2
    for kind, said in wrong:
        assert kind == "DataError"
        assert "is no parquet file with text: " in said
        assert "\n" not in said


DATA = Path(os.environ.get("ANALOG_BENCH_DATA", "nowhere"))


@pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason="needs the folder of real data")
def test_the_real_file():
    raw, ordinary = load("wikitext-2-raw", DATA), load("wikitext-2", DATA)
    assert raw.content.count("\n = Robert Boulter = \n") == 1
    # Marks and spaces that ordinary spelling does not have are 4 % of the file.
    assert 0.95 < len(ordinary.content) / len(raw.content) < 0.97
