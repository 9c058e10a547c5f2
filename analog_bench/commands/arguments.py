"""Arguments that several verbs share, and how a verb is added."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from analog_bench.zoo.lock import FILE_NAME

# A string, since argparse's class takes no type parameters at run time.
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_verb(
    verbs: Verbs,
    name: str,
    summary: str,
    example: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    """Add a verb.

    Args:
        verbs: Where to.
        name: The verb.
        summary: One line for the help.
        example: Command lines that the help shows.
        run: What it does; returns the exit code.

    Returns:
        The verb's parser, for its arguments.
    """
    parser = _parser(verbs, name, summary, example)
    parser.set_defaults(run=run)
    return parser


def add_group(verbs: Verbs, name: str, summary: str, example: str) -> Verbs:
    """Add a verb that has verbs of its own, and return where to add those."""
    group = _parser(verbs, name, summary, example)
    return group.add_subparsers(title="verbs", metavar="VERB", required=True)


def add_lock(parser: argparse.ArgumentParser) -> None:
    """Add `--lock`."""
    parser.add_argument(
        "--lock",
        type=Path,
        default=Path(FILE_NAME),
        metavar="FILE",
        help="the file that pins what comes from the hub (default: %(default)s)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add `--threads`."""
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads to compute with (default: torch's)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def positive(text: str) -> int:
    """Read a whole number above 0."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """Read a whole number, 0 or above."""
    return _whole(text, 0)


def rate(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a number above 0 is expected, found {text!r}")
    return value


def _parser(verbs: Verbs, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="example:\n  " + "\n  ".join(example.splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(
            f"a whole number, {least} or above, is expected, found {text!r}"
        )
    return value
