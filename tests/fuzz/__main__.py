"""python -m tests.fuzz [--seed N] [--inputs N] [--kind NAME ...] [--only N] [--keep FOLDER]

Damages every file that the project reads and gives every option odd words, and runs the very
commands that meet them. What is no success and no refusal in one line is a finding. A run can be
repeated: an input depends on the seed, its kind and its number alone.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.conftest import warmed
from tests.fuzz.kinds import KINDS
from tests.fuzz.trials import Finding, Tally, Trials, shared_out
from tests.hub_stand_in import HubStandIn

# What the commands import late, once for all forks.
LATE = (
    *("analog_bench.cli", "analog_bench.history.query", "analog_bench.hwa.shipping"),
    *("analog_bench.hwa.search_and_conclude", "analog_bench.releases.comparison_run"),
    *("analog_bench.simulators.physics.run_survey", "duckdb", "optuna", "pyarrow.json"),
    *("pyarrow.parquet", "pytest", "pytest_benchmark", "sqlalchemy.dialects.sqlite"),
    "transformers.models.gpt2.modeling_gpt2",
)


def main():
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__.split("\n\n")[1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=2000, help="how many, shared among the kinds")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), help="only these")
    parser.add_argument("--only", type=int, metavar="N", help="only the Nth input of the kinds")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work there, and leave it all")
    asked = parser.parse_args()
    began = time.monotonic()
    counts = shared_out(asked.inputs, asked.kind or KINDS)
    tallies = {name: Tally() for name in counts}
    with ExitStack() as stack:
        top = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hub = stack.enter_context(HubStandIn())
        trials = Trials(stack.enter_context(warmed(*LATE)), top, hub, asked.seed)
        for name, count in counts.items():
            at = time.monotonic()
            for number in range(count) if asked.only is None else [asked.only]:
                ended = trials.run(name, number)
                tallies[name].count(ended)
                if isinstance(ended, Finding):
                    print(f"{ended} --seed {asked.seed}", flush=True)
            each = (time.monotonic() - at) / tallies[name].inputs
            print(f"{name}: {tallies[name]}, {each:.2f} s each", flush=True)
    total = sum(tally.inputs for tally in tallies.values())
    found = sum(len(tally.findings) for tally in tallies.values())
    print(f"{total} inputs, {found} findings, {time.monotonic() - began:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
