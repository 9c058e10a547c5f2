"""The tokeniser of a hub model is the one that transformers makes of all its files."""

import json
import re

import pytest
from transformers import AutoTokenizer, BertTokenizerFast, RobertaTokenizerFast

from analog_bench.errors import WeightsError
from analog_bench.zoo.minilm_base import find_base
from analog_bench.zoo.model_structure import Structure
from analog_bench.zoo.tokenizer import auto_tokenizer, read_tokenizer
from tests.tiny_gpt2 import PROSE
from tests.tiny_hub import with_json
from training.tokeniser import learn_bpe

SENTENCES = ("Où est l'Éléphant, in 1998?", "The élan: 4.5% of 東京 — don't [MASK] it!")


def structure_of(vocabulary, task="qa"):
    return Structure("bert", task, "bert", 512, vocabulary, ("matmul qa_outputs",))


def files_of(folder):
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def bert(tmp_path):
    """Write the files of a BERT's tokeniser, which lowers case."""
    BertTokenizerFast(vocab=str(find_base().vocabulary)).save_pretrained(tmp_path)
    with_json("config.json", model_type="bert")(tmp_path)
    return tmp_path


@pytest.fixture
def roberta(tmp_path):
    """Write the files of a RoBERTa's tokeniser, which adds no space in front."""
    (tmp_path / "made").mkdir()
    model = json.loads(learn_bpe([PROSE], 400).to_str())["model"]
    special = ("<s>", "</s>", "<unk>", "<pad>", "<mask>")
    vocabulary = {**model["vocab"], **{t: len(model["vocab"]) + n for n, t in enumerate(special)}}
    merges = [tuple(pair) for pair in model["merges"]]
    RobertaTokenizerFast(vocab=vocabulary, merges=merges).save_pretrained(tmp_path / "made")
    with_json("config.json", model_type="roberta")(tmp_path / "made")
    return tmp_path / "made"


def check_same(folder, *, otherwise):
    """Compare with transformers' tokeniser, and with what `tokenizer.json` alone makes."""
    theirs = AutoTokenizer.from_pretrained(folder)
    ours = auto_tokenizer(files_of(folder), structure_of(len(theirs)), "someone/x")
    options = {"return_offsets_mapping": True, "return_token_type_ids": True}
    for pair in (SENTENCES, SENTENCES[::-1], ("the fox", "")):
        assert dict(ours(*pair, **options)) == dict(theirs(*pair, **options))
    alone = read_tokenizer(folder / "tokenizer.json", 512)
    assert (alone.tokenize(SENTENCES[0]) != ours.tokenize(SENTENCES[0])) == otherwise
    assert (ours.model_max_length, ours.padding_side) == (512, "right")
    assert len(ours("word " * 600)["input_ids"]) > 600


@pytest.mark.parametrize(
    "said",
    [
        {"do_lower_case": False},
        {"strip_accents": False},
        {"do_lower_case": False, "strip_accents": True},
        {"tokenize_chinese_chars": False, "do_lower_case": False},
        {"model_max_length": 5, "padding_side": "left", "do_lower_case": False},
    ],
    ids=str,
)
def test_what_files_say_differently_is_decided_as_transformers_does(bert, said):
    with_json("tokenizer_config.json", **said)(bert)
    check_same(bert, otherwise=True)


@pytest.mark.parametrize("said", [{"add_prefix_space": True}, {"trim_offsets": False}], ids=str)
def test_so_is_a_space_in_front(roberta, said):
    with_json("tokenizer_config.json", **said)(roberta)
    check_same(roberta, otherwise="add_prefix_space" in said)


def test_files_that_agree_change_nothing(bert):
    check_same(bert, otherwise=False)


def test_a_vocabulary_alone_is_enough(bert):
    alone = {name: path for name, path in files_of(bert).items() if name not in ("tokenizer.json",)}
    (bert / "vocab.txt").write_bytes(find_base().vocabulary.read_bytes())
    alone["vocab.txt"] = bert / "vocab.txt"
    made = auto_tokenizer(alone, structure_of(30522), "someone/x")
    whole = auto_tokenizer(files_of(bert), structure_of(30522), "someone/x")
    assert dict(made(*SENTENCES)) == dict(whole(*SENTENCES))


