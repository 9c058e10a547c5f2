"""Hold out whole articles that a training never sees, for validation.

The choice depends only on the titles: those with the smallest SHA-256 are held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from datasets import Dataset

from analog_bench.errors import DataError
from analog_bench.hwa.prose_corpus import Article
from analog_bench.seeds import hash_rank


def hold_out_questions(questions: Dataset, count: int) -> tuple[Dataset, Dataset]:
    """Split SQuAD rows into training rows and those about `count` held-out articles, in order.

    Raises:
        DataError: Nothing would be held out, or nothing left to train on.
    """
    titles = list(questions["title"])
    held = _held_titles(titles, count)
    return (
        questions.select([n for n, title in enumerate(titles) if title not in held]),
        questions.select([n for n, title in enumerate(titles) if title in held]),
    )


def hold_out_articles(
    articles: Sequence[Article], count: int
) -> tuple[list[Article], list[Article]]:
    """Split articles into training articles and `count` held-out ones, in order.

    Raises:
        DataError: Nothing would be held out, or nothing left to train on.
    """
    held = _held_titles((article.title for article in articles), count)
    return (
        [article for article in articles if article.title not in held],
        [article for article in articles if article.title in held],
    )


def _held_titles(titles: Iterable[str], count: int) -> set[str]:
    ranked = sorted(set(titles), key=hash_rank)
    if not 0 < count < len(ranked):
        raise DataError(
            f"the data holds {len(ranked)} articles, of which {count} are to be held out: at least "
            "one is needed on either side; give --data a file with more articles"
        )
    return set(ranked[:count])
