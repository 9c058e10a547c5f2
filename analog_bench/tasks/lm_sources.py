"""Sources of texts: the embedded passages, a file or folder, WikiText-2."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from analog_bench.errors import DataError, did_you_mean
from analog_bench.tasks.data_files import read_columns, read_text_file
from analog_bench.tasks.data_folder import WIKITEXT_FILES, WIKITEXT_SHIPPED
from analog_bench.tasks.squad_files import EMBEDDED, read_squad
from analog_bench.tasks.task_kinds import KINDS
from analog_bench.zoo.hub_lock_and_fetch import WIKITEXT, fetch_dataset
from analog_bench.zoo.lock_file import read_lock

_BETWEEN = "\n\n"

_PAGE = re.compile(r"^(?= = [^=])", re.MULTILINE)
"""Where a page begins: a first-level heading."""

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
    """A text and the name that tables show for it."""

    name: str
    content: str


def load_text(source: str, *, data_folder: Path | None, lock: Path) -> Text:
    """Load a text.

    The sources are:

    - `embedded`: the passages of this package's question-answering set, in order;
    - `wikitext-2`: the test split in ordinary spelling, from the data folder (ANALOG_BENCH_DATA) if
      there is one, else locked from the hub;
    - `wikitext-2-raw`: the same as the file spells it;
    - `hub`: as `wikitext-2`, always from the hub;
    - the path of a text file, or of a folder: its files that end in .txt, in either case, in the
      order of their names, or else its wiki.test.raw, as WikiText is shipped.

    Passages and files are joined by blank lines.

    Raises:
        DataError: A file is missing, unreadable or empty, or there is no such source.
        WeightsError: The hub's file is not locked, unreachable, or not the locked one.
    """
    if source == "embedded":
        return Text("embedded", _BETWEEN.join(dict.fromkeys(read_squad(EMBEDDED)["context"])))
    if source == "wikitext-2":
        return Text("WikiText-2", detokenise(_wikitext(data_folder, lock)))
    if source == "wikitext-2-raw":
        return Text("WikiText-2 raw", _wikitext(data_folder, lock))
    if source == "hub":
        return Text("WikiText-2", detokenise(_wikitext(None, lock)))
    path = Path(source)
    if not path.suffix and not os.path.exists(path):
        hint = did_you_mean(source, KINDS["lm"].sources)
        raise DataError(f"no text called {source!r}, and no such file; {hint}")
    if not os.path.isdir(path):
        return Text(path.stem, _read(path))
    texts = [_read(file).strip() for file in _files_in(path)]
    return Text(os.path.basename(os.path.realpath(path)), _BETWEEN.join(texts))


def _files_in(folder: Path) -> list[Path]:
    try:
        there = sorted(folder.iterdir())
    except OSError as problem:
        raise DataError(f"cannot read {folder}: {problem}") from None
    texts = [path for path in there if path.suffix.lower() == ".txt"]
    found = texts or [path for path in there if path.name == WIKITEXT_SHIPPED]
    if not found:
        names = ", ".join(path.name for path in there[:3]) or "nothing"
        raise DataError(f"{folder} holds no .txt file and no {WIKITEXT_SHIPPED}, but {names}")
    return found


def _wikitext(data_folder: Path | None, lock: Path) -> str:
    if data_folder is None:
        file = fetch_dataset(WIKITEXT, read_lock(lock))
        return "".join(_lines(file))
    for name in WIKITEXT_FILES:
        if os.path.exists(data_folder / name):
            return _read(data_folder / name)
    raise DataError(f"no WikiText-2 in {data_folder}: none of {', '.join(WIKITEXT_FILES)} is there")


def _lines(file: Path) -> list[str]:
    lines = [row["text"] for row in read_columns(file, ["text"])]
    if not all(isinstance(line, str) for line in lines):
        raise DataError(f"{file} is not WikiText: its column 'text' holds other values than text")
    return lines


def _read(path: Path) -> str:
    missing = f"no text file at {path}; give --data a .txt file or a folder"
    # Line ends are kept, because bytes are counted.
    content = read_text_file(path, missing)
    if not content.strip():
        raise DataError(f"{path} holds no text")
    return content


def detokenise(text: str) -> str:
    """Return WikiText in ordinary spelling, as lm-evaluation-harness scores it.

    WikiText has spaces around punctuation, and marks for hyphens and separators inside words and
    numbers. The rules of Megatron-LM's zero-shot evaluation are kept unchanged, because published
    scores depend on their quirks. Pages are treated one by one: otherwise an unclosed quotation
    mark would pair wrongly to the end of the file.
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
