"""Read and check SQuAD v1.1 files as a `datasets.Dataset` with the hub's columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf
from msgspec import Struct, to_builtins

from analog_bench.codec import DocumentError, Json, convert, read_json
from analog_bench.errors import DataError
from analog_bench.tasks.task import rows_hash

EMBEDDED = Path(__file__).parent / "data" / "everyday_qa.json"
"""This package's own questions."""
FEATURES = Features(
    {
        "id": Value("string"),
        "title": Value("string"),
        "context": Value("string"),
        "question": Value("string"),
        "answers": ListOf({"text": Value("string"), "answer_start": Value("int32")}),
    }
)
_WHAT_NOW = "SQuAD v1.1 is expected"


class _Answer(Struct, frozen=True):
    text: str
    answer_start: int


class _Qa(Struct, frozen=True):
    id: str
    question: str
    answers: tuple[_Answer, ...]
    is_impossible: bool = False


class _Paragraph(Struct, frozen=True):
    context: str
    qas: tuple[_Qa, ...]


class _Article(Struct, frozen=True):
    paragraphs: tuple[_Paragraph, ...]
    title: str = ""


class _Squad(Struct, frozen=True):
    data: tuple[_Article, ...]


class _Answers(Struct, frozen=True):
    text: tuple[str, ...]
    answer_start: tuple[int, ...]


class _Row(Struct, frozen=True):
    id: str
    title: str
    context: str
    question: str
    answers: _Answers


def read_squad(path: Path) -> Dataset:
    """Read a SQuAD v1.1 file: `{"data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}`.

    There is one row per question, with the columns of the hub's `squad` data set: `id`, `title`,
    `context`, `question` and `answers` (`text` and `answer_start`, one entry per gold answer).

    Raises:
        DataError: The file is missing, not JSON, not in SQuAD form, or rejected by `squad_rows`.
    """
    try:
        squad = convert(read_json(path), _Squad)
    except FileNotFoundError:
        raise DataError(f"no data file at {path}; give --data a SQuAD v1.1 JSON file") from None
    except DocumentError as problem:
        raise DataError(f"{path}: {problem}; {_WHAT_NOW}") from None
    rows = [
        _Row(qa.id, article.title, paragraph.context, qa.question, _Answers(texts, starts))
        for article in squad.data
        for paragraph in article.paragraphs
        for qa in paragraph.qas
        for given in [() if qa.is_impossible else qa.answers]
        for texts, starts in [(tuple(a.text for a in given), tuple(a.answer_start for a in given))]
    ]
    return _dataset(rows, path)


def squad_rows(rows: Json, path: Path) -> Dataset:
    """Check rows with the columns of the hub's `squad` data set.

    Raises:
        DataError: The columns are wrong, there are no rows, a question is repeated or has no
            answer, or an answer is not where in its context the file says.
    """
    try:
        return _dataset(convert(rows, list[_Row]), path)
    except DocumentError as problem:
        raise DataError(f"{path}: {problem}; {_WHAT_NOW}") from None


def content_hash(dataset: Dataset) -> str:
    """Return the sha256 of all ids, contexts, questions and gold answers."""
    return rows_hash(
        [row["id"], row["context"], row["question"], row["answers"]["text"]] for row in dataset
    )


def _dataset(rows: Sequence[_Row], path: Path) -> Dataset:
    if not rows:
        raise DataError(f"{path} holds no questions; {_WHAT_NOW}")
    without = [row.id for row in rows if not row.answers.text]
    if without:
        raise DataError(
            f"{path}: {len(without)} of {len(rows)} questions have no answer, such as "
            f"{without[0]!r}, which SQuAD 2.0 has and no score here knows; leave them out, or give "
            "--data a SQuAD v1.1 file"
        )
    seen: set[str] = set()
    for row in rows:
        at = f"{path}: question {row.id!r}"
        if row.id in seen:
            raise DataError(f"{at} stands twice")
        seen.add(row.id)
        for name in ("id", "context", "question"):
            if not getattr(row, name).strip():
                raise DataError(f"{at}: its {name} is blank; {_WHAT_NOW}")
        if len(row.answers.text) != len(row.answers.answer_start):
            raise DataError(f"{at}: not every answer has its answer_start; {_WHAT_NOW}")
        for text, start in zip(row.answers.text, row.answers.answer_start, strict=True):
            if not text.strip():
                raise DataError(f"{at}: an answer is blank; {_WHAT_NOW}")
            if start < 0 or row.context[start : start + len(text)] != text:
                raise DataError(f"{at}: the context does not read {text!r} at {start}")
    return Dataset.from_list([to_builtins(row) for row in rows], features=FEATURES)
