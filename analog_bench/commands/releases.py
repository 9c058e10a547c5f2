"""`analog-bench releases OLD NEW ...`: did anything change, and where first?"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime, timezone
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import structs

from analog_bench.commands.options import (
    JsonOption,
    MarkdownOption,
    new_app,
    refuse_together,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json, warn
from analog_bench.errors import StoreError, UsageError, reason_of

if TYPE_CHECKING:
    from rich.console import Console

    from analog_bench.releases.comparison_run import Plan

CHANGED = 1
"""Exit code where something changed, regressed or was lost, or a release could not be compared."""

TURNS = 15
FEWEST_TURNS = 6
"""With fewer, even the least and the largest ratio do not make a 95 % interval."""
_PLAN = "plan.json"
_JUDGED = "releases are judged by each other"
_NOTHING = "nothing would be measured; `pytest bench --collect-only` shows the cases"
# What this command decides, and why.
_DECIDED = {
    "--baselines": _JUDGED,
    "--co": _NOTHING,
    "--collect-only": _NOTHING,
    "--gate": _JUDGED,
    "--max-drop": _JUDGED,
    "--update-baselines": _JUDGED,
}

app = new_app()


@app.command(
    # -h would be found in pytest's -khelp.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    epilog=show_examples(
        "releases 1.1.0 1.2.0 -k bert_layer_noise",
        "releases 1.2.0 ../aihwkit:name=mine --no-cases",
        "releases 1.1.0 1.1.0:torch=2.10.0 --bench bench -k bert_drift --chips 3",
        "releases --list",
    ),
)
def releases(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RELEASE ... [PYTEST OPTIONS]",
            help="oldest first: a version, `latest`, a wheel, a source archive, a folder of "
            "sources, or git+URL@REF, each with :torch=VERSION,python=VERSION,name=WORD where "
            "wanted; then options for pytest, such as -k bert_layer_noise --chips 3",
        ),
    ] = None,
    torch: Annotated[
        str | None, typer.Option(metavar="VERSION", help="torch of releases that name none")
    ] = None,
    python: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Python of releases that name none")
    ] = None,
    bench: Annotated[
        str, typer.Option(metavar="PATH", help="the studies, a folder or a file")
    ] = "bench",
    no_cases: Annotated[
        bool, typer.Option("--no-cases", help="the layers exact and physics only, in a minute")
    ] = False,
    turns: Annotated[
        int,
        whole_number(
            f"how often work is timed, {FEWEST_TURNS} times or more; 0 for no timings", least=0
        ),
    ] = TURNS,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="where results go (default: in runs/releases)"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with what was measured into --out FOLDER")
    ] = False,
    constraints: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="versions of what the project asks for (default: constraints.txt of its checkout)",
        ),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="build the environments anew")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="show measured pairs and environments, and end")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="show every change and every case")
    ] = False,
    as_json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> int:
    """Compare releases of aihwkit: an environment each, the same cases, what changed where.

    The exit code is 1 where something changed, regressed or was lost.
    """
    refuse_together(json=as_json, markdown=markdown)
    if listing:
        _show_environments(as_json=as_json)
        return 0
    names, for_pytest = split_words(words or ())
    if len(names) < 2:
        raise UsageError(
            f"at least two releases are compared, found {len(names)}; name them oldest first, "
            "such as: analog-bench releases 1.1.0 1.2.0"
        )
    if no_cases and for_pytest:
        raise UsageError(f"--no-cases leaves nothing for pytest to do with {for_pytest[0]!r}")
    if 0 < turns < FEWEST_TURNS:
        raise UsageError(
            f"--turns {turns} are too few to tell a change of speed from chance; ask for "
            f"{FEWEST_TURNS} or more, or 0 for no timings"
        )
    if resume and out is None:
        raise UsageError("--resume goes on with a folder; name it with --out FOLDER")
    # Not at the top: other verbs need none of it.
    from analog_bench.releases.comparison_run import Plan, compare
    from analog_bench.releases.environment_commands import check_selection
    from analog_bench.releases.release_spec import parse_releases

    root = Path.cwd()
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    plan = Plan(
        releases=parse_releases(names, torch, python),
        words=() if no_cases else (bench, *for_pytest),
        root=root,
        folder=root / (out or Path("runs", "releases", stamp)),
        constraints=constraints,
        rebuild=rebuild,
        turns=turns,
        resume=resume,
    )
    if plan.words:
        check_selection(plan.words, root)
    _note_plan(plan)
    try:
        with show_progress() as tell:
            found = compare(plan, tell)
    except KeyboardInterrupt:
        if plan.words:
            warn(f"the same command with --resume --out {shlex.quote(str(plan.folder))} goes on")
        raise
    from analog_bench.report.as_json import releases_plain
    from analog_bench.report.as_markdown import markdown as in_markdown
    from analog_bench.report.release_tables import releases_table

    plain = releases_plain(found)
    file = plan.folder / "releases.json"
    _write(file, plain)
    if as_json:
        print_json(plain)
    elif markdown:
        print(in_markdown(releases_table(found, cases=False)), end="")
    else:
        print_blocks(releases_table(found, everything=everything))
        print(f"\n{file}")
    return CHANGED if found.fails else 0


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell releases from what follows for pytest.

    Raises:
        UsageError: An option of pytest's that this command decides for itself.
    """
    names = list(takewhile(lambda word: not word.startswith("-"), words))
    for_pytest = list(words[len(names) :])
    for word in for_pytest:
        option = word.partition("=")[0]
        if option in _DECIDED:
            raise UsageError(f"{option} has no place here: {_DECIDED[option]}")
    return names, for_pytest


