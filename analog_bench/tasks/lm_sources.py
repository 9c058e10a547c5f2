"""Where texts come from: the embedded passages, a file or folder, WikiText-2."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from datasets import load_dataset
from datasets.exceptions import DatasetGenerationError

from analog_bench.errors import DataError, did_you_mean
from analog_bench.tasks.detokenise import detokenise
from analog_bench.zoo.hub import WIKITEXT, fetch_dataset
from analog_bench.zoo.lock import read_lock

SOURCES = ("embedded", "hub", "wikitext-2", "wikitext-2-raw")
WIKITEXT_FILE = Path("wikitext-2") / "test.txt"
_BETWEEN = "\n\n"


@dataclass(frozen=True)
class Text:
    """A text and the name under which tables show it."""

    name: str
    content: str


def load_text(source: str, *, data_folder: Path | None, lock: Path) -> Text:
    """Load a text.

    Args:
        source: `embedded` (the passages of this package's question-answering set, in order);
            `wikitext-2` (the test split in ordinary spelling; from the data folder where there is
            one, else locked from the hub) or `wikitext-2-raw` (as the file spells it); `hub` (as
            `wikitext-2`, from the hub in any case); or the path of a text file or of a folder,
            whose .txt files are read in the order of their names.
        data_folder: The user's folder of real data (`ANALOG_BENCH_DATA`).
        lock: The lock file that pins hub downloads.

    Returns:
        The text. A folder's files and the embedded passages are joined by blank lines.

    Raises:
        DataError: A missing, unreadable or empty file, or no such source.
        WeightsError: The hub's file is not locked, unreachable, or not the locked one.
    """
    if source == "embedded":
        return Text("embedded", _BETWEEN.join(_passages()))
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


def _passages() -> list[str]:
    file = resources.files("analog_bench.tasks") / "data" / "everyday_qa.json"
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    return [part["context"] for article in articles for part in article["paragraphs"]]


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
