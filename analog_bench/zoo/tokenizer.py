"""Tokenisers made from local files, with no habits of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, implementations
from transformers import PreTrainedTokenizerFast

from analog_bench.codec import DocumentError, read_json
from analog_bench.errors import WeightsError

_BUILDERS: Any = implementations  # untyped

_BERT = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
_GPT2 = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
_ROBERTA = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}
_ALBERT = {**_BERT, "unk_token": "<unk>", "pad_token": "<pad>"}
_LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_CONVENTIONS = (_BERT, _ALBERT, _ROBERTA, _GPT2, _LLAMA)


def read_tokenizer(files: Mapping[str, Path], max_length: int) -> PreTrainedTokenizerFast:
    """Make a tokeniser for a model that takes at most `max_length` tokens.

    Files may come with truncation and padding switched on (those of all-MiniLM-L6-v2 cut at 128
    tokens and pad to them); both are switched off, so that each call says what it wants. They come
    by their usual names: `tokenizer.json`, or `vocab.json` and `merges.txt`, or `vocab.txt`;
    `tokenizer_config.json` and `special_tokens_map.json` where there are.

    Raises:
        WeightsError: A file cannot be read, or a special token is not in the vocabulary.
    """
    settings = {**_json(files, "special_tokens_map.json"), **_json(files, "tokenizer_config.json")}
    try:
        backend = _backend(files, settings)
    # The tokenizers library raises nothing narrower for a file it cannot read.
    except Exception as problem:
        names = ", ".join(str(path) for path in files.values())
        raise WeightsError(f"cannot make a tokeniser of {names}: {problem}") from None
    return _fast(backend, {**_usual(backend), **_named(settings)}, max_length)


def make_tokenizer(backend: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Make a tokeniser of one just trained, as `read_tokenizer` of its file; raises the same."""
    return _fast(Tokenizer.from_str(backend.to_str()), _usual(backend), max_length)


def _fast(
    backend: Tokenizer, special: Mapping[str, str], max_length: int
) -> PreTrainedTokenizerFast:
    for key, token in special.items():
        if backend.token_to_id(token) is None:
            raise WeightsError(f"the tokeniser's {key} {token!r} is not in its vocabulary")
    backend.no_truncation()
    backend.no_padding()
    fast: Any = PreTrainedTokenizerFast  # its constructor is untyped
    tokenizer: PreTrainedTokenizerFast = fast(
        tokenizer_object=backend,
        model_max_length=max_length,
        padding_side="right",
        truncation_side="right",
        **special,
    )
    return tokenizer


def _usual(backend: Tokenizer) -> dict[str, str]:
    """Return the special tokens that files need not name, by what is in the vocabulary."""
    return next(
        (
            dict(tokens)
            for tokens in _CONVENTIONS
            if all(backend.token_to_id(token) is not None for token in tokens.values())
        ),
        {},
    )


def _named(settings: Mapping[str, Any]) -> dict[str, str]:
    keys = {key for tokens in _CONVENTIONS for key in tokens}
    named = {}
    for key in sorted(keys & settings.keys()):
        value = settings[key]
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            named[key] = text
    return named


def _backend(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Tokenizer:
    if "tokenizer.json" in files:
        return Tokenizer.from_file(str(files["tokenizer.json"]))
    if "merges.txt" in files:
        built = _BUILDERS.ByteLevelBPETokenizer(
            str(files["vocab.json"]),
            str(files["merges.txt"]),
            add_prefix_space=bool(settings.get("add_prefix_space", False)),
        )
    else:
        built = _BUILDERS.BertWordPieceTokenizer(
            str(files["vocab.txt"]),
            lowercase=bool(settings.get("do_lower_case", True)),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        )
    return Tokenizer.from_str(built.to_str())


def _json(files: Mapping[str, Path], name: str) -> dict[str, Any]:
    if name not in files:
        return {}
    try:
        node = read_json(files[name])
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {files[name]}: {problem}") from None
    if not isinstance(node, dict):
        raise WeightsError(f"{files[name]} must hold an object")
    return node