@contextmanager
def show_progress(console: Console | None = None) -> Iterator[Callable[[str, str, bool], None]]:
    """Show where a comparison stands: stages as lines, details as one that changes.

    Yields a function that takes the release's name, empty where it is about all; what is going on
    there; and whether that is a detail, shown for a moment and on terminals only. The console is
    standard error by default.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console(stderr=True)
    status = console.status(Text("comparing releases"))

    def tell(name: str, message: str, detail: bool) -> None:
        # A Text, so that brackets in a tool's words are not taken for markup.
        line = Text(f"{name}: {message}" if name else message)
        if not detail:
            console.print(line, soft_wrap=True)
        if message:
            status.update(line[:100])

    with status if console.is_terminal else nullcontext():
        yield tell


def _note_plan(plan: Plan) -> None:
    """Write down what is compared, so that a resumed comparison is of the same."""
    from analog_bench.codec import DocumentError, convert, read_json

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
        there = convert(read_json(path), dict[str, Any])
    except FileNotFoundError:
        raise UsageError(f"{str(plan.folder)!r} holds no comparison to resume") from None
    except DocumentError as problem:
        raise UsageError(f"{str(path)!r}: {problem}; start anew without --resume") from None
    differing = [name for name in noted if there.get(name) != noted[name]]
    if differing:
        raise UsageError(
            f"{str(plan.folder)!r} holds another comparison: {', '.join(differing)} differ from "
            f"what {_PLAN} notes; start anew without --resume"
        )


def _write(path: Path, plain: Any) -> None:
    from analog_bench.atomic_file import write_atomic
    from analog_bench.codec import layout

    try:
        write_atomic(path, layout(plain))
    except OSError as problem:
        why = reason_of(problem)
        raise StoreError(f"cannot write {str(path)!r}: {why}; name a folder with --out") from None


def _show_environments(*, as_json: bool) -> None:
    from analog_bench.releases.release_environment import environments, environments_folder
    from analog_bench.simulators.versions import MEASURED

    cache = environments_folder()
    built = environments()
    if as_json:
        pairs = [asdict(pair) for pair in MEASURED]
        listed = [{**structs.asdict(one), "folder": str(one.folder)} for one in built]
        print_json({"pairs": pairs, "cache": str(cache), "environments": listed})
        return
    from analog_bench.report.release_tables import environments_table

    print_blocks(environments_table(built, cache))
