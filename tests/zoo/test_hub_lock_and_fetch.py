"""Locking and fetching from a hub: real HTTP, real client, real files."""

import hashlib
import json
import socket
import struct

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertForQuestionAnswering

from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find
from analog_bench.zoo.own_folder import read_folder
from tests.own_folders import saved

ID = "someone/tiny-squad"
LOCK = f"lock_model({ID!r}, path).revision"
FETCH = f"fetch({ID!r}, read_lock(path))"


def error(said):
    assert said.get("error") == "WeightsError", said
    assert "\n" not in said["text"]
    return said["text"]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Let this process have the cache that the client has; it has read HF_HOME already."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "home" / "hub"))


def test_lock_then_load_then_load_offline(hub, files, client, tmp_path, capfd, cache):
    commit = hub.add(ID, {**files, "README.md": b"words", "evil.py": b"raise SystemExit"})
    lock_path = tmp_path / "zoo.lock.json"
    assert client(LOCK, FETCH)[0]["value"] == commit
    lock = read_lock(lock_path)
    entry = lock.models[ID]
    assert entry.revision == commit
    assert {n: (f.size, f.sha256) for n, f in entry.files.items()} == {
        n: (path.stat().st_size, sha256(path)) for n, path in files.items()
    }, "the needed files and no others"
    assert not any(path.endswith(("README.md", "evil.py")) for _, path in hub.requests)

    asked = len(hub.requests)
    spec = find(ID, "hub", lock)
    loaded, again = (load(spec, lock_path=lock_path) for _ in range(2))
    assert len(hub.requests) == asked, "everything is in the cache"
    assert capfd.readouterr() == ("", "")
    assert loaded.weights_sha256 == again.weights_sha256
    assert not loaded.model.training
    assert loaded.model.config._attn_implementation == "sdpa"
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}

    original = BertForQuestionAnswering.from_pretrained(files["config.json"].parent).eval()
    encoded = loaded.tokenizer("Who am I?", "I am a 7.", return_tensors="pt")
    with torch.no_grad():
        ours, theirs = loaded.model(**encoded), original(**encoded)
    assert torch.allclose(ours.start_logits, theirs.start_logits, atol=1e-6)
    assert torch.allclose(ours.end_logits, theirs.end_logits, atol=1e-6)


def test_weights_in_several_files_are_locked_fetched_and_loaded(hub, client, tmp_path, cache):
    folder = saved("llama", tmp_path / "split", shard="30KB")
    hub.add(ID, {path.name: path for path in folder.iterdir()})
    assert "value" in client(LOCK)[0]
    lock_path = tmp_path / "zoo.lock.json"
    entry = read_lock(lock_path).models[ID]
    assert sum(name.endswith(".safetensors") for name in entry.files) > 2
    of_hub = load(find(ID, "hub", read_lock(lock_path)), lock_path=lock_path)
    assert of_hub.weights_sha256 == load(read_folder(folder), lock_path=lock_path).weights_sha256


def test_fetch_takes_the_locked_revision_when_main_has_moved(hub, files, client):
    first = hub.add(ID, files)
    client(LOCK)
    second = hub.add(ID, {**files, "config.json": b"{}"})
    hub.requests.clear()
    (fetched,) = client(FETCH, home="another")
    assert fetched["value"].endswith(first)
    asked = [path for _, path in hub.requests]
    assert asked
    assert not any(second in path or "/main" in path for path in asked)
    (offline,) = client(FETCH, home="another", offline=True)
    assert offline["value"] == fetched["value"]


def test_locking_again_moves_the_lock(hub, files, client, tmp_path):
    hub.add(ID, files)
    proposed = hub.add(ID, {**files, "README.md": b"new"}, name="refs/pr/1")
    hub.add("someone/other", files)
    said = client(LOCK, "lock_model('someone/other', path)")
    assert said[0]["value"] != proposed
    (said,) = client(f"lock_model({ID!r}, path, revision={proposed!r}).revision")
    assert said["value"] == proposed
    lock = read_lock(tmp_path / "zoo.lock.json")
    assert set(lock.models) == {ID, "someone/other"}
    assert lock.models[ID].revision == proposed


