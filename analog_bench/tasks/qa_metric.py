"""SQuAD v1.1 exact match and F1, an example at a time."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Lower-case, drop punctuation and English articles, fold white space.

    The order of the steps is that of the official SQuAD v1.1 evaluation (Rajpurkar et al. 2016).
    """
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 100 where the normalised prediction equals any normalised gold answer, else 0."""
    found = normalise_answer(prediction)
    return 100.0 * any(found == normalise_answer(gold) for gold in golds)


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the largest token F1 over the gold answers, in percent.

    F1 = 2PR / (P + R) over the bags of words of the normalised texts; 0 where they share no word.
    """
    return 100.0 * max(_f1(prediction, gold) for gold in golds)


def _f1(prediction: str, gold: str) -> float:
    found, wanted = normalise_answer(prediction).split(), normalise_answer(gold).split()
    shared = sum((Counter(found) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(found), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)
