"""The command line: `analog-bench VERB`."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperGroup

from analog_bench.codec import one_line
from analog_bench.commands import (
    board,
    calibrate,
    catalogue,
    generate,
    history,
    hwa,
    installation,
    merge,
    model_energy,
    nas,
    nightly,
    nightly_issues,
    plan,
    project,
    releases,
    runs,
    zoo,
    zoo_coverage,
)
from analog_bench.commands.options import new_app
from analog_bench.errors import BenchError, did_you_mean

BENCH_ERROR = 4
"""Exit code of everything the user can mend in what a line names."""
UNREADABLE = 2
"""Exit code of a line that cannot be read."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports of a program whose reader went away."""
_CHOICE = re.compile(r"(?:Value error, )?'(?P<given>.*)' is not one of (?P<known>.*)\.", re.S)
"""What typer says of a word that is none of an option's choices."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the system says of standard output that takes no more."""


class _Verbs(TyperGroup):
    """Ends with the verb's exit code, or with one line for an error that the user can mend."""

    def invoke(self, ctx: Any) -> Any:
        try:
            code = super().invoke(ctx)
        except typer.BadParameter as problem:
            problem.message = _with_hint(problem.message)
            raise
        except BenchError as problem:
            print(f"analog-bench: error: {problem}", file=sys.stderr)
            code = BENCH_ERROR
        except KeyboardInterrupt:
            print("analog-bench: interrupted", file=sys.stderr)
            code = INTERRUPTED
        except BrokenPipeError:
            code = _stop_writing()
        except OSError as problem:
            # What the system says of a file is the user's to mend; of anything else, ours.
            if problem.filename is None:
                raise
            print(f"analog-bench: error: {one_line(str(problem))}", file=sys.stderr)
            code = BENCH_ERROR
        raise typer.Exit(code or 0)


app = new_app(
    "Robustness of language models on analog in-memory hardware. pytest measures: `pytest bench "
    "-k bert_layer_noise`, with the options in `pytest bench --help`. The verbs here work on what "
    "it measured, on models and on installations.",
    "board runs -o site",
    "calibrate bert",
    "doctor",
    "energy bert",
    "compare runs/before.json runs/after.json",
    'generate --prompt "Once upon a time"',
    "hardware StandardHWATrainingTorch",
    "history --score one_day",
    "hwa train bert --threads 1",
    "merge shards -o merged.json",
    "models --zoo embedded",
    "nas analognas-bench --measured 50",
    "new my_project",
    "noises pcm",
    "physics",
    "plan distilgpt2 --max-loss cross_entropy=0.1",
    "releases 1.1.0 1.2.0 -k bert_layer_noise",
    "report runs/after.json -o report.html",
    "zoo list --zoo embedded",
    "zoo score bert --data squad --examples 300",
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    *(project, runs, merge, board, catalogue, installation),
    *(generate, calibrate, history, releases, model_energy, plan),
):
    app.add_typer(module.app)
zoo.app.add_typer(zoo_coverage.app)
app.add_typer(zoo.app, name="zoo")
app.add_typer(hwa.app, name="hwa")
app.add_typer(nas.app, name="nas")
nightly.app.add_typer(nightly_issues.app)
app.add_typer(nightly.app, name="nightly")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb, by default that of the process, and return its exit code.

    That is 0, what the verb's help says, 2 for a line that cannot be read, 4 for a `BenchError` or
    a file that the system refuses, 130 when interrupted, 141 where the reader of a pipe has gone.
    """
    # Python has None for what the shell closed, as `>&-` does, and Rich asks it for its width.
    sys.stdout, sys.stderr = (x or io.StringIO() for x in (sys.stdout, sys.stderr))
    for stream in (sys.stdout, sys.stderr):
        # A character that a terminal does not have becomes a question mark, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    missing = _empty(words)
    if missing:
        print(f"analog-bench: error: {missing}", file=sys.stderr)
        return UNREADABLE
    try:
        code = _run(words)
        # Not left to the exit, which would put a traceback of its own on what cannot be written.
        sys.stdout.flush()
    except OSError as problem:
        if problem.errno not in (errno.EPIPE, *_FULL):
            raise
        code = _stop_writing()
        if problem.errno in _FULL:
            print(f"analog-bench: error: cannot write: {problem.strerror}", file=sys.stderr)
            code = BENCH_ERROR
    return code


def _with_hint(message: str) -> str:
    """Return what typer says of a mistyped choice as everything else is said here."""
    found = _CHOICE.fullmatch(message)
    if found is None:
        return message
    given, known = found["given"], re.findall(r"'([^']*)'", found["known"])
    return f"there is no {given!r}; {did_you_mean(given, known)}"


def _stop_writing() -> int:
    """Return the exit code of `analog-bench ... | head`, which has seen enough."""
    # What is left must not be flushed at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _run(words: list[str]) -> int:
    try:
        app(words, prog_name="analog-bench")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _empty(words: Sequence[str]) -> str:
    """Say which word is empty, as where a shell's variable is not set; else return nothing.

    An empty path would be the current folder. What follows two dashes is pytest's.
    """
    before = ""
    for word in takewhile(lambda word: word != "--", words):
        option, equals, value = word.partition("=")
        if option.startswith("--") and equals and not value:
            before, word = option, value
        if not word:
            return f"nothing is given for {before}" if before[:1] == "-" else "an argument is empty"
        before = word
    return ""


if __name__ == "__main__":
    sys.exit(main())
