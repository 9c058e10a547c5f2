"""A model ready to measure: digital, in evaluation mode, float32, with its tokeniser."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    GPT2Config,
    GPT2LMHeadModel,
    MobileBertConfig,
    MobileBertForQuestionAnswering,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from analog_bench.errors import UsageError, WeightsError
from analog_bench.zoo.architecture import Architecture, Family
from analog_bench.zoo.base import HASHES, find_base
from analog_bench.zoo.embedded import (
    WEIGHTS,
    base_state,
    read_tensors,
    tuned_state,
    whole_state,
)
from analog_bench.zoo.hashes import fingerprint
from analog_bench.zoo.hub import fetch
from analog_bench.zoo.lock import read_lock
from analog_bench.zoo.specs import ModelSpec
from analog_bench.zoo.tokenizer import read_tokenizer

_CLASSES: dict[Family, tuple[Any, Any]] = {
    "bert": (BertConfig, BertForQuestionAnswering),
    "mobilebert": (MobileBertConfig, MobileBertForQuestionAnswering),
    "gpt2": (GPT2Config, GPT2LMHeadModel),
}


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A digital model.

    Attributes:
        spec: What was asked for.
        model: In evaluation mode, float32, with the fused (`sdpa`) attention.
        tokenizer: Its tokeniser, which neither truncates nor pads unless told to.
        weights_sha256: Fingerprint of the weights: a sha256 over the hashes of the files they came
            from. Equal fingerprints mean equal weights.
        input_ranges: Layer name to the static input range of each of its tiles, in aihwkit's order,
            as hardware-aware training learned them; empty for a model without such training.
    """

    spec: ModelSpec
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    weights_sha256: str
    input_ranges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def load(
    spec: ModelSpec,
    *,
    lock_path: Path,
    device: str = "cpu",
    shipped: Path | None = None,
    cache: Path | None = None,
) -> LoadedModel:
    """Load a model; every file it is made of is verified first.

    Args:
        spec: The model, from `specs.find`.
        lock_path: The lock file; only hub models need it.
        device: Where to put it, as torch spells it.
        shipped: Folder of shipped weights to use in place of the package's own, for embedded
            models.
        cache: The hub cache's folder; None for the usual one.

    Returns:
        The model.

    Raises:
        UsageError: The device does not exist.
        WeightsError: A file is missing, cannot be downloaded, or is not what it should be.
    """
    if spec.source == "hub":
        loaded = _from_hub(spec, lock_path, cache)
    elif spec.family == "bert":
        loaded = _embedded(spec, shipped or WEIGHTS / spec.name, cache)
    else:
        loaded = _whole(spec, shipped or WEIGHTS / spec.name)
    try:
        torch.nn.Module.to(loaded.model, torch.device(device))
    except (RuntimeError, AssertionError) as problem:
        first = str(problem).splitlines()[0]
        raise UsageError(f"cannot put the model on device {device!r}: {first}") from None
    return loaded


def _embedded(spec: ModelSpec, folder: Path, cache: Path | None) -> LoadedModel:
    base = find_base(cache=cache)
    state, record = tuned_state(base_state(base.weights), folder)
    tokenizer = read_tokenizer(
        {"tokenizer.json": base.tokenizer}, spec.family, spec.architecture.positions
    )
    model = _model(
        spec.family, bert_config(spec.architecture), state, f"embedded {spec.name}", exact=True
    )
    parts = {"base/model.safetensors": HASHES["model.safetensors"]}
    parts.update({f"shipped/{name}": sha for name, sha in record.files.items()})
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def _whole(spec: ModelSpec, folder: Path) -> LoadedModel:
    state, file, record = whole_state(folder)
    tokenizer = read_tokenizer({"tokenizer.json": file}, spec.family, spec.architecture.positions)
    if len(tokenizer) != spec.architecture.vocabulary:
        raise WeightsError(
            f"{file} has {len(tokenizer)} tokens, {spec.name} has {spec.architecture.vocabulary}"
        )
    config: Any = gpt2_config if spec.family == "gpt2" else mobilebert_config
    model = _model(
        spec.family, config(spec.architecture), state, f"embedded {spec.name}", exact=True
    )
    parts = {f"shipped/{name}": sha for name, sha in record.files.items()}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def _from_hub(spec: ModelSpec, lock_path: Path, cache: Path | None) -> LoadedModel:
    lock = read_lock(lock_path)
    hub_id = spec.hub_id or spec.name
    folder = fetch(hub_id, lock, cache=cache)
    locked = lock.models[hub_id].files
    files = {name: folder / name for name in locked}
    # Only what the lock names is read: other files of the cached snapshot are not verified.
    options = json.loads(files["config.json"].read_text(encoding="utf-8"))
    config = _CLASSES[spec.family][0].from_dict(options)
    state = read_tensors(files["model.safetensors"])
    tokenizer = read_tokenizer(files, spec.family, spec.architecture.positions)
    # Hub files often hold what the head in use does not need, such as a pooler.
    model = _model(spec.family, config, state, hub_id, exact=False)
    weights = ("config.json", "model.safetensors")
    parts = {f"hub/{name}": locked[name].sha256 for name in weights}
    return LoadedModel(spec, model, tokenizer, fingerprint(parts))