def test_a_file_changed_under_the_same_revision_is_refused(hub, files, client, tmp_path):
    hub.add(ID, files)
    client(LOCK)
    changed = bytearray(files["model.safetensors"].read_bytes())
    changed[-1] ^= 1
    hub.tamper(ID, "model.safetensors", bytes(changed))
    text = error(client(FETCH, home="another")[0])
    expected = sha256(files["model.safetensors"])
    assert f"expected sha256 {expected}, found {hashlib.sha256(changed).hexdigest()}" in text
    assert f"model.safetensors of {ID} is not what was locked" in text
    (intact,) = client(FETCH)
    assert "value" in intact, "the cache of the first client still has the locked content"


def test_a_cached_file_that_was_altered_is_refused(hub, files, client, tmp_path):
    hub.add(ID, files)
    said = client(LOCK, FETCH)
    (tmp_path / "altered").symlink_to(said[1]["value"])
    (tmp_path / "altered" / "vocab.txt").resolve().write_text("a\n")
    assert "vocab.txt" in error(client(FETCH, offline=True)[0])


def test_what_cannot_be_fetched_says_why(hub, files, client):
    hub.add(ID, files)
    assert f"run `analog-bench zoo add {ID}`" in error(client(FETCH)[0])
    client(LOCK)
    hub.remove(ID, "vocab.txt")
    said = client(FETCH, home="another")
    assert "vocab.txt" in error(said[0])
    assert "no such file at this revision" in error(said[0])
    assert "HF_HUB_OFFLINE forbids" in error(client(FETCH, home="third", offline=True)[0])


def test_a_hub_that_cannot_be_reached_is_an_error_within_seconds(hub, files, client):
    hub.add(ID, files)
    client(LOCK)
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{port.getsockname()[1]}"
    for said in client(LOCK, FETCH, home="another", endpoint=nobody):
        assert f"from {nobody}" in error(said)
        assert said["seconds"] < 5


UNUSABLE = {
    "only as a pickle (pytorch_model.bin)": {
        "model.safetensors": None,
        "pytorch_model.bin": b"\x80",
    },
    "index.json: the top level: object missing required field `weight_map`": {
        "model.safetensors": None,
        "model.safetensors.index.json": b"{}",
    },
    "names a file outside: '../x.safetensors' is no path": {
        "model.safetensors": None,
        "model.safetensors.index.json": b'{"weight_map": {"a": "../x.safetensors"}}',
    },
    "lacks model-2.safetensors, which its": {
        "model.safetensors": None,
        "model.safetensors.index.json": b'{"weight_map": {"a": "model-2.safetensors"}}',
    },
    "holds no weights": {"model.safetensors": None},
    "has no config.json": {"config.json": None},
    "has no tokeniser files": {"vocab.txt": None},
    ": config.json: not JSON": {"config.json": b"{"},
    "config.json is not an object": {"config.json": b"[]"},
    "architectures must name T5ForQuestionAnswering": {"config.json": b'{"model_type": "t5"}'},
    "transformers has no model_type 'brt'": {"config.json": b'{"model_type": "brt"}'},
}


def test_models_that_cannot_be_used_are_not_locked(hub, files, client, tmp_path):
    for number, change in enumerate(UNUSABLE.values()):
        held = {name: content for name, content in {**files, **change}.items() if content}
        hub.add(f"someone/unusable-{number}", held)
    lines = [f"lock_model('someone/unusable-{n}', path)" for n in range(len(UNUSABLE))]
    for said, expected in zip(client(*lines), UNUSABLE, strict=True):
        assert expected in error(said)
    assert not (tmp_path / "zoo.lock.json").exists()
    large = [path for _, path in hub.requests if path.endswith((".bin", ".safetensors"))]
    assert not large, "no weights were downloaded to find out"


