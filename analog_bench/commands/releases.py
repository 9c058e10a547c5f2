"""`analog-bench releases OLD NEW ...`: did anything change, and where first?"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analog_bench.commands.arguments import Verbs, natural
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.errors import StoreError, UsageError

if TYPE_CHECKING:
    from analog_bench.releases.session import Plan

CHANGED = 1
"""Exit code where something changed, regressed or was lost, or a release could not be compared."""

_TURNS, _FEWEST_TURNS = 15, 6
_PLAN = "plan.json"
_JUDGED = "releases are judged by each other"
# What this command decides, and why.
_DECIDED = {
    "--baselines": _JUDGED,
    "--co": "nothing would be measured; `pytest bench --collect-only` shows the cases",
    "--collect-only": "nothing would be measured; `pytest bench --collect-only` shows the cases",
    "--gate": _JUDGED,
    "--max-drop": _JUDGED,
    "--update-baselines": _JUDGED,
}


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "releases",
        "compare releases of aihwkit: an environment each, the same cases, what changed where",
        "analog-bench releases 1.1.0 1.2.0 -k bert_layer_noise\n"
        "analog-bench releases 1.2.0 ../aihwkit:name=mine --no-cases\n"
        "analog-bench releases 1.1.0 1.1.0:torch=2.10.0 --bench bench -k bert_drift --chips 3\n"
        "analog-bench releases --list",
        run,
    )
    _add_options(parser)
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="RELEASE ... [PYTEST OPTIONS]",
        help="oldest first: a version, `latest`, a wheel, a source archive, a folder of sources, "
        "or git+URL@REF, each with :torch=VERSION,python=VERSION,name=WORD where wanted; then "
        "options for pytest, such as -k bert_layer_noise --chips 3",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--torch", metavar="VERSION", help="torch of releases that name none")
    parser.add_argument("--python", metavar="VERSION", help="Python of releases that name none")
    parser.add_argument(
        "--bench", metavar="PATH", help="the studies, a folder or a file (default: bench)"
    )
    parser.add_argument(
        "--no-cases", action="store_true", help="the layers exact and physics only, in a minute"
    )
    parser.add_argument(
        "--turns",
        type=natural,
        metavar="N",
        help=f"how often work is timed, {_FEWEST_TURNS} times or more; 0 for no timings "
        f"(default: {_TURNS})",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where results go (default: in runs/releases)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what was measured into --out FOLDER"
    )
    parser.add_argument(
        "--constraints",
        type=Path,
        metavar="FILE",
        help="versions of what the project asks for (default: constraints.txt of its checkout)",
    )
    parser.add_argument("--rebuild", action="store_true", help="build the environments anew")
    parser.add_argument(
        "--list", action="store_true", help="show measured pairs and environments, and end"
    )
    parser.add_argument("--all", action="store_true", help="show every change and every case")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print one JSON document instead")
    how.add_argument("--markdown", action="store_true", help="print Markdown instead")


def run(arguments: argparse.Namespace) -> int:
    """Compare; 1 where something changed, regressed or was lost, else 0."""
    names, for_pytest = read_words(arguments)
    if arguments.list:
        _show_environments(as_json=arguments.json)
        return 0
    # Not at the top: other verbs need none of it.
    from analog_bench.commands.releases_progress import shown
    from analog_bench.releases.process import select
    from analog_bench.releases.session import Plan, check_folder, compare
    from analog_bench.releases.spec import parse_releases

    if len(names) < 2:
        raise UsageError(
            f"at least two releases are compared, found {len(names)}; name them oldest first, "
            "such as: analog-bench releases 1.1.0 1.2.0"
        )
    if arguments.no_cases and for_pytest:
        raise UsageError(f"--no-cases leaves nothing for pytest to do with {for_pytest[0]!r}")
    root = Path.cwd()
    plan = Plan(
        releases=parse_releases(names, arguments.torch, arguments.python),
        words=() if arguments.no_cases else (arguments.bench or "bench", *for_pytest),
        root=root,
        folder=_folder(arguments, root),
        constraints=arguments.constraints,
        rebuild=arguments.rebuild,
        turns=_turns(arguments.turns),
        resume=arguments.resume,
    )
    check_folder(plan.words, root)
    if plan.words:
        select(plan.words, root, sys.executable)
    _note_plan(plan)
    try:
        with shown() as progress:
            found = compare(plan, progress.tell)
    except KeyboardInterrupt:
        if plan.words:
            again = f"the same command with --resume --out {shlex.quote(str(plan.folder))} goes on"
            print(f"analog-bench: {again}", file=sys.stderr)
        raise
    return _report(arguments, found, plan.folder)


def read_words(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Tell releases, our own options and pytest's apart.

    Args:
        arguments: As they were parsed; options of ours among the words are added to them.

    Returns:
        The releases, and what is left for pytest.

    Raises:
        UsageError: An option that this command decides for itself.
    """
    words = arguments.words
    names = list(takewhile(lambda word: not word.startswith("-"), words))
    behind = argparse.ArgumentParser(
        prog="analog-bench releases",
        add_help=False,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    _add_options(behind)
    found, rest = behind.parse_known_args(words[len(names) :])
    vars(arguments).update(vars(found))
    for word in rest:
        option = word.partition("=")[0]
        if option in _DECIDED:
            raise UsageError(f"{option} has no place here: {_DECIDED[option]}")
    return names, rest


def _turns(asked: int | None) -> int:
    if asked is None:
        return _TURNS
    if 0 < asked < _FEWEST_TURNS:
        raise UsageError(
            f"--turns {asked} are too few to tell a change of speed from chance; ask for "
            f"{_FEWEST_TURNS} or more, or 0 for no timings"
        )
    return asked


def _folder(arguments: argparse.Namespace, root: Path) -> Path:
    if arguments.resume and arguments.out is None:
        raise UsageError("--resume goes on with a folder; name it with --out FOLDER")
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    folder: Path = arguments.out or root / "runs" / "releases" / stamp
    return folder.resolve()


def _note_plan(plan: Plan) -> None:
    """Write down what is compared, so that a resumed comparison is of the same."""
    from analog_bench.codec import DocumentError, read_json

    noted = {
        "releases": [asdict(release) for release in plan.releases],
        "pytest": list(plan.words),
        "constraints": None if plan.constraints is None else str(plan.constraints),
    }
    path = plan.folder / _PLAN
    if not plan.resume:
        _write(path, noted)
        return
    try:
        there: Any = read_json(path)
    except FileNotFoundError:
        raise UsageError(f"{str(plan.folder)!r} holds no comparison to resume") from None
    except (OSError, DocumentError) as problem:
        raise UsageError(f"{str(path)!r}: {problem}") from None
    differing = [name for name in noted if there.get(name) != noted[name]]
    if differing:
        raise UsageError(
            f"{str(plan.folder)!r} holds another comparison: {', '.join(differing)} differ from "
            f"what {_PLAN} notes; start anew without --resume"
        )


def _report(arguments: argparse.Namespace, found: Any, folder: Path) -> int:
    from analog_bench.report.glyphs import needs_ascii
    from analog_bench.report.releases_plain import releases_plain
    from analog_bench.report.releases_table import releases_markdown, releases_table

    plain = releases_plain(found)
    file = folder / "releases.json"
    _write(file, plain)
    if arguments.json:
        print(json.dumps(plain, indent=2, allow_nan=False))
    elif arguments.markdown:
        print(releases_markdown(found), end="")
    else:
        from rich.console import Console

        ascii_only = needs_ascii(sys.stdout)
        console = Console()
        console.print(releases_table(found, everything=arguments.all, ascii_only=ascii_only))
        console.print(f"\n{file}", markup=False, highlight=False, soft_wrap=True)
    return CHANGED if found.fails else 0


def _write(path: Path, plain: Any) -> None:
    from analog_bench.atomic_file import write_atomic
    from analog_bench.codec import layout

    try:
        write_atomic(path, layout(plain))
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise StoreError(f"cannot write {str(path)!r}: {why}; name a folder with --out") from None


def _show_environments(*, as_json: bool) -> None:
    from analog_bench.releases.environment import cache_folder, environments
    from analog_bench.simulators.versions import MEASURED

    cache = cache_folder()
    found = environments(cache)
    if as_json:
        plain = {
            "pairs": [asdict(pair) for pair in MEASURED],
            "cache": str(cache),
            "environments": [{**asdict(one), "folder": str(one.folder)} for one in found],
        }
        print(json.dumps(plain, indent=2))
        return
    from rich.console import Console

    from analog_bench.report.environments_table import environments_table

    Console().print(environments_table(found, cache))
