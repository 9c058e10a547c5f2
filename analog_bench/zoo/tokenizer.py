"""Make tokenisers from local files, without truncation or padding."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from analog_bench.codec import DocumentError, compact, read_json
from analog_bench.errors import WeightsError
from analog_bench.regular_file import read_regular
from analog_bench.zoo.model_config import blaming_fields, spelled
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_structure import Structure

TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("vocab.txt",))
"""Sets of files that each make a tokeniser, the best first."""

_BERT = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
_GPT2 = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
_SETTINGS = "tokenizer_config.json"
# Settings that make it read files that are not locked.
_ELSEWHERE = ("fast_tokenizer_files", "gguf_file")


def read_tokenizer(path: Path, max_length: int) -> PreTrainedTokenizerFast:
    """Make a tokeniser from a `tokenizer.json`, for a model of at most `max_length` tokens.

    The file may switch on truncation and padding (that of all-MiniLM-L6-v2 cuts at 128 tokens and
    pads to them). Both are switched off, so that each call states what it wants.

    Raises:
        WeightsError: The file cannot be read.
    """
    _check(path, f"cannot make a tokeniser of {path}")
    try:
        backend = Tokenizer.from_file(str(path))
    # The tokenizers library raises nothing narrower for an unreadable file.
    except Exception as problem:
        raise WeightsError(f"cannot make a tokeniser of {path}: {spelled(problem)}") from None
    return make_tokenizer(backend, max_length)


def make_tokenizer(backend: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Make a tokeniser from one just trained, as `read_tokenizer` does from its file."""
    special: dict[str, str] = next(
        (
            tokens
            for tokens in (_BERT, _GPT2)
            if all(backend.token_to_id(token) is not None for token in tokens.values())
        ),
        {},
    )
    fresh: Any = Tokenizer.from_str(backend.to_str())  # untyped, as is the constructor
    fresh.no_truncation()
    fresh.no_padding()
    fast: Any = PreTrainedTokenizerFast
    return _without_habits(fast(tokenizer_object=fresh, **special), max_length)


def auto_tokenizer(
    files: Mapping[str, Path], structure: Structure, hub_id: str
) -> PreTrainedTokenizerFast:
    """Make the tokeniser that transformers' `AutoTokenizer` makes from a hub model's files.

    Contradictions between the files are resolved as `AutoTokenizer` does. It sees no other file of
    the repository and runs none of its code. Truncation and padding are switched off, as in
    `read_tokenizer`.

    Raises:
        WeightsError: It cannot be made, or its tokens are not those of the model.
    """
    settings = _settings(files, hub_id)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in sorted(files.keys() - {_SETTINGS}):
            _check(files[file], f"{hub_id}: cannot read {file}")
            (folder / Path(file).name).symlink_to(os.path.realpath(files[file]))

        def make(settings: dict[str, Any]) -> tuple[Any, list[int]]:
            if _SETTINGS in files:
                (folder / _SETTINGS).write_bytes(compact(settings))
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            return tokenizer, tokenizer("a", "b")["input_ids"]

        with blaming_fields(f"{hub_id}: tokeniser of {', '.join(sorted(files))}", settings, make):
            made, pair = make(settings)
    if not isinstance(made, PreTrainedTokenizerFast):
        raise WeightsError(
            f"{hub_id}: {type(made).__name__} is no fast tokeniser, which knows where in a text "
            "its tokens are; name a model with one"
        )
    if HEADS[structure.task].padded and made.pad_token_id is None:
        raise WeightsError(
            f"{hub_id}: the tokeniser has no padding token, which batches need; name a model or "
            f"revision with a pad_token in its {_SETTINGS}"
        )
    _check_vocabulary(made, pair, structure.vocabulary, hub_id)
    return _without_habits(made, structure.positions)


def _check(path: Path, trouble: str) -> None:
    """Check that a library, which opens a file itself, will find a file of the right kind."""
    try:
        if path.suffix == ".json":
            read_json(path, any_key=True)  # a token may be anything
        else:
            read_regular(path)
    except (OSError, DocumentError) as problem:
        raise WeightsError(f"{trouble}: {problem}") from None


def _settings(files: Mapping[str, Path], hub_id: str) -> dict[str, Any]:
    if not any(files.keys() >= set(names) for names in TOKENIZERS):
        raise WeightsError(f"{hub_id} is locked without the files of its tokeniser; add it again")
    try:
        settings = read_json(files[_SETTINGS]) if _SETTINGS in files else {}
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"{hub_id}: cannot read {_SETTINGS}: {problem}") from None
    if not isinstance(settings, dict):
        raise WeightsError(f"{hub_id}: {_SETTINGS} is not an object")
    for key in _ELSEWHERE:
        if settings.get(key) is not None:
            raise WeightsError(
                f"{hub_id}: {_SETTINGS} names a file that is not locked, {key} {settings[key]!r}; "
                "name another model or revision"
            )
    return settings


def _check_vocabulary(
    tokenizer: PreTrainedTokenizerFast, pair: Sequence[int], embedded: int, hub_id: str
) -> None:
    tokens = {number: token for token, number in tokenizer.get_vocab().items()}
    largest = max([*tokens, *pair], default=0)
    if largest >= embedded:
        raise WeightsError(
            f"{hub_id}: the tokeniser's {tokens.get(largest, 'end of a text')!r} is number "
            f"{largest}, and the model has embeddings for {embedded} tokens (vocab_size in "
            "config.json); name a model or revision where the two agree, as they do after "
            f"`model.resize_token_embeddings({largest + 1})`"
        )
    # A class that looks for other files than exist has only its special tokens.
    if 2 * len(tokens) < embedded:
        raise WeightsError(
            f"{hub_id}: {type(tokenizer).__name__} knows {len(tokens)} of the model's {embedded} "
            f"tokens; name a model or revision with the files of its tokeniser, or with another "
            f"tokenizer_class in its {_SETTINGS}"
        )


def _without_habits(tokenizer: PreTrainedTokenizerFast, max_length: int) -> PreTrainedTokenizerFast:
    tokenizer.model_max_length = max_length
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    backend: Any = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return tokenizer
