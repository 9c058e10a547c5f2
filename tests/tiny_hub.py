"""A tiny GPT-2 in a hub cache, as a download would have left it there, and the lock file for it."""

import hashlib

from analog_bench.zoo.lock_file import Entry, Lock, LockedFile, write_lock
from tests.tiny_gpt2 import model_of, spec_of, tokenizer_of

GPT2 = "someone/tiny-gpt2"
STORED = "hub-someone--tiny-gpt2"
COMMIT = "c" * 40


def cached_gpt2(folder, positions=256):
    """Write the cache to `folder/hub`, which makes `folder` a HF_HOME; return the lock file."""
    tokenizer = tokenizer_of(positions=positions)
    kept = folder / "hub" / f"models--{GPT2.replace('/', '--')}"
    snapshot = kept / "snapshots" / COMMIT
    model_of(tokenizer, positions=positions).save_pretrained(snapshot)
    (snapshot / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str())
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(COMMIT)
    files = {
        name: LockedFile(len(content), hashlib.sha256(content).hexdigest())
        for name in ("config.json", "model.safetensors", "tokenizer.json")
        for content in [(snapshot / name).read_bytes()]
    }
    structure = spec_of(tokenizer, positions).structure
    entry = Entry(GPT2, "model", COMMIT, "2026-11-23", files, structure)
    write_lock(Lock(folder / "zoo.lock.json", {}, {}).with_entry(entry))
    return folder / "zoo.lock.json"
