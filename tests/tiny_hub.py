"""Tiny models in a hub cache, as downloads would have left them there, and lock files for them."""

import hashlib
import json

from safetensors.torch import load_file, save_file

from analog_bench.zoo.lock_file import Entry, Lock, LockedFile, write_lock
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_config import read_config
from tests.hub_stand_in import tiny_bert
from tests.tiny_gpt2 import model_of, spec_of, tokenizer_of

GPT2 = "someone/tiny-gpt2"
STORED = "hub-someone--tiny-gpt2"
BERT = "someone/tiny-bert"
COMMIT = "c" * 40
WEIGHTS = "model.safetensors"


def cached_gpt2(folder, positions=256):
    """Write the cache to `folder/hub`, which makes `folder` a HF_HOME; return the lock file."""
    tokenizer = tokenizer_of(positions=positions)
    snapshot = snapshot_of(folder, GPT2)
    model_of(tokenizer, positions=positions).save_pretrained(snapshot)
    (snapshot / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str())
    names = ("config.json", WEIGHTS, "tokenizer.json")
    return lock_snapshot(folder, GPT2, spec_of(tokenizer, positions).structure, names)


def cached_bert(folder, change=lambda snapshot: None, **sizes):
    """Write a tiny BERT as `cached_gpt2` does, changed after its structure was recorded."""
    snapshot = snapshot_of(folder, BERT)
    tiny_bert(snapshot, **sizes)
    structure = observe(read_config(snapshot / "config.json", BERT), BERT)
    change(snapshot)
    return lock_snapshot(folder, BERT, structure)


def snapshot_of(folder, hub_id):
    """Return the folder of a model's files in the cache."""
    kept = folder / "hub" / f"models--{hub_id.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(COMMIT)
    (kept / "snapshots" / COMMIT).mkdir(parents=True)
    return kept / "snapshots" / COMMIT


def lock_snapshot(folder, hub_id, structure, names=None):
    """Lock a model's files, all where no `names` are given; return the lock file."""
    snapshot = folder / "hub" / f"models--{hub_id.replace('/', '--')}" / "snapshots" / COMMIT
    files = {
        name: LockedFile(len(content), hashlib.sha256(content).hexdigest())
        for name in names or sorted(path.name for path in snapshot.iterdir())
        for content in [(snapshot / name).read_bytes()]
    }
    entry = Entry(hub_id, "model", COMMIT, "2026-11-23", files, structure)
    write_lock(Lock(folder / "zoo.lock.json", {}, {}).with_entry(entry))
    return folder / "zoo.lock.json"


def with_json(name, **changes):
    """Return a change of a JSON file's members, or a new file."""

    def change(snapshot):
        path = snapshot / name
        found = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**found, **changes}))

    return change


def with_tensors(edit):
    """Return a change of the weights, `edit` being given them by name."""

    def change(snapshot):
        tensors = load_file(snapshot / WEIGHTS)
        save_file(edit(tensors), snapshot / WEIGHTS, {"format": "pt"})

    return change
