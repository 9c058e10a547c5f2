"""The classification task: texts or pairs of them, their labels, scores, and the fingerprint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from analog_bench.errors import DataError, UsageError, did_you_mean
from analog_bench.records import Metric
from analog_bench.spelling import shortened
from analog_bench.tasks.answer_sentences import one_pair_each
from analog_bench.tasks.label_scores import accuracy, confusion, label_f1, matthews
from analog_bench.tasks.labelled_files import LabelledText, content_hash, read_labelled
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.task import draw, fingerprint
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.tasks.token_batches import Encoded, make_batches, tokens_at_once
from analog_bench.zoo.model_loading import LoadedModel


@dataclass(frozen=True)
class ClassificationProtocol:
    """Everything besides the data and the tokeniser that a score depends on.

    A text or a pair holds at most `max_length` tokens, including special ones, as in GLUE's
    baselines. The longer one of a pair is truncated first.
    """

    max_length: int = 128
    batch_tokens: int = 1024


def needed_positions() -> int:
    """Return the tokens of the longest input."""
    return ClassificationProtocol().max_length


def make_task(
    source: str, loaded: LoadedModel, *, examples: int | None, data_folder: Path | None, lock: Path
) -> TextClassification:
    """Prepare labelled texts for a model; see `task_kinds.TaskModule`.

    The sources are `embedded`, `squad` or the path of a SQuAD file, from whose questions and
    passages pairs are made (`answer_sentences`), or the path of a file that `read_labelled` reads.
    """
    path = Path(source)
    if KINDS["classification"].reads(source) and path.suffix.lower() != ".json":
        name, rows, what = path.stem, read_labelled(path), "texts"
    elif source in KINDS["classification"].sources or path.suffix.lower() == ".json":
        questions = load_questions(source, examples=None, data_folder=data_folder, lock=lock)
        name, rows, what = questions.name, one_pair_each(questions.rows), "pairs"
        if not rows:
            raise DataError(
                f"{source} gives no pairs: two questions are needed, each with its answer in one "
                "sentence of several"
            )
    else:
        hint = did_you_mean(source, KINDS["classification"].sources)
        raise DataError(f"no texts called {source!r}, and no .csv, .tsv or .jsonl file; {hint}")
    labels = labels_of(loaded.model.config, loaded.spec.name)
    truth = label_numbers([row.label for row in rows], labels, source, loaded.spec.name)
    if examples is not None:
        drawn = draw([row.key for row in rows], examples, what)
        rows, truth = [rows[n] for n in drawn], [truth[n] for n in drawn]
    device = loaded.model.device.type
    return TextClassification(
        f"{name} {what}", rows, truth, labels, loaded.tokenizer, device=device
    )


def labels_of(config: PretrainedConfig, model: str) -> tuple[str, ...]:
    """Return the names of a model's labels, in the order of its outputs.

    Raises:
        UsageError: The model does not give one label per text, does not tell its labels apart, or
            cannot read texts in batches.
    """
    described: Any = config  # untyped
    named = dict(described.id2label)
    if described.problem_type not in (None, "single_label_classification") or len(named) < 2:
        found = described.problem_type or f"{len(named)} label"
        raise UsageError(
            f"{model} gives no text one label out of several ({found} by its config.json); "
            "--model picks the models of a run"
        )
    names = [named.get(number) for number in range(len(named))]
    if len({*names}) < len(names) or None in names:
        raise UsageError(
            f"{model} does not tell its labels apart: id2label in its config.json is {named}"
        )
    if described.pad_token_id is None:
        raise UsageError(
            f"{model} has no pad_token_id in its config.json, by which it finds the end of a text"
        )
    return tuple(str(name) for name in names)


def label_numbers(
    given: Sequence[str], labels: Sequence[str], source: str, model: str
) -> list[int]:
    """Return the model's index of each label of the data, which is a name or that index.

    Raises:
        DataError: The data has labels that the model lacks.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    if not {*given} <= {*numbers}:
        numbers = {str(number): number for number in range(len(labels))}
    strange = sorted({*given} - {*numbers})
    if strange:
        raise DataError(
            f"{source} has the labels {shortened(map(repr, sorted({*given})), 5)}, and {model} has "
            f"{shortened(map(repr, labels), 5)} (id2label in its config.json), or 0 to "
            f"{len(labels) - 1}; give a model for this data, or data for this model"
        )
    return [numbers[label] for label in given]


