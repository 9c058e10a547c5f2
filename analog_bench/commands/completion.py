"""`analog-bench completion SHELL`: what a shell needs to complete verbs and options."""

from __future__ import annotations

import argparse
from collections.abc import Callable

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
        # Not at the top: only this verb needs it.
        import shtab

        print(shtab.complete(whole(), shell=arguments.shell))
        return 0

    parser = _add(
        verbs,
        "completion",
        "print a script that completes verbs and options in a shell",
        "analog-bench completion bash\n"
        'eval "$(analog-bench completion bash)"   # in ~/.bashrc\n'
        "analog-bench completion zsh > ~/.zfunc/_analog-bench",
        run,
    )
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help="bash, zsh or tcsh")
