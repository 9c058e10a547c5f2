"""SQuAD v1.1 files, read and checked, as a `datasets.Dataset` with the hub's columns."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Sequence, Value

from analog_bench.errors import DataError

EMBEDDED = Path(__file__).parent / "data" / "everyday_qa.json"
"""This package's own questions."""
FEATURES = Features(
    {
        "id": Value("string"),
        "title": Value("string"),
        "context": Value("string"),
        "question": Value("string"),
        "answers": Sequence({"text": Value("string"), "answer_start": Value("int32")}),
    }
)


def read_squad(path: Path) -> Dataset:
    """Read a SQuAD v1.1 file: `{"data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}`.

    There is one row a question, with the columns of the hub's `squad` data set: `id`, `title`,
    `context`, `question` and `answers` (`text` and `answer_start`, one entry a gold answer).

    Raises:
        DataError: The file is missing, not JSON, not in SQuAD form, or an answer does not stand in
            its context where the file says.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"no data file at {path}; give --data a SQuAD v1.1 JSON file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"cannot read {path}: {problem}") from None
    try:
        document = json.loads(text)
    # ValueError: not JSON, or a number of thousands of digits.
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path} is not JSON ({problem}); SQuAD v1.1 JSON is expected") from None
    rows = _rows(document, path)
    if not rows:
        raise DataError(f"{path} holds no questions; SQuAD v1.1 JSON is expected")
    return Dataset.from_list(rows, features=FEATURES)


def content_hash(dataset: Dataset) -> str:
    """Return the sha256 of what is asked and scored: ids, contexts, questions and gold answers."""
    digest = hashlib.sha256()
    for row in dataset:
        record = [row["id"], row["context"], row["question"], row["answers"]["text"]]
        digest.update(json.dumps(record, ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _rows(document: Any, path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for a, article in enumerate(_listed(document, "data", "the top level", path)):
        at_article = f"data[{a}]"
        for p, paragraph in enumerate(_listed(article, "paragraphs", at_article, path)):
            at_paragraph = f"{at_article}.paragraphs[{p}]"
            context = _string(paragraph, "context", at_paragraph, path)
            for q, qa in enumerate(_listed(paragraph, "qas", at_paragraph, path)):
                at = f"{at_paragraph}.qas[{q}]"
                identity = _string(qa, "id", at, path)
                if identity in seen:
                    raise DataError(f"{path}: {at}: the id {identity!r} stands twice")
                seen.add(identity)
                rows.append(
                    {
                        "id": identity,
                        "title": _storable(str(article.get("title", "")), at_article, path),
                        "context": context,
                        "question": _string(qa, "question", at, path),
                        "answers": _answers(qa, context, at, path),
                    }
                )
    return rows


def _answers(qa: Any, context: str, at: str, path: Path) -> dict[str, list[Any]]:
    texts: list[str] = []
    starts: list[int] = []
    for n, answer in enumerate(_listed(qa, "answers", at, path)):
        where = f"{at}.answers[{n}]"
        text = _string(answer, "text", where, path)
        start = answer.get("answer_start")
        if isinstance(start, bool) or not isinstance(start, int):
            raise DataError(f"{path}: {where}: a whole 'answer_start' is expected, found {start!r}")
        if start < 0 or context[start : start + len(text)] != text:
            raise DataError(f"{path}: {where}: the context does not read {text!r} at {start}")
        texts.append(text)
        starts.append(start)
    if not texts:
        raise DataError(f"{path}: {at}: no gold answer; SQuAD v1.1 has at least one a question")
    return {"text": texts, "answer_start": starts}


def _listed(node: Any, key: str, at: str, path: Path) -> list[Any]:
    value = node.get(key) if isinstance(node, dict) else None
    if not isinstance(value, list):
        raise DataError(f"{path}: {at}: a list {key!r} is expected; is this SQuAD v1.1 JSON?")
    return value


def _string(node: Any, key: str, at: str, path: Path) -> str:
    value = node.get(key) if isinstance(node, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{path}: {at}: a text {key!r} is expected; is this SQuAD v1.1 JSON?")
    return _storable(value, f"{at}.{key}", path)


def _storable(text: str, at: str, path: Path) -> str:
    # JSON can spell half a surrogate pair, which no UTF-8 text holds.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{path}: {at}: the text holds half a surrogate pair") from None
    return text
