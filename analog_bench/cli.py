"""The command line: `analog-bench VERB`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from analog_bench.commands import (
    compare,
    coverage,
    doctor,
    generate,
    hwa_search,
    hwa_train,
    train,
    zoo,
)
from analog_bench.commands.arguments import add_group
from analog_bench.errors import BenchError

BENCH_ERROR = 4
"""Exit code of everything the user can mend; 2 is argparse's, for a line it cannot read."""
INTERRUPTED = 130

_EXAMPLES = """\
examples:
  analog-bench doctor
  analog-bench compare runs/before.json runs/after.json
  analog-bench generate --prompt "Once upon a time"
  analog-bench hwa train bert --threads 1
  analog-bench zoo list --zoo embedded
  analog-bench zoo score bert --data squad --examples 300
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: The words behind the program's name; those of the process by default.

    Returns:
        The exit code: 0, what the verb says (`doctor`: 1 where no
        tile engine works, `compare`: 1 where something regressed), 4 for a
        `BenchError`, 130 when interrupted.

    Raises:
        SystemExit: For `--help` (code 0) and for a line that cannot be read (code 2).
    """
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except BenchError as problem:
        # One line, whatever a quoted problem holds.
        print(f"analog-bench: error: {' '.join(str(problem).split())}", file=sys.stderr)
        return BENCH_ERROR
    except KeyboardInterrupt:
        print("analog-bench: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="analog-bench",
        description="Robustness of language models on analog in-memory hardware.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    compare.add_verb(verbs)
    doctor.add_verb(verbs)
    generate.add_verb(verbs)
    zoo_verbs = add_group(
        verbs,
        "zoo",
        "list, pin, score and train models",
        "analog-bench zoo list --zoo embedded",
    )
    zoo.add_verbs(zoo_verbs)
    coverage.add_verbs(zoo_verbs)
    train.add_verb(zoo_verbs)
    hwa_verbs = add_group(
        verbs,
        "hwa",
        "train models to bear analog hardware, and search how best",
        "analog-bench hwa train bert",
    )
    hwa_train.add_verb(hwa_verbs)
    hwa_search.add_verb(hwa_verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
