import json
from pathlib import Path

import pytest
from datasets import Dataset

from analog_bench.errors import DataError, UsageError
from analog_bench.tasks.qa_sources import load_questions, sample
from analog_bench.tasks.squad_files import FEATURES, content_hash
from tests.hub_stand_in import HubStandIn
from tests.squad_articles import write_squad

# Locks one revision of the data set after the other, loads questions, prints them, one line each.
HUB = """
import json, sys
from pathlib import Path
from analog_bench.errors import BenchError
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.squad_files import FEATURES
from analog_bench.zoo.hub_lock_and_fetch import lock_dataset
lock, folder = Path(sys.argv[1]), Path(sys.argv[2])
for revision, source, data in [
    (None, "squad", None), ("main", "squad", None), ("main", "hub", folder),
    ("broken", "hub", None), ("other", "hub", None),
]:
    try:
        if revision:
            lock_dataset("rajpurkar/squad", lock, revision=revision)
        found = load_questions(source, examples=2, data_folder=data, lock=lock)
        assert found.rows.features == FEATURES
        print(json.dumps({"name": found.name, "rows": found.rows.to_list()}))
    except BenchError as problem:
        print(json.dumps({"error": type(problem).__name__, "text": str(problem)}))
"""


def load(source, examples=None, data_folder=None):
    return load_questions(source, examples=examples, data_folder=data_folder, lock=Path("none"))


def test_the_embedded_set_and_its_sample():
    whole, some = load("embedded"), load("embedded", 20)
    assert whole.name == some.name == "embedded"
    assert len(some.rows) == 20
    assert some.rows.features == FEATURES


def test_a_file_and_the_data_folder(embedded, tmp_path):
    rows = embedded.select(range(5))
    write_squad(rows, tmp_path / "squad" / "dev-v1.1.json")
    for found in (
        load("squad", data_folder=tmp_path),
        load(str(tmp_path / "squad" / "dev-v1.1.json")),
    ):
        assert content_hash(found.rows) == content_hash(rows)
    assert load("squad", data_folder=tmp_path).name == "SQuAD dev"
    assert load(str(tmp_path / "squad" / "dev-v1.1.json")).name == "dev-v1.1"
    with pytest.raises(DataError, match="no data file at"):
        load("squad", data_folder=tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("squadd", "no data called 'squadd', and no such file; did you mean 'squad'?"),
        ("Embeded", "did you mean 'embedded'?"),
        ("nothing", "known: embedded, hub, squad"),
        ("nothing.json", "no data file at nothing.json"),
    ],
)
def test_an_unknown_source(source, words):
    with pytest.raises(DataError) as caught:
        load(source)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_samples_are_nested_fixed_and_in_order(embedded):
    ids = embedded["id"]
    drawn = {count: sample(embedded, count)["id"] for count in (1, 10, 100, len(embedded))}
    assert drawn[len(embedded)] == list(ids)
    for few, more in ((1, 10), (10, 100)):
        assert set(drawn[few]) < set(drawn[more])
    assert drawn[100] == [identity for identity in ids if identity in set(drawn[100])]
    assert drawn[10] == sample(embedded, 10)["id"]
    # Which questions are drawn depends on their ids, not on their order.
    turned = embedded.select(range(len(embedded) - 1, -1, -1))
    assert list(sample(turned, 10)["id"]) == list(drawn[10])[::-1]
    # Spread over the set: a hundred of them come from many passages.
    assert len(set(sample(embedded, 100)["context"])) > 50
    # Fixed for all time: a release that draws others cannot be compared with its baselines.
    assert drawn[1] == ["eq-022-3"]


def test_a_sample_has_a_size(embedded):
    with pytest.raises(UsageError, match="--examples asks for 5000 questions, the data holds 575"):
        load("embedded", 5000)
    for few in (0, -3):
        with pytest.raises(UsageError, match=f"--examples must be at least 1, found {few}"):
            load("embedded", few)


def test_the_hubs_file(embedded, forked_client, tmp_path):
    rows = embedded.select(range(2))
    file, other = tmp_path / "validation.parquet", tmp_path / "other.parquet"
    # The hub's columns need not stand in our order.
    rows.select_columns(["question", "id", "answers", "context", "title"]).to_parquet(file)
    Dataset.from_dict({"id": ["1"]}).to_parquet(other)
    with HubStandIn() as hub:
        for name, content in (("main", file), ("broken", b"PAR1"), ("other", other)):
            files = {"validation-0.parquet": content}
            hub.add("rajpurkar/squad", files, repo_type="dataset", name=name)
        argv = (tmp_path / "zoo.lock.json", tmp_path)
        ran = forked_client(HUB, endpoint=hub.endpoint, home=tmp_path / "home", argv=argv)
    assert ran.returncode == 0, ran.stderr
    unlocked, from_squad, from_hub, *wrong = map(json.loads, ran.stdout.splitlines())
    assert unlocked["error"] == "WeightsError"
    assert "analog-bench zoo add --dataset rajpurkar/squad" in unlocked["text"]
    # With `hub`, the data folder is not looked at: it holds no file.
    assert from_squad == from_hub == {"name": "SQuAD dev", "rows": rows.to_list()}
    assert len(wrong) == 2
    for said in wrong:
        assert said["error"] == "DataError"
        assert "is no parquet file with id, title, context, question, answers: " in said["text"]
        assert "\n" not in said["text"]
