"""Texts in Markdown, as they are."""

from __future__ import annotations

import re

_UNDERSCORES = re.compile(r"_+")


def escaped(text: str) -> str:
    """Return a text so that neither Markdown nor HTML takes any of it for markup."""
    for sign in "\\`*~{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return _UNDERSCORES.sub(_escaped_underscores, text).replace("&", "&amp;")


def _escaped_underscores(found: re.Match[str]) -> str:
    # Between letters they are no markup, and names such as layer_noise are read unrendered, too.
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    signs: str = found.group()
    return signs if before.isalnum() and after.isalnum() else signs.replace("_", "\\_")
