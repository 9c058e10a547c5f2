"""Texts in Markdown, as they are."""

from __future__ import annotations


def escaped(text: str) -> str:
    """Return a text so that neither Markdown nor HTML takes any of it for markup."""
    for sign in "\\`*_{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return text.replace("&", "&amp;")
