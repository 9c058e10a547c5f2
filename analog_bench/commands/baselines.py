"""`analog-bench baselines update RUN`: what a run measured becomes the baseline."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from analog_bench.commands.arguments import Verbs, add_json
from analog_bench.commands.arguments import add_verb as _add


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "update",
        "store what finished runs measured, without measuring it again; pytest's "
        "--update-baselines also measures the fresh chips that confirm a suspicion",
        "analog-bench baselines update runs/bench-20261124-031211.json",
        run,
    )
    parser.add_argument("results", type=Path, metavar="RUN", help="results file, or a folder")
    parser.add_argument(
        "--baselines",
        type=Path,
        default=Path("baselines"),
        metavar="FOLDER",
        help="where they are stored (default: %(default)s)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Store the results, say what changed, and return 0."""
    # Not at the top: other verbs need no scipy.
    from analog_bench.codec import plain
    from analog_bench.gate.judge import StoredBaselines, judge_groups
    from analog_bench.report.summary import stored_changes
    from analog_bench.session.recorder import store_baselines
    from analog_bench.store.baseline import Provenance
    from analog_bench.store.run_file import read_runs

    found = read_runs(arguments.results)
    groups, root = found.groups, arguments.baselines
    judged = judge_groups(groups, StoredBaselines(root)).cases
    changes = store_baselines(groups, Provenance.of(found.manifest), root)
    if arguments.json:
        print(json.dumps([plain(change) for change in changes], indent=2, allow_nan=False))
        return 0
    from rich.console import Console

    verdicts = {(which, verdict.metric): verdict.kind for which, verdict in judged.items()}
    Console().print(stored_changes(changes, verdicts), soft_wrap=True)
    return 0
