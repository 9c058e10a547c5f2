"""`analog-bench physics`: is this aihwkit what it says?"""

from __future__ import annotations

import argparse
import json
from typing import get_args

from analog_bench.commands.arguments import Verbs, add_json
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.noise import Tile

DEVIATES = 1
"""Exit code where a quantity is off its closed form, or no tile engine works."""


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "physics",
        "hold the noise models of the installed aihwkit against their closed forms",
        "analog-bench physics\n  analog-bench physics --all --tile torch",
        run,
    )
    parser.add_argument("--all", action="store_true", help="show every condition, not only the sum")
    parser.add_argument(
        "--tile",
        choices=get_args(Tile),
        help="examine this tile engine only (default: all that work)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Survey this installation; 0 where all is as it says, else 1."""
    # Not at the top: it imports torch.
    from analog_bench.report.physics_table import physics_table
    from analog_bench.simulators.physics.examination import examine
    from analog_bench.simulators.physics.survey import survey_as_plain

    survey = examine((arguments.tile,) if arguments.tile else get_args(Tile))
    if arguments.json:
        print(json.dumps(survey_as_plain(survey), indent=2, allow_nan=False))
    else:
        from analog_bench.report.terminal_drawing import show

        show(physics_table(survey, everything=arguments.all))
    return 0 if survey.usable and not survey.failing else DEVIATES
