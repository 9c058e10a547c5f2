"""The generation task: texts that continue a prompt, their scores, and the fingerprint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from analog_bench.errors import UsageError
from analog_bench.records import Metric
from analog_bench.study import MOST_TEXTS
from analog_bench.tasks.decoding import Prompt, Sampling, draws_of, until_end, write
from analog_bench.tasks.lm_metric import perplexity, repetition, text_nats
from analog_bench.tasks.task import fingerprint
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.tasks.token_batches import unpadded
from analog_bench.value_checks import whole

_NGRAM = 4
_SHOWN_AT_MOST = 40


class TextGeneration:
    """A prompt prepared for one tokeniser, and the scoring of its continuations. See `Task`.

    An example is a text. The digital model and every chip pick the tokens of the n-th text by the
    same numbers, so texts can be compared one by one. All texts are one batch, and a chip writes
    them in one read. `chance` is empty, because the score of random tokens is unknown.
    """

    metrics: tuple[Metric, ...] = KINDS["generation"].metrics
    by_token = True

    def __init__(
        self,
        prompt: str,
        tokenizer: PreTrainedTokenizerFast,
        judge: PreTrainedModel,
        *,
        texts: int,
        seed: int = 0,
        sampling: Sampling | None = None,
    ) -> None:
        """Tokenise the prompt and draw the numbers that tokens are picked by.

        The judge is the clean digital model, whichever model writes. It may be perturbed while
        texts are written, but must be clean again when they are scored. The seed is not the run's,
        because all chips of all runs share the texts as examples.

        Raises:
            UsageError: Prompt and text exceed the model's positions, the number of texts is out of
                range, or the tokeniser has no end-of-text token.
        """
        used = sampling or Sampling()
        whole("the number of texts", texts, 1, MOST_TEXTS)
        begin = Prompt.of(prompt, tokenizer)
        room = tokenizer.model_max_length
        if len(begin.ids) + used.tokens > room:
            raise UsageError(
                f"the prompt's {len(begin.ids)} tokens and {used.tokens} to write are more than "
                f"the {room} positions of the model; shorten either"
            )
        shown = prompt if len(prompt) <= _SHOWN_AT_MOST else f"{prompt[:_SHOWN_AT_MOST]}…"
        self.name = repr(shown)
        self.data = f"texts from {self.name}"
        self.examples = texts
        self.batches = [unpadded(range(texts), torch.tensor([begin.ids] * texts))]
        self.chance: dict[str, float] = {}
        self.protocol = fingerprint(
            "text generation",
            tokenizer,
            self.metrics,
            {
                "prompt": prompt,
                "sampling": asdict(used),
                "texts": texts,
                "seed": seed,
                "n-gram": _NGRAM,
            },
        )
        self._prompt = begin
        self._sampling = used
        self._draws = draws_of(prompt, seed, texts, used.tokens)
        self._judge = judge
        self._decode: Any = tokenizer.backend_tokenizer.decode

    def run(self, model: nn.Module, batch: int) -> Tensor:
        """Let a model write all texts; see `decoding.write`."""
        prompts = self.batches[batch].input_ids.to(next(model.parameters()).device)
        return write(model, prompts, self._draws, self._sampling, end=self._prompt.end)

    def reduce(self, batch: int, written: Tensor) -> Tensor:
        """Return the tokens, float64, shape (texts, tokens); NaN where none could be picked."""
        return written.double().masked_fill(written < 0, math.nan)

    def score(self, reduced: Sequence[Tensor]) -> dict[str, tuple[float, ...]]:
        """Return each text's perplexity under the judge and its share of repeated 4-grams.

        Both are NaN for a text with a token that could not be picked.
        """
        scores: list[tuple[float, float]] = []
        for tokens in self._tokens(reduced):
            if tokens is None:
                scores.append((math.nan, math.nan))
                continue
            nats = text_nats(self._judge, self._prompt.ids, tokens)
            repeated = repetition(_without_end(tokens, self._prompt.end), _NGRAM)
            scores.append((perplexity(nats), repeated))
        perplexities, repetitions = zip(*scores, strict=True)
        return {"generation_perplexity": perplexities, "repetition": repetitions}

    def mean(self, per_example: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Return the scores over all texts, weighted equally.

        The mean perplexity is geometric: exp of the mean nats.
        """
        nats = fmean(map(math.log, per_example["generation_perplexity"]))
        return {
            "generation_perplexity": perplexity(nats),
            "repetition": fmean(per_example["repetition"]),
        }

    @property
    def counts(self) -> dict[str, int]:
        """Amount that was scored, by kind."""
        return {"texts": self.examples}

    def texts(self, reduced: Sequence[Tensor]) -> tuple[str, ...]:
        """Return the texts, each with the prompt before it; empty for a broken one."""
        begin, end = self._prompt.text, self._prompt.end
        return tuple(
            "" if tokens is None else begin + self._decode(list(_without_end(tokens, end)))
            for tokens in self._tokens(reduced)
        )

    def _tokens(self, reduced: Sequence[Tensor]) -> list[tuple[int, ...] | None]:
        (written,) = reduced
        return [
            until_end([int(token) for token in row.tolist()], self._prompt.end)
            if bool(torch.isfinite(row).all())
            else None
            for row in written
        ]


def _without_end(tokens: tuple[int, ...], end: int) -> tuple[int, ...]:
    return tokens[:-1] if tokens[-1] == end else tokens
