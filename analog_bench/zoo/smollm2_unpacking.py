"""Unpack SmolLM2's GGUF file once into a folder such as `save_pretrained` writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import Digits, Sequence
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from analog_bench.cache_folder import CACHE_VARIABLE
from analog_bench.codec import DocumentError, convert, indented, plain, read_json
from analog_bench.errors import WeightsError
from analog_bench.file_lock import ExclusiveLock, HeldError
from analog_bench.zoo.file_hashes import file_sha256, verify
from analog_bench.zoo.model_config import silent_transformers
from analog_bench.zoo.model_files import WEIGHTS_FILE, names_in
from analog_bench.zoo.weight_record import Sha256

END_OF_TEXT = "<|endoftext|>"
_RECORD = "unpacked.json"
# Unpacking takes half a minute.
_LONGEST_S = 600


class Unpacked(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `unpacked.json`: the sha256s of the files beside it when they were made."""

    files: dict[str, Sha256]


def unpack_once(gguf: Path, folder: Path) -> Mapping[str, str]:
    """Unpack a GGUF file into a folder unless that was done before, and verify the files.

    The folder appears only when it is complete. Two processes never unpack into the same one: the
    second waits and uses the result of the first.

    Returns:
        The names of the model's files and their sha256s.

    Raises:
        WeightsError: The folder cannot be written, or its files differ from those that were made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with ExclusiveLock(folder.with_name(f"{folder.name}.lock"), _LONGEST_S):
            if not os.path.exists(folder):
                part = folder.with_name(f"{folder.name}.part")
                shutil.rmtree(part, ignore_errors=True)  # what a killed process left
                part.mkdir()
                unpack(gguf, part)
                os.replace(part, folder)
    except HeldError:
        raise WeightsError(
            f"another process has been unpacking into {folder} for {_LONGEST_S // 60} minutes; "
            "stop it, or try again later"
        ) from None
    except (OSError, SafetensorError) as problem:
        raise WeightsError(
            f"cannot keep an unpacked model in {folder.parent}: {problem}; choose another folder "
            f"with {CACHE_VARIABLE}"
        ) from None
    again = f"delete the folder {folder}, and it is made again"
    try:
        record = convert(read_json(folder / _RECORD), Unpacked)
    except (FileNotFoundError, DocumentError) as problem:
        raise WeightsError(f"cannot read {folder / _RECORD}: {problem}; {again}") from None
    for name, expected in record.files.items():
        verify(folder / name, expected, again)
    return record.files


def unpack(gguf: Path, folder: Path) -> None:
    """Write a GGUF file's language model, float32, with its tokeniser and a record of the files.

    Transformers dequantises the tensors and gives them its own names and order. That is exact,
    because each weight is a product of few bits, with an offset. Transformers does not read
    everything that the file says about its tokeniser, so two settings are made here as in SmolLM2's
    own files:

    - Digits are tokens of their own (the file's `tokenizer.ggml.pre` is `smollm`).
    - The end of a text is `<|endoftext|>`, which separates texts in pretraining. The file names the
      end of a chat's turn, after which an instructed model expects the next turn.
    """
    source = {"gguf_file": gguf.name, "local_files_only": True}
    # Its tqdm progress bar cannot be switched off.
    with silent_transformers(), redirect_stderr(StringIO()):
        config = AutoConfig.from_pretrained(gguf.parent, **source)
        # Without the configuration it would read the whole file again for it.
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, config=config, dtype=torch.float32, **source
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **source)
        backend: Any = tokenizer.backend_tokenizer
        backend.pre_tokenizer = Sequence([Digits(individual_digits=True), backend.pre_tokenizer])
        tokenizer.eos_token = END_OF_TEXT
        config.architectures = [type(model).__name__]
        config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    # model.save_pretrained rejects a model that was quantised in its file.
    state = {name: tensor.detach() for name, tensor in model.named_parameters()}
    save_file(state, folder / WEIGHTS_FILE, {"format": "pt"})
    names = names_in(folder)
    record = Unpacked({name: file_sha256(folder / name) for name in names})
    (folder / _RECORD).write_bytes(indented(plain(record)))
