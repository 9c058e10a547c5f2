"""A GGUF file becomes a folder that any loader of transformers reads, once."""

import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from analog_bench.errors import WeightsError
from analog_bench.zoo.smollm2_unpacking import unpack_once
from tests.tiny_gpt2 import PROSE

pytest.importorskip("gguf", reason="GGUF files need the extra `smollm2`")
from tests.tiny_gguf import write_gguf

IDS = torch.arange(1, 60)[None]


@pytest.fixture(scope="module")
def gguf(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    return path, write_gguf(path)


@pytest.fixture(scope="module")
def folder(gguf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache") / "models" / "tiny"
    unpack_once(gguf[0], folder)
    return folder


def test_the_folder_holds_the_weights_of_the_file_exactly(gguf, folder):
    held = load_file(folder / "model.safetensors")
    expected = dict(gguf[1].named_parameters())
    assert held.keys() == expected.keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in expected.items())


def test_the_model_computes_what_that_in_the_file_does(gguf, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        found, expected = (own(input_ids=IDS).logits for own in (model, gguf[1]))
    assert torch.allclose(found, expected, atol=1e-5)
    assert expected.std() > 0.1


def test_texts_come_back_and_digits_stand_alone(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.decode(tokenizer(PROSE).input_ids) == PROSE
    numbers = tokenizer.tokenize("the  3.90 4.40")
    assert [token for token in numbers if token.isdigit()] == list("390440")
    assert "Ġ4" not in numbers


def test_a_text_ends_where_pretraining_ended_it(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|endoftext|>", 0)


def test_it_is_unpacked_once_whoever_asks(gguf, tmp_path):
    folder = tmp_path / "models" / "tiny"
    with multiprocessing.get_context("fork").Pool(2) as pool:
        first, second = pool.starmap(unpack_once, [(gguf[0], folder)] * 2)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert first == second == unpack_once(gguf[0], folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= first.keys()


def test_what_a_killed_process_left_is_thrown_away(gguf, tmp_path):
    part = tmp_path / "tiny.part"
    part.mkdir()
    (part / "half.safetensors").write_bytes(b"half")
    unpack_once(gguf[0], tmp_path / "tiny")
    assert os.listdir(tmp_path) == ["tiny"]
    assert not (tmp_path / "tiny" / "half.safetensors").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_that_changed_since_is_refused(gguf, tmp_path, name):
    folder = tmp_path / "tiny"
    unpack_once(gguf[0], folder)
    changed = bytearray((folder / name).read_bytes())
    changed[-1] ^= 1
    (folder / name).write_bytes(changed)
    with pytest.raises(WeightsError, match=rf"{name}: .* delete the folder {folder}"):
        unpack_once(gguf[0], folder)


def test_a_folder_without_its_record_is_refused(gguf, tmp_path):
    with pytest.raises(WeightsError, match=r"cannot read .*unpacked\.json.*delete the folder"):
        unpack_once(gguf[0], tmp_path)


def test_a_cache_that_cannot_be_written_names_the_variable(gguf):
    with pytest.raises(WeightsError, match="choose another folder with ANALOG_BENCH_CACHE"):
        unpack_once(gguf[0], Path("/proc/nowhere/tiny"))
