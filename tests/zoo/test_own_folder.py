"""Models in a user's own folder: found, called something, added to the lock file, loaded."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertForQuestionAnswering

from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.lock_file import Lock, read_lock
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import available, find
from analog_bench.zoo.own_folder import add_folder, find_or_read, read_folder
from tests.odd_paths import odd_paths
from tests.own_folders import saved, saved_bert, saved_gpt2
from tests.tiny_hub import BERT, COMMIT, cached_bert, with_json

NOTHING = Lock(Path("none"), {}, {})
NOWHERE = Path("none")


@pytest.fixture
def mine(tmp_path):
    return saved_bert(tmp_path / "mine")


def test_a_folder_is_a_model_by_its_path(mine, monkeypatch):
    spec = find_or_read(str(mine), "embedded", NOTHING)
    assert (spec.name, spec.stored_name, spec.source) == ("mine", "mine", "folder")
    assert (spec.hub_id, spec.family, spec.task, spec.structure.positions) == (
        None,
        "bert",
        "qa",
        320,
    )
    assert spec.layers[-1].name == "qa_outputs"
    assert spec.asked_name == str(mine)
    monkeypatch.chdir(mine.parent)
    for word in ("mine", "./mine", "mine/", "../" + mine.parent.name + "/mine"):
        for zoo in ("embedded", "hub"):
            assert find_or_read(word, zoo, NOTHING).structure == spec.structure
    assert find_or_read("mine", "embedded", NOTHING).asked_name == "./mine"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My model (v2)", "My-model-v2"),
        ("a--b - c", "a-b-c"),
        ("modèle", "mod-le"),
        ("checkpoint-1000", "checkpoint-1000"),
        ("bert", "folder-bert"),
        ("hub-bert", "folder-hub-bert"),
        ("日本", "model"),
    ],
)
def test_a_folders_name_is_made_fit_for_ids(tmp_path, folder, name):
    spec = read_folder(saved_bert(tmp_path / folder))
    assert spec.name == spec.stored_name == name


def test_names_come_before_folders_and_ids_of_the_hub_are_the_hubs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved_bert(tmp_path / "bert")
    saved_bert(tmp_path / "some" / "one")
    assert find_or_read("bert", "embedded", NOTHING).source == "embedded"
    assert find_or_read("./bert", "embedded", NOTHING).name == "folder-bert"
    assert find_or_read("some/one", "embedded", NOTHING).name == "one"
    with pytest.raises(WeightsError, match="some/one is not locked"):
        find_or_read("some/one", "hub", NOTHING)


def test_a_loaded_folder_is_what_transformers_loads(mine):
    loaded = load(read_folder(mine), lock_path=NOWHERE)
    theirs = BertForQuestionAnswering.from_pretrained(mine).eval()
    encoded = loaded.tokenizer("Who am I?", "I am a 7.", return_tensors="pt")
    with torch.no_grad():
        assert torch.allclose(
            loaded.model(**encoded).start_logits, theirs(**encoded).start_logits, atol=1e-6
        )
    assert loaded.model.config._attn_implementation == "sdpa"


def test_the_same_files_have_the_same_fingerprint_wherever_they_are(tmp_path, monkeypatch):
    lock = cached_bert(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    of_hub = load(find(BERT, "hub", read_lock(lock)), lock_path=lock)
    snapshot = next((tmp_path / "hub").glob(f"*/snapshots/{COMMIT}"))
    shutil.copytree(snapshot, tmp_path / "copy")
    add_folder(tmp_path / "copy", lock, name="added")
    specs = (
        read_folder(snapshot),
        read_folder(tmp_path / "copy"),
        find("added", "embedded", read_lock(lock)),
    )
    assert {load(spec, lock_path=lock).weights_sha256 for spec in specs} == {of_hub.weights_sha256}
    other = saved_bert(tmp_path / "other", intermediate_size=25)
    assert load(read_folder(other), lock_path=lock).weights_sha256 != of_hub.weights_sha256


def test_an_added_folder_is_found_by_its_name_without_being_looked_at(mine, tmp_path):
    lock_path = tmp_path / "zoo.lock.json"
    entry = add_folder(mine, lock_path)
    add_folder(saved_gpt2(tmp_path / "deep" / "own"), lock_path, name="writer")
    lock = read_lock(lock_path)
    assert lock.folders["mine"] == entry
    assert (entry.path, lock.folders["writer"].path) == ("mine", "deep/own")
    assert {"config.json", "model.safetensors", "vocab.txt"} <= entry.files.keys()
    assert entry.files["config.json"].size == (mine / "config.json").stat().st_size
    assert [spec.name for spec in available("folder", lock)] == ["mine", "writer"]
    (mine / "config.json").rename(mine / "away")
    for zoo in ("embedded", "hub"):
        spec = find("mine", zoo, lock)
        assert (spec.source, spec.asked_name, spec.structure) == ("folder", "mine", entry.structure)
    (mine / "away").rename(mine / "config.json")
    assert load(spec, lock_path=lock_path).spec.name == "mine"


def test_a_folder_outside_of_the_lock_files_is_found_by_its_whole_path(mine, tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    entry = add_folder(Path("../mine"), Path("zoo.lock.json"))
    assert Path(entry.path).resolve() == mine
    assert load(find("mine", "embedded", read_lock(Path("zoo.lock.json"))), lock_path=NOWHERE)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_a_file_that_changed_since_is_refused_and_taken_again(mine, tmp_path, name):
    lock_path = tmp_path / "zoo.lock.json"
    add_folder(mine, lock_path)
    content = bytearray((mine / name).read_bytes())
    content[-1] ^= 1
    (mine / name).write_bytes(content)
    with pytest.raises(WeightsError, match=f"{name}: expected sha256") as caught:
        load(find("mine", "embedded", read_lock(lock_path)), lock_path=lock_path)
    assert "not what was added: `analog-bench zoo add mine --name mine` takes" in str(caught.value)
    (mine / name).unlink()
    with pytest.raises(WeightsError, match=f"cannot read .*{name}"):
        load(find("mine", "embedded", read_lock(lock_path)), lock_path=lock_path)


def test_a_configuration_that_changed_is_another_model_at_once(mine):
    before = read_folder(mine).structure
    with_json("config.json", num_hidden_layers=1)(mine)
    assert len(read_folder(mine).layers) < len(before.layers)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bert", "--name bert is that of another model"),
        ("hub-x", "--name hub-x is that of another model"),
        ("a/b", "--name must be of letters, digits, _, - and ., without --, found 'a/b'"),
        ("a--b", "--name must be of letters, digits, _, - and ., without --, found 'a--b'"),
        ("-x", "--name must be of letters"),
        ("", "--name must be of letters"),
    ],
)
def test_names_that_cannot_be(mine, tmp_path, name, said):
    with pytest.raises(UsageError, match=said):
        add_folder(mine, tmp_path / "zoo.lock.json", name=name)
    assert not (tmp_path / "zoo.lock.json").exists()


def emptied(folder, *names):
    for name in names:
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shutil.rmtree, "mine is no folder; a model has a name, or a folder such as"),
        (lambda f: emptied(f, "config.json"), "mine has no config.json"),
        (lambda f: emptied(f, "model.safetensors"), "mine holds no weights"),
        (lambda f: emptied(f, "vocab.txt"), "mine has no tokeniser files"),
        (with_json("config.json", architectures=["BertModel"]), "architectures must name BertFor"),
        (with_json("config.json", model_type="brt"), "transformers has no model_type 'brt'"),
        (lambda f: (f / "config.json").write_text("{"), "mine: config.json: not JSON"),
    ],
)
def test_folders_without_a_model_that_can_be_measured(mine, change, said):
    change(mine)
    with pytest.raises((UsageError, WeightsError), match=said) as caught:
        read_folder(mine)
    assert "\n" not in str(caught.value)


def test_a_path_that_leads_to_no_folder(tmp_path):
    paths = [path for path in odd_paths(tmp_path, ".d") if path.name != "folder.d"]
    for path in (*paths, Path("~nobody-of-that-name/mine")):
        with pytest.raises(UsageError, match=r" is (no folder|a file)"):
            find_or_read(str(path), "embedded", NOTHING)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
@pytest.mark.parametrize("kind", ["nowhere", "loop", "endless", "pipe", "folder"])
def test_a_folder_in_which_a_file_is_none(mine, tmp_path, name, kind):
    (mine / name).unlink()
    if kind in ("pipe", "folder"):
        (os.mkfifo if kind == "pipe" else os.mkdir)(mine / name)
    else:
        targets = {"nowhere": "missing", "loop": name, "endless": "/dev/zero"}
        (mine / name).symlink_to(targets[kind])
    with pytest.raises(WeightsError, match=f"cannot read .*mine/{name}: "):
        add_folder(mine, tmp_path / "zoo.lock.json")
    assert not (tmp_path / "zoo.lock.json").exists()


def test_a_file_is_no_folder(mine):
    with pytest.raises(UsageError, match=r"config\.json is a file; a model has a name, or"):
        read_folder(mine / "config.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(mine):
    mine.chmod(0)
    try:
        with pytest.raises(WeightsError, match="Permission denied"):
            read_folder(mine)
    finally:
        mine.chmod(0o755)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("name",), "x", "contains unknown field `name`"),
        (("path",), "", "path: expected `str` of length >= 1"),
        (("files", "../x"), {"size": 1, "sha256": "a" * 64}, "no path inside"),
        (("structure",), None, "missing required field `structure`"),
    ],
)
def test_a_corrupt_entry_is_one_clear_line(mine, tmp_path, keys, value, said):
    lock_path = tmp_path / "zoo.lock.json"
    add_folder(mine, lock_path)
    document = json.loads(lock_path.read_text())
    node = document["folders"]["mine"]
    for key in keys[:-1]:
        node = node[key]
    node.pop(keys[-1], None)
    if value is not None:
        node[keys[-1]] = value
    lock_path.write_text(json.dumps(document))
    with pytest.raises(WeightsError, match=said):
        read_lock(lock_path)


@pytest.mark.parametrize("word", ["~nobody", "~nobody/model", f"./{'x' * 300}", "./loop"])
def test_a_path_that_leads_nowhere(tmp_path, monkeypatch, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for read in (read_folder, lambda folder: add_folder(folder, tmp_path / "zoo.lock.json")):
        with pytest.raises(UsageError, match="is no folder; a model has a name, or a folder such"):
            read(Path(word))


def test_weights_in_several_files_are_those_of_one(tmp_path):
    whole, split = saved("llama", tmp_path / "whole"), tmp_path / "split"
    saved("llama", split, shard="30KB")
    shards = sorted(split.glob("model-*.safetensors"))
    assert len(shards) > 2
    ours, wanted = (load(read_folder(folder), lock_path=NOWHERE) for folder in (split, whole))
    for name, parameter in wanted.model.named_parameters():
        assert torch.equal(ours.model.get_parameter(name), parameter), name
    lock_path = tmp_path / "zoo.lock.json"
    entry = add_folder(split, lock_path)
    assert {path.name for path in shards} < entry.files.keys()
    found = load(find("split", "embedded", read_lock(lock_path)), lock_path=lock_path)
    assert found.weights_sha256 == ours.weights_sha256


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["gpt2", "qwen2", "roberta"])
def test_half_precision_is_computed_in_single(tmp_path, name, dtype):
    """Tied heads, `Conv1D` and one row of token types among them."""
    changes = {"type_vocab_size": 1} if name == "roberta" else {}
    folder = saved(name, tmp_path / "half", **changes)
    family = type(load(read_folder(folder), lock_path=NOWHERE).model)
    family.from_pretrained(folder, dtype=dtype).save_pretrained(folder)
    assert str(dtype) == f"torch.{json.loads((folder / 'config.json').read_text())['dtype']}"
    model = load(read_folder(folder), lock_path=NOWHERE).model
    theirs = family.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.arange(20)[None]
    with torch.no_grad():
        ours, wanted = model(input_ids=ids)[0], theirs(input_ids=ids)[0]
    assert ours.dtype == torch.float32
    assert torch.allclose(ours, wanted, atol=1e-5)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
