"""The command line: `analog-bench VERB`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from analog_bench.commands import (
    baselines,
    compare,
    completion,
    coverage,
    doctor,
    generate,
    history,
    hwa_search,
    hwa_train,
    nightly,
    nightly_issues,
    physics,
    releases,
    report,
    zoo,
)
from analog_bench.commands.arguments import add_group
from analog_bench.errors import BenchError

BENCH_ERROR = 4
"""Exit code of everything the user can mend; 2 is argparse's, for a line it cannot read."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports of a program whose reader went away."""

_EXAMPLES = """\
examples:
  analog-bench doctor
  analog-bench compare runs/before.json runs/after.json
  analog-bench generate --prompt "Once upon a time"
  analog-bench history --score one_day
  analog-bench hwa train bert --threads 1
  analog-bench physics
  analog-bench releases 1.1.0 1.2.0 -k bert_layer_noise
  analog-bench report runs/after.json -o report.html
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
        `BenchError`, 130 when interrupted, 141 where nobody reads on.

    Raises:
        SystemExit: For `--help` (code 0) and for a line that cannot be read (code 2).
    """
    for stream in (sys.stdout, sys.stderr):
        # A sign that a terminal does not have is a question mark, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
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
    except BrokenPipeError:
        # `analog-bench ... | head` has seen enough; what is left must not be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="analog-bench",
        description="Robustness of language models on analog in-memory hardware. pytest measures: "
        "`pytest bench -k bert_layer_noise`, with the options in `pytest bench --help`. The verbs "
        "here work on what it measured, on models and on installations.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    baseline_verbs = add_group(
        verbs,
        "baselines",
        "keep what runs are compared with",
        "analog-bench baselines update runs/bench-20261124-031211.json",
    )
    baselines.add_verb(baseline_verbs)
    compare.add_verb(verbs)
    completion.add_verb(verbs, build_parser)
    doctor.add_verb(verbs)
    generate.add_verb(verbs)
    history.add_verb(verbs)
    physics.add_verb(verbs)
    releases.add_verb(verbs)
    report.add_verb(verbs)
    zoo_verbs = add_group(
        verbs,
        "zoo",
        "list, pin and score models",
        "analog-bench zoo list --zoo embedded",
    )
    zoo.add_verbs(zoo_verbs)
    coverage.add_verbs(zoo_verbs)
    hwa_verbs = add_group(
        verbs,
        "hwa",
        "train models to bear analog hardware, and search how best",
        "analog-bench hwa train bert",
    )
    hwa_train.add_verb(hwa_verbs)
    hwa_search.add_verb(hwa_verbs)
    nightly_verbs = add_group(
        verbs,
        "nightly",
        "do what a night does, and tell GitHub what regressed",
        "analog-bench nightly run -- -k bert --chips 3",
    )
    nightly.add_verb(nightly_verbs)
    nightly_issues.add_verb(nightly_verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
