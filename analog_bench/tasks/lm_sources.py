"""Where texts come from: the embedded passages, a file or folder, WikiText-2."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from datasets import load_dataset
from datasets.exceptions import DatasetGenerationError

from analog_bench.errors import DataError, did_you_mean
from analog_bench.tasks.squad_files import EMBEDDED
from analog_bench.zoo.hub_lock_and_fetch import WIKITEXT, fetch_dataset
from analog_bench.zoo.lock_file import read_lock

SOURCES = ("embedded", "hub", "wikitext-2", "wikitext-2-raw")
WIKITEXT_FILE = Path("wikitext-2") / "test.txt"
_BETWEEN = "\n\n"

_PAGE = re.compile(r"^(?= = [^=])", re.MULTILINE)
"""Where a page begins: a heading of the first order."""

_INSIDE_WORDS = (("s '", "s'"), (" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."))
_PUNCTUATION = tuple((f" {mark} ", f"{mark} ") for mark in ":;.!?,")
_ENCLOSING = (("(", ")"), ("[", "]"), ("{", "}"), ('"', '"'), ("'", "'"))
_REST = (
    ("= = = =", "===="),
    ("= = =", "==="),
    ("= =", "=="),
    (" \N{DEGREE SIGN} ", "\N{DEGREE SIGN}"),
    (" \n", "\n"),
    ("\n ", "\n"),
    (" N ", " 1 "),
    (" 's", "'s"),
)


@dataclass(frozen=True)
class Text:
    """A text and the name under which tables show it."""

    name: str
    content: str


def load_text(source: str, *, data_folder: Path | None, lock: Path) -> Text:
    """Load a text.

    Sources are `embedded` (the passages of this package's question-answering set, in order);
    `wikitext-2` (the test split in ordinary spelling; from the data folder, ANALOG_BENCH_DATA,
    where there is one, else locked from the hub) or `wikitext-2-raw` (as the file spells it); `hub`
    (as `wikitext-2`, from the hub in any case); or the path of a text file or of a folder, whose
    .txt files are read in the order of their names. Passages and files are joined by blank lines.

    Raises:
        DataError: A missing, unreadable or empty file, or no such source.
        WeightsError: The hub's file is not locked, unreachable, or not the locked one.
    """
    if source == "embedded":
        articles = json.loads(EMBEDDED.read_text(encoding="utf-8"))["data"]
        passages = (part["context"] for article in articles for part in article["paragraphs"])
        return Text("embedded", _BETWEEN.join(passages))
    if source == "wikitext-2":
        return Text("WikiText-2", detokenise(_wikitext(data_folder, lock)))
    if source == "wikitext-2-raw":
        return Text("WikiText-2 raw", _wikitext(data_folder, lock))
    if source == "hub":
        return Text("WikiText-2", detokenise(_wikitext(None, lock)))
    path = Path(source)
    if not path.suffix and not path.exists():
        raise DataError(
            f"no text called {source!r}, and no such file; {did_you_mean(source, SOURCES)}"
        )
    if not path.is_dir():
        return Text(path.stem, _read(path))
    files = sorted(path.glob("*.txt"))
    if not files:
        raise DataError(f"{path} holds no .txt file")
    return Text(path.resolve().name, _BETWEEN.join(_read(file).strip() for file in files))


def _wikitext(data_folder: Path | None, lock: Path) -> str:
    if data_folder is not None:
        return _read(data_folder / WIKITEXT_FILE)
    file = fetch_dataset(WIKITEXT, read_lock(lock))
    try:
        return "".join(load_dataset("parquet", data_files=str(file), split="train")["text"])
    except (DatasetGenerationError, ValueError, TypeError, KeyError) as problem:
        first = str(problem).partition("\n")[0]
        raise DataError(f"{file} is not WikiText in parquet form: {first}") from None


def _read(path: Path) -> str:
    try:
        # Line ends as they are: bytes are counted.
        content = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise DataError(f"no text file at {path}; give --data a .txt file or a folder") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"cannot read {path}: {problem}") from None
    if not content.strip():
        raise DataError(f"{path} holds no text")
    return content


def detokenise(text: str) -> str:
    """Return WikiText in ordinary spelling, as lm-evaluation-harness scores it.

    WikiText comes with spaces around punctuation and with marks for hyphens and separators inside
    words and numbers. The rules, those of Megatron-LM's zero-shot evaluation, are kept as they are:
    published figures depend on their quirks. Pages are treated one by one, as a quotation mark that
    is never closed would otherwise pair wrongly to the end of the file.
    """
    return "".join(_page(page) for page in _PAGE.split(text))


def _page(text: str) -> str:
    for before, after in (*_INSIDE_WORDS, *_PUNCTUATION):
        text = text.replace(before, after)
    for left, right in _ENCLOSING:
        inner = rf"\s*([^{re.escape(right)}]*?)\s*"
        pattern = re.escape(left) + inner + re.escape(right)
        text = re.sub(pattern, rf"{left}\1{right}", text)
    for before, after in _REST:
        text = text.replace(before, after)
    return text
