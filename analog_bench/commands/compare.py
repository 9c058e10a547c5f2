"""`analog-bench compare OLD NEW`: the gate on two results files, outside pytest."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from analog_bench.commands.arguments import Verbs
from analog_bench.commands.arguments import add_verb as _add

REGRESSED = 1
"""Exit code where something regressed or is broken."""


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "compare",
        "judge the results of one run against those of another",
        "analog-bench compare runs/before.json runs/after.json\n"
        "analog-bench compare nightly/monday nightly/tuesday --markdown",
        run,
    )
    parser.add_argument("old", type=Path, metavar="OLD", help="results file, or a folder of them")
    parser.add_argument("new", type=Path, metavar="NEW", help="results to judge, file or folder")
    parser.add_argument("--all", action="store_true", help="show equivalent and skipped cases, too")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print one JSON document instead")
    how.add_argument("--markdown", action="store_true", help="print Markdown instead")


def run(arguments: argparse.Namespace) -> int:
    """Compare, and return 1 where something regressed or is broken, else 0."""
    # Not at the top: other verbs need no scipy.
    from analog_bench.gate.comparison import compare_runs
    from analog_bench.report.comparison import (
        comparison_markdown,
        comparison_plain,
        comparison_table,
    )
    from analog_bench.report.glyphs import needs_ascii
    from analog_bench.store.run_file import read_runs

    comparison = compare_runs(read_runs(arguments.old), read_runs(arguments.new))
    if arguments.json:
        print(json.dumps(comparison_plain(comparison), indent=2, allow_nan=False))
    elif arguments.markdown:
        print(comparison_markdown(comparison, everything=arguments.all), end="")
    else:
        from rich.console import Console

        ascii_only = needs_ascii(sys.stdout)
        Console().print(
            comparison_table(comparison, everything=arguments.all, ascii_only=ascii_only)
        )
    return REGRESSED if comparison.fails else 0
