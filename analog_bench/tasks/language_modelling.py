"""The language-modelling task: a text in blocks, cross-entropy by token, and the fingerprint."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from analog_bench.errors import UsageError
from analog_bench.records import WEIGHTS_OF_EXAMPLES, Metric
from analog_bench.tasks.lm_metric import bits_per_byte, perplexity, token_nats, weighted_mean
from analog_bench.tasks.lm_sources import Text, load_text
from analog_bench.tasks.task import fingerprint
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.tasks.text_blocks import cut, make_batches, sample
from analog_bench.tasks.token_batches import tokens_at_once
from analog_bench.zoo.devices import CPU
from analog_bench.zoo.model_loading import LoadedModel


@dataclass(frozen=True)
class LmProtocol:
    """Everything besides the text and the tokeniser that a score depends on.

    The model sees `block` tokens of text at a time, and blocks start `stride` apart
    (`text_blocks.cut`). The largest number of tokens per batch is part of the protocol, because
    noise is drawn batch by batch; a GPU takes more (`tokens_at_once`).
    """

    block: int = 256
    stride: int = 128
    batch_tokens: int = 1024


def protocol_for(positions: int) -> LmProtocol:
    """Return the protocol of a model that reads this many tokens, with shorter blocks if needed."""
    usual = LmProtocol()
    return LmProtocol(min(usual.block, positions), min(usual.stride, positions // 2))


def needed_positions() -> int:
    """Return the tokens of the shortest block that holds a sentence."""
    return 64


def make_task(
    source: str, loaded: LoadedModel, *, examples: int | None, data_folder: Path | None, lock: Path
) -> LanguageModelling:
    """Prepare a text for a model; see `task_kinds.TaskModule`."""
    text = load_text(source, data_folder=data_folder, lock=lock)
    protocol = protocol_for(loaded.spec.structure.positions)
    device = loaded.model.device.type
    return LanguageModelling(text, loaded.tokenizer, protocol, examples=examples, device=device)


class LanguageModelling:
    """A text prepared for one tokeniser, and the scoring of logits. See `Task`.

    An example is a block with the tokens scored in it. Every token of the text but the first is
    scored exactly once, and no block is padded. `tokens` holds the number of scored tokens per
    block, `sizes` the number of UTF-8 bytes that these spell.
    """

    metrics: tuple[Metric, ...] = KINDS["lm"].metrics
    by_token = False

    def __init__(
        self,
        text: Text,
        tokenizer: PreTrainedTokenizerFast,
        protocol: LmProtocol | None = None,
        *,
        examples: int | None = None,
        device: str = CPU,
    ) -> None:
        """Tokenise the text and take a fixed sample of `examples` blocks, all if None.

        Raises:
            UsageError: The stride leaves tokens out, there are fewer blocks than `examples`, or the
                tokeniser does not work on bytes.
        """
        used = protocol or LmProtocol()
        ids, sizes = _tokens(text.content, tokenizer)
        blocks = cut(len(ids), used.block, used.stride)
        self.name = text.name
        self.data = f"{text.name} blocks"
        self.blocks = blocks if examples is None else sample(blocks, examples)
        self.examples = len(self.blocks)
        tokens = used.batch_tokens
        if device != CPU:
            # A quarter, because logits have the size of the vocabulary: gigabytes in all.
            tokens = tokens_at_once(tokens, device) // 4
        self.batches = make_batches(self.blocks, ids, tokens)
        self.tokens = tuple(block.scored for block in self.blocks)
        self.sizes = tuple(
            int(sizes[block.first_scored : block.first_scored + block.scored].sum())
            for block in self.blocks
        )
        self.protocol = fingerprint(
            "language modelling",
            tokenizer,
            self.metrics,
            {
                "data": hashlib.sha256(text.content.encode()).hexdigest(),
                "protocol": asdict(used),
                "blocks": [block.begin for block in self.blocks],
            },
        )
        self._ids = ids
        self._vocabulary = len(tokenizer)

    @cached_property
    def chance(self) -> dict[str, float]:
        """Scores of guessing: ln(vocabulary) nats a token."""
        return self._all(math.log(self._vocabulary))

    def run(self, model: nn.Module, batch: int) -> Tensor:
        """Return a model's logits, shape (blocks, tokens, vocabulary)."""
        device = next(model.parameters()).device
        # Nothing is padded, so no attention mask is needed.
        out = model(input_ids=self.batches[batch].on(device)[0], use_cache=False)
        logits: Tensor = out.logits
        return logits

    def reduce(self, batch: int, logits: Tensor) -> Tensor:
        """Return each block's mean nats per scored token in a batch, float64, shape (blocks,).

        It is not finite for a block with logits, of shape (tokens, vocabulary), that are not
        finite.
        """
        ids, means = self._ids_on(logits.device), []
        for row, own in zip(self.batches[batch].windows, logits, strict=True):
            block = self.blocks[row]
            targets = ids[block.first_scored : block.first_scored + block.scored]
            nats = token_nats(own[block.length - block.scored :], targets)
            means.append(nats.double().mean())
        return torch.stack(means)

    def _ids_on(self, device: torch.device) -> Tensor:
        if self._ids.device != device:
            self._ids = self._ids.to(device)
        return self._ids

    def score(self, reduced: Sequence[Tensor]) -> dict[str, tuple[float, ...]]:
        """Return each block's nats per token, perplexity and bits per byte, in the text's order.

        The number of scored tokens, each block's weight in means, is returned with them.
        """
        nats = [0.0] * self.examples
        for batch, values in zip(self.batches, reduced, strict=True):
            for row, value in zip(batch.windows, values.tolist(), strict=True):
                nats[row] = value
        return {
            "cross_entropy": tuple(nats),
            "perplexity": tuple(perplexity(value) for value in nats),
            "bits_per_byte": tuple(
                bits_per_byte(value, tokens, size)
                for value, tokens, size in zip(nats, self.tokens, self.sizes, strict=True)
            ),
            WEIGHTS_OF_EXAMPLES: tuple(map(float, self.tokens)),
        }

    def mean(self, per_example: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Return the scores over the whole text, from the mean cross-entropy of its tokens."""
        return self._all(weighted_mean(per_example["cross_entropy"], self.tokens))

    @property
    def counts(self) -> dict[str, int]:
        """Amount that was scored, by kind."""
        return {"tokens": sum(self.tokens), "blocks": self.examples}

    def texts(self, reduced: Sequence[Tensor]) -> tuple[str, ...]:
        """Return an empty tuple: texts are read, not written."""
        return ()

    def _all(self, nats: float) -> dict[str, float]:
        return {
            "cross_entropy": nats,
            "perplexity": perplexity(nats),
            "bits_per_byte": bits_per_byte(nats, sum(self.tokens), sum(self.sizes)),
        }


def _tokens(content: str, tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor]:
    """Return the tokens of a text, and the number of its UTF-8 bytes that each spells."""
    backend: Any = tokenizer.backend_tokenizer
    encoded = backend.encode(content, add_special_tokens=False)
    ids = torch.tensor(encoded.ids, dtype=torch.long)
    # Byte-level tokenisers spell each byte as one character, so a token's length is its size.
    sizes = torch.tensor([len(token) for token in encoded.tokens], dtype=torch.long)
    wanted = len(content.encode())
    if int(sizes.sum()) == wanted:
        return ids, sizes
    spelt = backend.decode(encoded.ids, skip_special_tokens=False)
    if spelt != content:
        raise UsageError(
            "bits a byte need a tokeniser that adds nothing, such as a space in front, and leaves "
            f"nothing out: its tokens spell {len(spelt.encode())} bytes, the text has {wanted}"
        )
    # Other tokenisers report where in the text a token ends: it spells what is left up to there.
    bytes_before = [0, *accumulate(len(character.encode()) for character in content)]
    ends = accumulate((end for _, end in encoded.offsets), max)
    reached = torch.tensor([0, *(bytes_before[end] for end in ends)])
    return ids, reached.diff()
