"""Scoring a digital language model on a text, for `analog-bench zoo score`."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from analog_bench.errors import UsageError, WeightsError
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import Text
from analog_bench.zoo.load import load
from analog_bench.zoo.record import Scalar, read_record, write_record
from analog_bench.zoo.specs import ModelSpec


@dataclass(frozen=True)
class LmScore:
    """What was measured.

    Attributes:
        model: The model's name.
        zoo: Where it came from.
        data: Name of the text.
        cross_entropy: Nats a token.
        perplexity: exp of it.
        bits_per_byte: Of the scored text's UTF-8 bytes.
        tokens: How many were scored.
        blocks: In how many blocks.
        seconds: Time of the forward passes and the scoring, without loading.
        protocol: Fingerprint of everything but the model.
        weights: Fingerprint of the weights.
    """

    model: str
    zoo: str
    data: str
    cross_entropy: float
    perplexity: float
    bits_per_byte: float
    tokens: int
    blocks: int
    seconds: float
    protocol: str
    weights: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def score_text(
    spec: ModelSpec,
    text: Text,
    *,
    examples: int | None,
    weights: Path | None,
    lock: Path,
    threads: int | None,
) -> LmScore:
    """Load a language model and let it predict a text.

    Args:
        spec: The model.
        text: The text.
        examples: How many blocks; all where None.
        weights: Folder of weights in place of an embedded model's own.
        lock: The lock file.
        threads: Threads to compute with; torch's choice where None.

    Returns:
        The scores.

    Raises:
        UsageError: A model with too few positions, or more blocks asked for than there are.
        WeightsError: Weights that are missing or not what they should be.
    """
    protocol = LmProtocol()
    if spec.architecture.positions < protocol.block:
        raise UsageError(
            f"{spec.name} takes {spec.architecture.positions} tokens at most, the protocol needs "
            f"{protocol.block}"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load(spec, lock_path=lock, shipped=weights)
    task = LanguageModelling(text, loaded.tokenizer, protocol, examples=examples)
    console = Console(stderr=True)
    begin = time.perf_counter()
    reduced = []
    for number in track(
        range(len(task.batches)),
        description="scoring",
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ):
        with torch.inference_mode():
            logits = loaded.model(input_ids=task.batches[number].input_ids, use_cache=False).logits
        reduced.append(task.reduce(number, logits))
    if not all(bool(torch.isfinite(nats).all()) for nats in reduced):
        raise WeightsError(f"{spec.name} computes values that are not finite numbers")
    means = task.mean(task.score(reduced))
    return LmScore(
        model=spec.name,
        zoo=spec.source,
        data=task.name,
        cross_entropy=means["cross_entropy"],
        perplexity=means["perplexity"],
        bits_per_byte=means["bits_per_byte"],
        tokens=sum(task.tokens),
        blocks=task.examples,
        seconds=time.perf_counter() - begin,
        protocol=task.protocol,
        weights=loaded.weights_sha256,
    )


def record_text_score(folder: Path, score: LmScore) -> None:
    """Write a score into the record beside the weights it was measured with.

    Args:
        folder: The weights.
        score: What was measured with exactly them.

    Raises:
        WeightsError: The record cannot be read.
    """
    record = read_record(folder)
    name = re.sub(r"[^a-z0-9]+", "_", score.data.lower()).strip("_")
    measured: dict[str, Scalar] = {
        f"{name}_cross_entropy": round(score.cross_entropy, 4),
        f"{name}_perplexity": round(score.perplexity, 3),
        f"{name}_bits_per_byte": round(score.bits_per_byte, 4),
        f"{name}_tokens": score.tokens,
        f"{name}_protocol": score.protocol,
    }
    write_record(folder, record.base, record.recipe, {**record.results, **measured})
