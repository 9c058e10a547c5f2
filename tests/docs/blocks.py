"""The code blocks of a Markdown page, with what an invisible comment above them says.

docs/extending.md describes the comments.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

_COMMENT = re.compile(
    r"<!--\s*docs:\s*(?P<kind>file|append|measure|not run:)\s*(?P<rest>.*?)\s*-->"
)
_VARIABLE = re.compile(r"[A-Za-z_]\w*=.*", re.S)


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        page: The page.
        line: Where the block begins in it.
        language: As the fence says.
        text: What stands in it.
        kind: What the comment above wants: `file`, `append`, `measure`, `not run:`; else empty.
        rest: The file, or the reason.
    """

    page: Path
    line: int
    language: str
    text: str
    kind: str
    rest: str

    @property
    def place(self):
        return f"{self.page.name}:{self.line}"

    @property
    def commands(self):
        """The lines behind `$ `, one for all that `\\` continues."""
        found = []
        for line in self.text.splitlines():
            if found and found[-1].endswith("\\"):
                found[-1] = found[-1][:-1] + line.strip()
            elif line.startswith("$ "):
                found.append(line[2:])
        return found


@dataclass(frozen=True)
class Command:
    """A command line: variables before it, the program, and its words."""

    env: dict
    program: str
    words: list


def blocks_of(page):
    """Return the fenced code blocks of a page."""
    found = []
    kind, rest, ended = "", "", -1
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            comment = _COMMENT.search(token.content)
            assert comment or "docs:" not in token.content, f"{page.name}: {token.content!r}"
            kind, rest = comment.group("kind", "rest") if comment else ("", "")
            ended = token.map[1]
        elif token.type == "fence":
            # Only directly above, blank lines aside.
            near = token.map[0] - ended <= 1
            language = token.info.strip()
            marked = (kind, rest) if near else ("", "")
            found.append(Block(page, token.map[0] + 1, language, token.content, *marked))
    return found


def parse(line):
    """Read a command line as a shell would, comments left out."""
    words = shlex.split(line, comments=True)
    env = {}
    while words and _VARIABLE.fullmatch(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    return Command(env, words[0], words[1:])
