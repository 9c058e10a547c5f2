"""`analog-bench compare OLD NEW`: the gate on two results files, outside pytest."""

from __future__ import annotations

import argparse
import json
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
    from analog_bench.report.as_json import comparison_plain
    from analog_bench.report.comparison_table import comparison_table
    from analog_bench.store.run_folder import read_runs

    comparison = compare_runs(read_runs(arguments.old), read_runs(arguments.new))
    if arguments.json:
        print(json.dumps(comparison_plain(comparison), indent=2, allow_nan=False))
    elif arguments.markdown:
        from analog_bench.report.markdown import markdown

        print(markdown(comparison_table(comparison, everything=arguments.all)), end="")
    else:
        from analog_bench.report.terminal_drawing import show

        show(comparison_table(comparison, everything=arguments.all))
    return REGRESSED if comparison.fails else 0