class TextClassification:
    """Labelled texts prepared for one tokeniser, and the scoring of logits. See `Task`.

    The main metric is accuracy. F1 and Matthews correlation belong to the whole set and have no
    per-example values. They are computed from all `predicted` labels, which are stored per example,
    beside whether each is correct.
    """

    metrics: tuple[Metric, ...] = KINDS["classification"].metrics
    by_token = False

    def __init__(
        self,
        data: str,
        rows: Sequence[LabelledText],
        truth: Sequence[int],
        labels: Sequence[str],
        tokenizer: PreTrainedTokenizerFast,
        *,
        device: str,
    ) -> None:
        """Tokenise the texts; `truth` holds the index of each one's label in `labels`."""
        used = ClassificationProtocol()
        self.name = data.rpartition(" ")[0]
        self.data = data
        self.examples = len(rows)
        self.truth = tuple(truth)
        self.batches = make_batches(
            _encoded(rows, tokenizer, used.max_length),
            int(tokenizer.pad_token_id),
            tokens_at_once(used.batch_tokens, device),
        )
        self.protocol = fingerprint(
            "text classification",
            tokenizer,
            self.metrics,
            {"data": content_hash(rows), "labels": list(labels), "protocol": asdict(used)},
        )
        self._labels = len(labels)

    @property
    def chance(self) -> dict[str, float]:
        """Scores of giving every text the most frequent label."""
        usual, _ = Counter(self.truth).most_common(1)[0]
        return self._all([usual] * self.examples)

    def run(self, model: nn.Module, batch: int) -> Tensor:
        """Return a model's logits, shape (inputs, labels)."""
        logits: Tensor = model(**self.batches[batch].inputs_of(model)).logits
        return logits

    def reduce(self, batch: int, logits: Tensor) -> Tensor:
        """Return the logits unchanged."""
        return logits

    def score(self, reduced: Sequence[Tensor]) -> dict[str, tuple[float, ...]]:
        """Return each text's accuracy, 0 or 100, and the index of its predicted label.

        Of equal logits the first counts.
        """
        predicted = [0] * self.examples
        for batch, logits in zip(self.batches, reduced, strict=True):
            for row, number in zip(batch.windows, logits.argmax(dim=-1).tolist(), strict=True):
                predicted[row] = number
        pairs = zip(predicted, self.truth, strict=True)
        return {
            "accuracy": tuple(100.0 if guess == true else 0.0 for guess, true in pairs),
            "predicted": tuple(float(number) for number in predicted),
        }

    def mean(self, per_example: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Return the scores over all texts, from their predicted labels."""
        return self._all([int(number) for number in per_example["predicted"]])

    @property
    def counts(self) -> dict[str, int]:
        """Amount that was scored, by kind."""
        return {self.data.rpartition(" ")[2]: self.examples}

    def texts(self, reduced: Sequence[Tensor]) -> tuple[str, ...]:
        """Return an empty tuple: texts are read, not written."""
        return ()

    def _all(self, predicted: Sequence[int]) -> dict[str, float]:
        counts = confusion(predicted, self.truth, self._labels)
        return {
            "accuracy": accuracy(counts),
            "label_f1": label_f1(counts),
            "matthews": matthews(counts),
        }


def _encoded(
    rows: Sequence[LabelledText], tokenizer: PreTrainedTokenizerFast, max_length: int
) -> list[Encoded]:
    seconds = [row.second for row in rows if row.second is not None]
    encoded = tokenizer(
        [row.text for row in rows],
        seconds or None,
        truncation=True,
        max_length=max_length,
        padding=False,
        return_token_type_ids=True,
    )
    return [
        Encoded(np.array(ids, dtype=np.int64), np.array(types, dtype=np.int64))
        for ids, types in zip(encoded["input_ids"], encoded["token_type_ids"], strict=True)
    ]