def edited(files, **fields):
    return {
        "config.json": json.dumps(json.loads(files["config.json"].read_text()) | fields).encode()
    }


def test_weights_that_are_of_another_model_are_not_locked(hub, files, client, tmp_path):
    tensors = {"bert.pooler.dense.weight": torch.ones(16, 16)}
    other = tmp_path / "other.safetensors"
    save_file(tensors, other)
    header = b"[1]".ljust(8)
    unfit = {
        "bert.encoder.layer.2.attention.output.LayerNorm.bias is missing (16": edited(
            files, num_hidden_layers=3
        ),
        "bert.encoder.layer.1.attention.output.LayerNorm.bias is unknown to it (16": edited(
            files, num_hidden_layers=1
        ),
        "token_type_embeddings.weight has the shape (2, 16), and (3, 16)": edited(
            files, type_vocab_size=3
        ),
        "intermediate_size is 1000000000000: a model of": edited(files, intermediate_size=10**12),
        "is missing (": {"model.safetensors": other},
        "cannot read the tensors in": {"model.safetensors": struct.pack("<Q", 8) + header},
    }
    for number, change in enumerate(unfit.values()):
        hub.add(f"someone/unfit-{number}", {**files, **change})
    lines = [f"lock_model('someone/unfit-{n}', path)" for n in range(len(unfit))]
    for said, expected in zip(client(*lines), unfit, strict=True):
        assert expected in error(said)
    assert not (tmp_path / "zoo.lock.json").exists()


def test_names_that_the_hub_does_not_know(hub, files, client):
    hub.add(ID, files)
    said = client(
        "lock_model('no/body', path)",
        f"lock_model({ID!r}, path, revision='nowhere')",
        "lock_model('a/b/c', path)",
        "lock_model('/models/mine', path)",
        "lock_model('./mine', path)",
        "lock_dataset('no/body', path)",
    )
    assert error(said[0]).startswith("model no/body at main: http")
    assert "no such repository" in error(said[0])
    assert "no such revision" in error(said[1])
    for path in said[2:5]:
        assert path["error"] == "UsageError"
        assert "a hub id has the form owner/name" in path["text"]
    assert error(said[5]).startswith("dataset no/body at main: http")


def test_a_corrupt_lock_is_found_before_anything_is_downloaded(hub, files, client, tmp_path):
    hub.add(ID, files)
    (tmp_path / "zoo.lock.json").write_text('{"schema": 1')
    for said in client(LOCK, FETCH):
        assert "is corrupt: not JSON" in error(said)
    assert hub.requests == []
    assert (tmp_path / "zoo.lock.json").read_text() == '{"schema": 1'


def test_a_data_set_is_locked_and_fetched(hub, client, tmp_path):
    name = "plain_text/validation-00000-of-00001.parquet"
    content = {name: b"PAR1-validation", "plain_text/train-00000-of-00001.parquet": b"PAR1"}
    commit = hub.add("rajpurkar/squad", content, repo_type="dataset")
    two = {"a/validation-0.parquet": b"", "b/validation-0.parquet": b""}
    hub.add("someone/two", two, repo_type="dataset")
    fetching = "fetch_dataset('rajpurkar/squad', read_lock(path)).read_bytes()"
    said = client(
        fetching,
        "lock_dataset('rajpurkar/squad', path).revision",
        fetching,
        "lock_dataset('someone/two', path)",
    )
    assert "run `analog-bench zoo add --dataset rajpurkar/squad`" in error(said[0])
    assert said[1]["value"] == commit
    assert said[2]["value"] == "b'PAR1-validation'"
    assert "one parquet file of split 'validation' is expected, found 2" in error(said[3])
    assert not any("train" in path for _, path in hub.requests)
    hub.tamper("rajpurkar/squad", name, b"PAR1-other", repo_type="dataset")
    assert "found " + hashlib.sha256(b"PAR1-other").hexdigest() in error(
        client(fetching, home="another")[0]
    )
