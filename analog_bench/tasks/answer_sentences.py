"""Labelled pairs of question and sentence, made by rule from questions on passages.

The task, does this sentence answer this question, and the labels are those of QNLI (Wang et al.
2019, GLUE, section 3.3), which was also made from SQuAD. A question gives two pairs: one with the
sentence of its passage that holds its answer, and one with the other sentence that shares most
words with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analog_bench.seeds import hash_rank
from analog_bench.tasks.labelled_files import LabelledText

ANSWERS, OTHER = "entailment", "not_entailment"
"""QNLI's labels: the sentence answers the question, or does not."""

_END = re.compile(r"""(?<=[.!?])["'”’)\]]*\s+(?=["'“‘(\[]*[A-Z0-9])|\s*\n\s*""")
_SHORTENED = re.compile(
    r"\b([A-Z]|Mr|Mrs|Ms|Dr|St|Mt|Ft|Prof|Rev|Gen|Col|Lt|Capt|Sgt|Gov|Sen|Rep|Jr|Sr|Inc|Ltd|Co"
    r"|Corp|No|Vol|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|vs|ca|cf|e\.g|i\.e)\.$"
)
_WORD = re.compile(r"\w+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where each sentence of a text begins and ends.

    A sentence ends with `.`, `!` or `?` before a capital or a digit, unless an initial or a usual
    abbreviation precedes it. It also ends at the end of a line.
    """
    spans, begin = [], 0
    for gap in _END.finditer(text):
        if "\n" not in gap[0] and _SHORTENED.search(text, begin, gap.start()):
            continue
        end = gap.start() + len(gap[0].rstrip())
        if text[begin:end].strip():
            spans.append((begin, end))
        begin = gap.end()
    if text[begin:].strip():
        spans.append((begin, len(text.rstrip())))
    return spans


def both_pairs(question: Mapping[str, Any]) -> tuple[LabelledText, LabelledText] | None:
    """Return a SQuAD row's pair with the sentence that answers it, and with the other one.

    None if the first gold answer crosses the end of a sentence, or if every other sentence also
    holds a gold answer.
    """
    context, answers = question["context"], question["answers"]
    begin = answers["answer_start"][0]
    end = begin + len(answers["text"][0])
    spans = sentences(context)
    holding = [span for span in spans if span[0] <= begin and end <= span[1]]
    golds = [answer.casefold() for answer in answers["text"]]
    others = [
        context[b:e]
        for b, e in spans
        if (b, e) not in holding and not any(g in context[b:e].casefold() for g in golds)
    ]
    if not holding or not others:
        return None
    asked = _words(question["question"])
    other = max(others, key=lambda sentence: len(asked & _words(sentence)))
    found = ((context[slice(*holding[0])], ANSWERS), (other, OTHER))
    one, two = (
        LabelledText(f"{question['id']} {label}", question["question"], sentence, label)
        for sentence, label in found
    )
    return one, two


def one_pair_each(questions: Iterable[Mapping[str, Any]]) -> list[LabelledText]:
    """Return one pair per question, in their order, with both labels equally often.

    Questions, in the order of the hashes of their ids, alternate between the two pairs.
    """
    both = [pairs for question in questions if (pairs := both_pairs(question)) is not None]
    ranked = sorted(range(len(both)), key=lambda n: hash_rank(both[n][0].key))
    ranked = ranked[: len(ranked) // 2 * 2]
    return [both[n][turn] for n, turn in sorted((n, rank % 2) for rank, n in enumerate(ranked))]


def every_pair(questions: Iterable[Mapping[str, Any]]) -> Sequence[LabelledText]:
    """Return both pairs of every question, to train on."""
    return [pair for question in questions for pair in both_pairs(question) or ()]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
