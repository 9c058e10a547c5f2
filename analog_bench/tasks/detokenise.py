"""WikiText in ordinary spelling: the substitutions that lm-evaluation-harness scores it with.

WikiText comes with spaces around punctuation and with marks for hyphens and separators inside words
and numbers. The rules go back to Megatron-LM's zero-shot evaluation; they are kept as they are,
quirks included, because published figures depend on them.
"""

from __future__ import annotations

import re

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


def detokenise(text: str) -> str:
    """Return WikiText in ordinary spelling.

    Returns:
        The same text; pages are treated one by one, as a quotation mark that is never closed would
        otherwise pair wrongly to the end of the file.
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
