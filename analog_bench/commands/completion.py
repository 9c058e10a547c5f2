"""`analog-bench completion SHELL`: what a shell needs to complete verbs, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from analog_bench.commands.arguments import Verbs
from analog_bench.commands.arguments import add_verb as _add

_SHELLS = ("bash", "zsh", "tcsh")


def add_verb(verbs: Verbs, whole: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the verb.

    Args:
        verbs: Where to.
        whole: Returns the parser of all verbs, which is what is completed.
    """

    def run(arguments: argparse.Namespace) -> int:
        print(script(whole(), arguments.shell))
        return 0

    parser = _add(
        verbs,
        "completion",
        "print a script that completes verbs, options and files in a shell",
        "analog-bench completion bash\n"
        'eval "$(analog-bench completion bash)"   # in ~/.bashrc\n'
        "analog-bench completion zsh > ~/.zfunc/_analog-bench",
        run,
    )
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help="bash, zsh or tcsh")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return what a shell has to read.

    Args:
        parser: What is completed; its arguments are marked where they name files.
        shell: Name of the shell.
    """
    # Not at the top: only this verb needs it.
    import shtab

    for action in _actions(parser):
        if action.type is Path or action.metavar in ("FOLDER", "PATH"):
            # Unmarked, a shell would not complete files at all: argparse does not know of any.
            place = shtab.DIRECTORY if action.metavar == "FOLDER" else shtab.FILE
            vars(action)["complete"] = place
    text: str = shtab.complete(parser, shell=shell)
    return text


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