def refusal(folder, **structure):
    with pytest.raises(WeightsError) as caught:
        auto_tokenizer(files_of(folder), structure_of(**{"vocabulary": 30522, **structure}), "x/y")
    text = str(caught.value)
    assert text.startswith("x/y")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"do_lower_case": "no"}, 'do_lower_case is "no": '),
        ({"tokenizer_class": 5}, "tokenizer_class is 5: "),
        ({"padding_side": "up"}, 'padding_side is "up": '),
        ({"added_tokens_decoder": {"x": {"content": "z"}}}, "added_tokens_decoder is "),
        ({"pad_token": None}, "no padding token"),
        ({"pad_token": "[NOPE]"}, "'[NOPE]' is number 30522, and the model has embeddings for"),
        ({"extra_special_tokens": ["<a>", "<b>"]}, "'<b>' is number 30523"),
        ({"tokenizer_class": "CanineTokenizer"}, "is no fast tokeniser"),
        ({"fast_tokenizer_files": ["../../tokenizer.1.0.json"]}, "names a file that is not locked"),
        ({"gguf_file": "/etc/x"}, "names a file that is not locked, gguf_file '/etc/x'"),
    ],
    ids=str,
)
def test_settings_that_make_no_tokeniser_are_refused(bert, said, why):
    with_json("tokenizer_config.json", **said)(bert)
    assert why in refusal(bert)


def test_code_of_the_repository_is_not_run(bert, monkeypatch):
    (bert / "evil.py").write_text("raise SystemExit('run')")
    with_json("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", "evil.T"]})(bert)
    assert auto_tokenizer(files_of(bert), structure_of(30522), "x/y").tokenize("a b") == ["a", "b"]
    with_json("tokenizer_config.json", tokenizer_class="evil.T")(bert)
    assert auto_tokenizer(files_of(bert), structure_of(30522), "x/y").tokenize("a b") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("tokenizer_config.json", "[]", "tokenizer_config.json is not an object"),
        ("tokenizer_config.json", "{", "cannot read tokenizer_config.json: not JSON"),
        ("tokenizer_config.json", "[" * 100_000, "nested too deep"),
        ("tokenizer.json", "[" * 100_000, "cannot read tokenizer.json: nested too deep"),
        ("tokenizer.json", '{"a": 1, "a": 1}', "cannot read tokenizer.json: has the key 'a' twice"),
        ("tokenizer.json", '["\\ud800"]', "cannot read tokenizer.json: holds half a surrogate"),
        ("tokenizer.json", "{}", "tokeniser of config.json, tokenizer.json"),
        ("special_tokens_map.json", "[]", "special_tokens_map.json"),
    ],
)
def test_files_that_make_no_tokeniser_are_refused(bert, name, content, why):
    if name == "special_tokens_map.json":
        with_json("tokenizer_config.json")(bert)
        settings = json.loads((bert / "tokenizer_config.json").read_text())
        settings.pop("added_tokens_decoder", None)
        (bert / "tokenizer_config.json").write_text(json.dumps(settings))
    (bert / name).write_text(content)
    assert why in refusal(bert)


def test_a_class_that_reads_none_of_the_files_is_refused(bert):
    (bert / "tokenizer.json").unlink()
    assert "locked without the files of its tokeniser" in refusal(bert)
    (bert / "vocab.txt").write_bytes(find_base().vocabulary.read_bytes())
    with_json("tokenizer_config.json", tokenizer_class="RobertaTokenizer")(bert)
    assert re.search(r"RobertaTokenizer knows \d of the model's 30522 tokens", refusal(bert))


def test_a_file_that_is_no_tokeniser_is_refused(tmp_path):
    for content in ("", "[PAD]", "{}", "[" * 100_000):
        (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(WeightsError, match=r"cannot make a tokeniser of .*tokenizer\.json"):
            read_tokenizer(tmp_path / "tokenizer.json", 512)
