"""Training the embedded DistilGPT2, for `analog-bench zoo train`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from analog_bench.errors import DataError
from analog_bench.recipes.bpe import learn_bpe
from analog_bench.recipes.gpt2_lm import LmRecipe, LmReport, train
from analog_bench.recipes.lm_corpus import articles, hold_out
from analog_bench.tasks.squad import read_squad
from analog_bench.zoo.shipping import ship_whole
from analog_bench.zoo.specs import ModelSpec
from analog_bench.zoo.tokenizer import make_tokenizer


def train_lm(
    spec: ModelSpec,
    asked: Mapping[str, Any],
    data: Path,
    out: Path,
    ship: Path,
) -> None:
    """Learn a tokeniser, train a language model, and write shippable weights.

    Args:
        spec: The embedded model.
        asked: Hyperparameters in place of the recipe's own, by their name in `LmRecipe`;
            `learning_rate` is Muon's.
        data: SQuAD v1.1 JSON, whose contexts are the text.
        out: The checkpoints.
        ship: The weights.

    Raises:
        DataError: The data is missing, malformed or too little.
        UsageError: Checkpoints of another recipe.
        WeightsError: The folder of weights holds other ones.
    """
    names = {"learning_rate": "matrix_rate"}
    recipe = replace(LmRecipe(), **{names.get(name, name): v for name, v in asked.items()})
    texts = hold_out(articles(read_squad(data)), recipe.held_out)
    backend = learn_bpe((article.text for article in texts[0]), spec.architecture.vocabulary)
    tokenizer = make_tokenizer(backend, spec.family, spec.architecture.positions)
    if len(tokenizer) != spec.architecture.vocabulary:
        raise DataError(
            f"{data} has too few different words: it gives {len(tokenizer)} tokens, {spec.name} "
            f"has {spec.architecture.vocabulary}; give --data a file with more text"
        )
    trained = train(recipe, spec.architecture, tokenizer, texts, out, tell=_tell)
    ship_whole(
        trained.model.state_dict(),
        backend,
        ship,
        {
            **recipe.described(),
            "data": f"SQuAD v1.1 training contexts, {len(texts[0])} articles",
            "torch": torch.__version__,
            "processor_minutes": round(trained.minutes, 1),
        },
        {"held_out_bits_per_byte": round(trained.held_out, 4)},
    )


def _tell(report: LmReport) -> None:
    print(
        f"{report.phase} step {report.step}: loss {report.loss:.3f} nats a token, held out "
        f"{report.held_out:.3f} bits a byte, {report.seconds / 60:.1f} minutes",
        file=sys.stderr,
        flush=True,
    )
