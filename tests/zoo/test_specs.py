"""Finding models by name, and the lock file that hub models come from."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from msgspec.structs import replace

from analog_bench.codec import plain
from analog_bench.errors import UsageError, WeightsError
from analog_bench.file_lock import ExclusiveLock
from analog_bench.zoo import lock_file
from analog_bench.zoo.lock_file import Entry, Lock, LockedFile, add_entry, read_lock, write_lock
from analog_bench.zoo.model_specs import HUB_IDS, available, find, find_embedded
from analog_bench.zoo.model_structure import LayerName, Structure

NOTHING = Lock("zoo.lock.json", {}, {})
FILES = {"config.json": LockedFile(5, "a" * 64), "model.safetensors": LockedFile(7, "b" * 64)}
GPT2 = Structure(
    "gpt2", "lm", "transformer", 32, 40, ("embedding transformer.wte", "matmul lm_head")
)
BERT = Structure(
    "bert", "qa", "bert", 64, 40, ("matmul bert.encoder.layer.1.x", "matmul qa_outputs")
)


def entry(hub_id, structure):
    kind = "model" if structure else "dataset"
    return Entry(hub_id, kind, "c" * 40, "2026-11-23", FILES, structure)


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "zoo.lock.json"
    made = Lock(path, {}, {})
    for one in (
        entry("csarron/bert-base-uncased-squad-v1", BERT),
        entry("someone/tiny", GPT2),
        entry("rajpurkar/squad", None),
    ):
        made = made.with_entry(one)
    write_lock(made)
    return made


def test_the_embedded_bert_has_37_matmuls_in_6_blocks():
    spec = find("bert", "embedded", NOTHING)
    assert (spec.family, spec.task, spec.source, spec.hub_id) == ("bert", "qa", "embedded", None)
    assert sum(layer.kind == "matmul" for layer in spec.layers) == 6 * 6 + 1
    assert spec.layers[0].name == "embeddings.word_embeddings"
    assert spec.layers[-1].name == "qa_outputs"


def test_the_embedded_distilgpt2_has_its_models_shape():
    spec = find_embedded("distilgpt2")
    assert (spec.family, spec.task, spec.source, spec.hub_id) == ("gpt2", "lm", "embedded", None)
    assert sum(layer.kind == "matmul" for layer in spec.layers) == 6 * 4 + 1


def test_a_locked_model_has_layers_without_config_or_network(lock):
    again = read_lock(lock.path)
    assert again == lock
    spec = find("bert", "hub", again)
    assert spec.hub_id == HUB_IDS["bert"]
    assert spec.layers == (
        LayerName("encoder.layer.1.x", "bert.encoder.layer.1.x", "matmul", 1),
        LayerName("qa_outputs", "qa_outputs", "matmul", None),
    )
    tiny = find("someone/tiny", "hub", again)
    assert (tiny.name, tiny.task) == ("someone/tiny", "lm")
    assert [spec.name for spec in available("hub", again)] == ["bert", "someone/tiny"]
    assert "bert" in {spec.name for spec in available("embedded", again)}


@pytest.mark.parametrize(
    ("name", "source", "error", "said"),
    [
        ("brt", "embedded", UsageError, "did you mean 'bert'"),
        ("xyzzy", "embedded", UsageError, "known: bert, distilgpt2, minilm-qnli, mobilebert"),
        (
            "someone/tiny",
            "embedded",
            UsageError,
            "no folder someone/tiny; if it is the id of a model on the hub, `--zoo hub`",
        ),
        ("bert", "hubb", UsageError, "did you mean 'hub'"),
        ("mobilbert", "hub", UsageError, "did you mean 'mobilebert'"),
        ("mobilebert", "hub", WeightsError, "zoo add csarron/mobilebert-uncased-squad-v1"),
        ("some/one", "hub", WeightsError, "analog-bench zoo add some/one"),
        ("rajpurkar/squad", "hub", WeightsError, "rajpurkar/squad is not locked"),
    ],
)
def test_a_name_that_is_not_there_says_what_is(lock, name, source, error, said):
    with pytest.raises(error, match=said) as caught:
        find(name, source, lock)
    assert "\n" not in str(caught.value)


def test_no_lock_file_locks_nothing(tmp_path):
    assert read_lock(tmp_path / "none.json").models == {}


def test_a_lock_file_is_sorted_readable_and_alone(lock):
    text = lock.path.read_text()
    document = json.loads(text)
    assert text == json.dumps(document, indent=2, sort_keys=True) + "\n"
    assert [path.name for path in lock.path.parent.iterdir()] == ["zoo.lock.json"]
    assert stat.S_IMODE(lock.path.stat().st_mode) == 0o644


def test_a_lock_that_cannot_be_written_leaves_nothing_behind(lock, tmp_path):
    before = lock.path.read_bytes()
    blocked = Lock(tmp_path / "folder", {}, {})
    (blocked.path / "inside").mkdir(parents=True)
    with pytest.raises(WeightsError, match="cannot write the lock file"):
        write_lock(blocked)
    assert lock.path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "zoo.lock.json"]


def test_what_many_add_at_once_is_all_kept(lock):
    """As several `zoo add` do: models and data sets, new ones and one that is added again."""
    first = next(iter(lock.models.values()))
    models = [replace(first, hub_id=f"someone/{n}") for n in range(8)]
    data = [replace(model, repo_type="dataset", structure=None) for model in models]
    again = [replace(first, locked_on=f"2027-01-{n:02d}") for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(add_entry, lock.path), [*models, *data, *again]))
    kept = read_lock(lock.path)
    assert kept.models.keys() == lock.models.keys() | {model.hub_id for model in models}
    assert kept.datasets.keys() == lock.datasets.keys() | {model.hub_id for model in models}
    assert kept.models[first.hub_id].locked_on.startswith("2027-01-")
    assert [path.name for path in lock.path.parent.iterdir()] == ["zoo.lock.json"]


def test_one_that_waits_too_long_says_so(lock, monkeypatch):
    monkeypatch.setattr(lock_file, "_TIMEOUT_S", 0.1)
    (first, *_) = lock.models.values()
    with (
        ExclusiveLock(lock.path.with_name("zoo.lock.json.lock"), 0.1),
        pytest.raises(WeightsError, match="another process has been writing the lock file"),
    ):
        add_entry(lock.path, first)


def altered(path, *keys, value):
    document = json.loads(path.read_text())
    node = document
    for key in keys[:-1]:
        node = node[key]
    if value is None:
        del node[keys[-1]]
    else:
        node[keys[-1]] = value
    path.write_text(json.dumps(document))


TINY = ("models", "someone/tiny")


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("schema",), 4, "schema: invalid enum value 4"),
        (("models",), None, "missing required field `models`"),
        (("models",), [], "models: expected `object`, got `array`"),
        (("more",), 1, "unknown field `more`"),
        ((*TINY, "revision"), "main", "someone/tiny.revision: expected `str` matching regex"),
        ((*TINY, "locked_on"), "2026-13-01", "someone/tiny: month must be in 1"),
        ((*TINY, "files"), {}, "someone/tiny.files: expected `object` of length >= 1"),
        ((*TINY, "files", "../x"), {"size": 1, "sha256": "a" * 64}, "no path inside"),
        (
            (*TINY, "files", "config.json", "sha256"),
            "A" * 64,
            r"sha256: expected `str` matching regex .*\{64\}",
        ),
        ((*TINY, "files", "config.json", "size"), -1, "size: expected `int` >= 0"),
        ((*TINY, "structure", "positions"), "2", "structure.positions: expected `int`, got `str`"),
        (
            (*TINY, "structure", "task"),
            "mt",
            "structure: task must be one of qa, lm, .*, found 'mt'",
        ),
        ((*TINY, "structure", "computed"), ["tile x"], "computed.* matching regex"),
        ((*TINY, "structure", "computed"), [], "computed: expected `array` of length >= 1"),
        ((*TINY, "structure"), None, "someone/tiny: missing required field `structure`"),
        (("datasets", "rajpurkar/squad", "structure"), plain(GPT2), "data sets have no structure"),
    ],
)
def test_a_corrupt_lock_file_is_one_clear_line(lock, keys, value, said):
    altered(lock.path, *keys, value=value)
    with pytest.raises(WeightsError, match=said) as caught:
        read_lock(lock.path)
    assert str(lock.path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1', "\x00"])
def test_a_lock_file_that_is_no_lock_file_is_refused(tmp_path, text):
    path = tmp_path / "zoo.lock.json"
    path.write_text(text)
    with pytest.raises(WeightsError, match="is corrupt"):
        read_lock(path)