def _model(
    family: Family, config: Any, state: Mapping[str, Tensor], what: str, *, exact: bool
) -> PreTrainedModel:
    with silent_transformers():
        model, report = _CLASSES[family][1].from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            dtype=torch.float32,
            attn_implementation="sdpa",
            ignore_mismatched_sizes=True,  # reported below, with our own error
            output_loading_info=True,
        )
    wrong = sorted(report["missing_keys"]) + sorted(str(k) for k in report["mismatched_keys"])
    if exact:
        wrong += sorted(report["unexpected_keys"])
    if wrong:
        raise WeightsError(
            f"the weights of {what} do not fit its architecture: {wrong[0]} is missing, unknown or "
            f"of another shape ({len(wrong)} such parameters)"
        )
    result: PreTrainedModel = model.eval()
    return result


def bert_config(architecture: Architecture) -> Any:
    """Return the configuration of a BERT of these measures.

    Args:
        architecture: Its measures.
    """
    return BertConfig(**_encoder_sizes(architecture), hidden_act="gelu", layer_norm_eps=1e-12)


def gpt2_config(architecture: Architecture) -> GPT2Config:
    """Return a GPT-2 configuration of these sizes, without dropout; token 0 ends a text."""
    return GPT2Config(
        vocab_size=architecture.vocabulary,
        n_positions=architecture.positions,
        n_embd=architecture.width,
        n_layer=architecture.blocks,
        n_head=architecture.heads,
        n_inner=architecture.inner,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )


def mobilebert_config(architecture: Architecture) -> MobileBertConfig:
    """Return a MobileBERT configuration of these sizes, without dropout.

    Raises:
        WeightsError: The architecture is of another family.
    """
    mobile = architecture.mobile
    if mobile is None:
        raise WeightsError(f"an architecture of family {architecture.family} is no MobileBERT")
    return MobileBertConfig(
        **_encoder_sizes(architecture),
        hidden_act="relu",
        embedding_size=mobile.embedding,
        trigram_input=mobile.trigram,
        use_bottleneck=mobile.bottleneck > 0,
        intra_bottleneck_size=mobile.bottleneck or architecture.width,
        use_bottleneck_attention=mobile.bottleneck_attention,
        key_query_shared_bottleneck=mobile.shared_bottleneck,
        num_feedforward_networks=mobile.feed_forwards,
        normalization_type=mobile.normalisation,
    )


def _encoder_sizes(architecture: Architecture) -> dict[str, Any]:
    # Without dropout, as the shipped weights were trained: retraining then starts from the same
    # function that is measured.
    return {
        "vocab_size": architecture.vocabulary,
        "hidden_size": architecture.width,
        "num_hidden_layers": architecture.blocks,
        "num_attention_heads": architecture.heads,
        "intermediate_size": architecture.inner,
        "max_position_embeddings": architecture.positions,
        "type_vocab_size": 2,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Keep transformers from reporting what is no news, such as a head that is yet to train."""
    transformers_logging: Any = logging  # untyped
    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
