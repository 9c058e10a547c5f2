"""Folders whose model cannot be measured: one line says so before anything is, and why."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from analog_bench.cli import main
from tests.own_folders import saved, saved_bert
from tests.tiny_hub import WEIGHTS, with_json, with_tensors

INDEX = f"{WEIGHTS}.index.json"
QUERY = "bert.encoder.layer.0.attention.self.query.weight"


def error_of(capsys, *words):
    """Return the one line that a verb ends with, and insist that there is nothing else."""
    capsys.readouterr()  # writing models draws bars
    assert main([str(word) for word in words]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err.removeprefix("analog-bench: error: ")


def pickled(folder):
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def renamed(name):
    return lambda folder: (folder / WEIGHTS).rename(folder / name)


def quantised(folder):
    """Write what bitsandbytes leaves: whole numbers, and their scale beside them."""

    def cast(tensors):
        scale = {f"{QUERY}_scale": torch.ones(16)}
        return {**tensors, QUERY: (100 * tensors[QUERY]).to(torch.int8), **scale}

    with_tensors(cast)(folder)


def spoilt(value):
    def spoil(tensors):
        tensors[QUERY][2, 3] = value
        return tensors

    return with_tensors(spoil)


def split(folder, **names):
    """Split the weights into two files; `names` replaces theirs in the index."""
    tensors = load_file(folder / WEIGHTS)
    parts = {"a": dict(list(tensors.items())[:9]), "b": dict(list(tensors.items())[9:])}
    shards = {part: f"model-{part}.safetensors" for part in parts}
    for part, held in parts.items():
        save_file(held, folder / shards[part], {"format": "pt"})
    called = {**shards, **names}
    where = {name: called[part] for part, held in parts.items() for name in held}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))
    (folder / WEIGHTS).unlink()


def without_a_shard(folder):
    split(folder)
    (folder / "model-b.safetensors").unlink()


def with_a_tensor_twice(folder):
    split(folder)
    held = load_file(folder / "model-a.safetensors")
    more = load_file(folder / "model-b.safetensors") | dict(list(held.items())[:1])
    save_file(more, folder / "model-b.safetensors", {"format": "pt"})


def split_outside(name):
    """Return a split whose second file lies elsewhere, with all that it should hold."""

    def change(folder):
        split(folder, b=name)
        shutil.copy(folder / "model-b.safetensors", folder.parent / "elsewhere.safetensors")

    return change


def with_index(text):
    def change(folder):
        split(folder)
        (folder / INDEX).write_text(text)

    return change


def linked_to(target):
    def change(folder):
        (folder / WEIGHTS).unlink()
        (folder / WEIGHTS).symlink_to(target)

    return change


def piped(name):
    def change(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


REFUSED = {
    "quantised by its configuration": (
        with_json("config.json", quantization_config={"quant_method": "bitsandbytes"}),
        "quantization_config is",
        "quantised weights are not read; name an unquantised model",
    ),
    "quantised in its weights": (quantised, f"{QUERY} is stored as int8", "not quantised"),
    "quantised for llama.cpp": (
        renamed("model-q4.gguf"),
        "has no model.safetensors, only",
        "new f",
    ),
    "an adapter alone": (
        renamed("adapter_model.safetensors"),
        "has no model.safetensors, only adapter_model.safetensors",
        "`save_pretrained` into a new folder",
    ),
    "pickles only": (
        pickled,
        "holds its weights only as a pickle (pytorch_model.bin), which is never opened",
        "`save_pretrained` into a new folder: that writes safetensors",
    ),
    "code beside the weights": (
        with_json("config.json", auto_map={"AutoModelForCausalLM": "modeling_mine.Mine"}),
        'auto_map is {"AutoModelForCausalLM": "modeling_mine.Mine"}, and must be left out',
        "code beside the weights, which is never run",
    ),
    "an architecture of its own": (
        with_json("config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"}),
        "transformers has no model_type 'mine'",
        "",
    ),
    "more tokens than embeddings": (
        with_json("added_tokens.json", mara=81),
        "the tokeniser's 'mara' is number 81, and the model has embeddings for 81 tokens",
        "name a model",
    ),
    "no number": (spoilt(float("nan")), f"hold values in {QUERY} that are not finite", ""),
    "infinity": (spoilt(float("-inf")), f"hold values in {QUERY} that are not finite", ""),
    "no head": (
        with_json("config.json", architectures=["BertModel"]),
        "architectures must name BertForQuestionAnswering",
        "found ['BertModel']",
    ),
    "a head of another kind": (
        with_json("config.json", architectures=["BertForTokenClassification"]),
        "architectures must name BertForQuestionAnswering",
        "found ['BertForTokenClassification']",
    ),
    "a head that is not in the weights": (
        with_tensors(lambda tensors: {k: v for k, v in tensors.items() if "qa_outputs" not in k}),
        "qa_outputs.bias is missing",
        "",
    ),
    "a shard is missing": (
        without_a_shard,
        "lacks model-b.safetensors, which its model.safetensors.index.json names",
        "copy all its files",
    ),
    "a tensor twice": (with_a_tensor_twice, "which another file holds, too", ""),
    "a shard above": (
        split_outside("../elsewhere.safetensors"),
        "names a file outside: '../elsewhere.safetensors' is no path inside",
        "",
    ),
    "a shard at the top": (split_outside("/elsewhere.safetensors"), "names a file outside", ""),
    "a shard of Windows": (split_outside("..\\elsewhere.safetensors"), "names a file outside", ""),
    "a pickled shard": (
        lambda folder: split(folder, b="model-b.bin"),
        "names model-b.bin, and only safetensors are read",
        "",
    ),
    "an index of nothing": (
        with_index('{"weight_map": {}}'),
        "cannot read model.safetensors.i",
        "",
    ),
    "an index of numbers": (with_index('{"weight_map": {"a": 5}}'), "got `int`", ""),
    "no index": (with_index("[" * 100_000), "nested too deep", ""),
    "a link to a device": (linked_to("/dev/zero"), "it is not an ordinary file", ""),
    "a link to a folder": (linked_to("/tmp"), "cannot read", ""),
    "a link to nothing": (linked_to("nothing"), "cannot read", "No such file"),
    "a pipe for its weights": (piped(WEIGHTS), "it is not an ordinary file", ""),
    "a pipe for its configuration": (piped("config.json"), "it is not an ordinary file", ""),
    "a pipe for its tokens": (piped("vocab.txt"), "it is not an ordinary file", ""),
    "weights of another model": (
        with_json("config.json", max_position_embeddings=100),
        "has the shape (320, 16), and (100, 16) by its config.json",
        "",
    ),
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_folder_is_refused_in_one_line(tmp_path, capsys, change):
    edit, said, way_out = REFUSED[change]
    folder = saved_bert(tmp_path / "mine")
    edit(folder)
    lock = ("--lock", tmp_path / "zoo.lock.json")
    for words in (("zoo", "add", folder), ("zoo", "score", folder, "--examples", "1")):
        error = error_of(capsys, *words, *lock)
        assert said in error
        assert way_out in error
        assert "mine" in error
    assert not (tmp_path / "zoo.lock.json").exists()


def test_a_link_to_an_ordinary_file_is_followed(tmp_path, capsys):
    """As in the cache of the hub's client, whose snapshots hold nothing but links."""
    folder = saved_bert(tmp_path / "mine")
    (tmp_path / "blobs").mkdir()
    for path in list(folder.iterdir()):
        path.rename(tmp_path / "blobs" / path.name)
        path.symlink_to(tmp_path / "blobs" / path.name)
    assert main(["zoo", "add", str(folder), "--lock", str(tmp_path / "zoo.lock.json")]) == 0


def test_a_tied_head_of_its_own_is_refused(tmp_path, capsys):
    folder = saved("qwen2", tmp_path / "mine")
    with_tensors(lambda t: t | {"lm_head.weight": 2 * t["model.embed_tokens.weight"]})(folder)
    error = error_of(capsys, "zoo", "add", folder, "--lock", tmp_path / "zoo.lock.json")
    assert "hold a lm_head.weight of its own, which config.json ties to another" in error
