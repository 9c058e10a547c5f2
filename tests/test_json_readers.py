"""Every JSON file that is read, with anything amiss in it: one clear line, at once."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
from optuna.distributions import IntDistribution
from optuna.trial import create_trial

from analog_bench.cli import main
from analog_bench.codec import MOST_BYTES
from analog_bench.errors import BenchError
from analog_bench.history.database import History
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.search import SearchResult
from analog_bench.hwa.search_conclusion import conclude
from analog_bench.records import Metric
from analog_bench.releases.release_environment import read_environment
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.run_file import read_run, read_runs
from analog_bench.tasks.squad_files import read_squad
from analog_bench.zoo.embedded_weights import tuned_state
from analog_bench.zoo.hwa_folder import is_hwa, read_hwa_record
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_config import read_config
from analog_bench.zoo.model_structure import Structure
from analog_bench.zoo.range_folder import read_ranges
from analog_bench.zoo.tokenizer import auto_tokenizer, read_tokenizer
from analog_bench.zoo.weight_record import read_record


def adapter(folder):
    """Read an adapter of weights whose record has the hashes that it really has."""
    (folder / "adapter_model.safetensors").touch()
    try:
        hashes = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.glob("adapter_*")
            if path.stat().st_size < MOST_BYTES and path.is_file()
        }
    finally:
        hashes.setdefault("adapter_config.json", "0" * 64)
    record = {"files": hashes, "base": {"model.safetensors": "0" * 64}, "recipe": {}, "results": {}}
    (folder / "record.json").write_text(json.dumps(record))
    return tuned_state({}, folder, record["base"])


def resumed(folder):
    words = ("1.1.0", "1.2.0", "--no-cases", "--resume", "--out", str(folder))
    assert main(["releases", *words]) == 0


def concluded(folder):
    space = {"batch": IntDistribution(1, 64)}
    trials = [
        create_trial(
            value=40.0 + n,
            params={"batch": 8 + n},
            distributions=space,
            user_attrs={"starts": 1, "stopped": False},
        )
        for n in range(2)
    ]
    for n, trial in enumerate(trials):
        trial.number = n
    metric = Metric("f1", "points", higher_is_better=True, margin=1.0)
    found = SearchResult(tuple(trials), "maximize")
    return conclude(found, folder, metric, lambda setting: pytest.fail("measured"), {})


def tokenized(folder):
    for name, content in (("vocab.json", '{"a": 0}'), ("merges.txt", "#version: 0.2\n")):
        if not os.path.lexists(folder / name):
            (folder / name).write_text(content)
    structure = Structure("gpt2", "lm", "transformer", 512, 1, ("matmul lm_head",))
    return auto_tokenizer({path.name: path for path in folder.iterdir()}, structure, "someone/x")


READERS = {
    "lock": ("zoo.lock.json", lambda at: read_lock(at / "zoo.lock.json")),
    "configuration": ("config.json", lambda at: read_config(at / "config.json", "config.json")),
    "run": ("bench-1.json", lambda at: read_run(at / "bench-1.json")),
    "runs": ("bench-1.json", read_runs),
    "baseline": ("direct/bert/layers.json", lambda at: read_cases(at, "direct", "bert", "layers")),
    "digital": ("digital/bert.json", lambda at: read_digital(at, "bert")),
    "record": ("record.json", read_record),
    "HWA record": ("record.json", read_hwa_record),
    "input ranges": ("ranges.json", read_ranges),
    "adapter": ("adapter_config.json", adapter),
    "questions": ("dev.json", lambda at: read_squad(at / "dev.json")),
    "history": ("some.jsonl", lambda at: History([at / "some.jsonl"], pytest.fail)),
    "training": ("recipe.json", lambda at: claim(at, {"steps": 1})),
    "search": ("conclusion.json", concluded),
    "comparison": ("plan.json", resumed),
    "tokeniser": ("tokenizer.json", lambda at: read_tokenizer(at / "tokenizer.json", 64)),
    "vocabulary": ("vocab.json", tokenized),
    "settings": ("tokenizer_config.json", tokenized),
}
CONTENTS = {
    "nothing": b"",
    "blank": b" \n",
    "cut off": b'{"a": 1',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "Latin-1": b'{"a": "\xe9"}',
    "zeros": b"\0" * 100,
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": [-Infinity]}',
    "beyond floats": b'{"a": 1e400}',
    "5,000 digits": b'{"a": ' + b"7" * 5000 + b"}",
    "5,000 digits below nothing": b'{"a": -' + b"7" * 5000 + b"}",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and whole": b"[" * 100_000 + b"]" * 100_000,
    "one key twice": b'{"a": 1, "a": 1}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a pair for a key": b'{"\\udfff": 1}',
    "a control character": b'{"a": "\x01"}',
    "more behind it": b"{} {}",
    **{text: text.encode() for text in ("null", "true", "5", '"text"', "[]", "[{}]")},
}


@pytest.fixture
def refused(capsys):
    """Return a function that reads, and returns the one line it is refused with."""

    def call(read, folder):
        began = time.monotonic()
        try:
            found = read(folder)
        except BenchError as problem:
            said = str(problem)
        except AssertionError:  # the exit code of a command
            said = capsys.readouterr().err.rstrip("\n")
        else:
            pytest.fail(f"read as {found!r:.200}")
        assert time.monotonic() - began < 5
        assert "\n" not in said
        assert len(said) < 1000
        return said

    return call


@pytest.mark.parametrize(("file", "read"), READERS.values(), ids=READERS.keys())
def test_what_is_no_such_document_is_refused_in_one_line(refused, tmp_path, file, read):
    for number, content in enumerate(CONTENTS.values()):
        path = tmp_path / str(number) / file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        said = refused(read, tmp_path / str(number))
        assert path.name in said or "none of the runs in" in said
        assert path.read_bytes() == content


@pytest.mark.parametrize(("file", "read"), READERS.values(), ids=READERS.keys())
def test_what_is_no_file_of_a_size_is_not_opened(refused, tmp_path, file, read):
    def large(path):
        with path.open("wb") as made:
            made.truncate(MOST_BYTES + 1)

    makers = (os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), large)
    for number, make in enumerate(makers):
        path = tmp_path / str(number) / file
        path.parent.mkdir(parents=True)
        make(path)
        refused(read, tmp_path / str(number))


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_what_only_counts_where_it_is_whole_does_not_count(tmp_path, content):
    for name in ("record.json", "environment.json"):
        (tmp_path / name).write_bytes(content)
    assert not is_hwa(tmp_path)
    assert read_environment(tmp_path) is None
