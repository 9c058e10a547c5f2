"""`analog-bench nightly issues`: an issue on GitHub for every family that regressed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from msgspec import Struct

from analog_bench.codec import DocumentError, convert, parse
from analog_bench.commands.options import new_app, show_examples
from analog_bench.commands.runs import RUNS, newest_run
from analog_bench.errors import UsageError

if TYPE_CHECKING:
    from analog_bench.report.regressions import Issue
    from analog_bench.report.report_contents import Contents

_MOST = "1000"
T = TypeVar("T", bound=Struct)

app = new_app()


@app.command(
    epilog=show_examples("nightly issues --dry-run", "nightly issues artifacts/*/bench-*.json")
)
def issues(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help=f"results of the night; of a folder, the newest (default: the newest in {RUNS})",
        ),
    ] = None,
    baselines: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="what to compare with (default: what each run was compared with)"
        ),
    ] = None,
    label: Annotated[str, typer.Option(metavar="WORD", help="the issues' label")] = "regression",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the issues; ask and change nothing")
    ] = False,
) -> None:
    """Open or update an issue for every family (model and study) that regressed."""
    from analog_bench.report.regressions import headline, issues_of

    files = [newest_run(path) if os.path.isdir(path) else path for path in runs or [RUNS]]
    nights = [_judged(path, baselines) for path in files]
    needed = issues_of(nights, _job_address())
    if dry_run:
        for issue in needed:
            print(f"# {issue.title}\n\n{issue.body}")
    elif needed:
        _tell_github(needed, label)
    if not needed:
        for contents in nights:
            print(f"{contents.source}: {headline([], contents)}")
        print("no issue is needed")


def _judged(path: Path, given: Path | None) -> Contents:
    from analog_bench.gate.run_verdicts import judge_run
    from analog_bench.report.report_contents import judged_contents
    from analog_bench.store.run_file import read_run

    measured = read_run(path)
    baselines = given or measured.manifest.baselines
    # Without them every case would be new, and none regressed.
    if baselines is not None and not os.path.isdir(baselines):
        raise UsageError(
            f"{str(path)!r} is judged by the baselines in {str(baselines)!r}, and there is no such "
            "folder here; name it with --baselines FOLDER"
        )
    return judged_contents(measured, judge_run(measured, baselines), path.name)


def _tell_github(issues: list[Issue], label: str) -> None:
    _make_label(label)
    listed = _listed(_Known, "issue", "--label", label, "--state", "open")
    known = {issue.title: issue for issue in listed}
    for issue in issues:
        # Yesterday it may have been broken, and regress today.
        title = next((one for one in (issue.title, *issue.titles) if one in known), None)
        if title is None:
            words = ["--title", issue.title, "--label", label, "--body-file", "-"]
            made = _gh("issue", "create", *words, text=issue.body)
            print(f"opened: {issue.title} {made.strip()}".rstrip())
            continue
        there = known[title]
        number = str(there.number)
        if issue.mark not in there.body:
            # An edit tells nobody; other cases than yesterday's are news. The comment comes first:
            # where it fails, the old mark stays, and the next night tries again.
            comment = f"Other cases now: {issue.counted}. The text above is up to date."
            _gh("issue", "comment", number, "--body-file", "-", text=comment)
        words = [] if title == issue.title else ["--title", issue.title]
        _gh("issue", "edit", number, *words, "--body-file", "-", text=issue.body)
        print(f"updated: {issue.title} (#{number})")


def _make_label(label: str) -> None:
    """Make the label unless it exists: an existing one may have a colour of its own."""
    if label.casefold() not in (known.name.casefold() for known in _listed(_Label, "label")):
        words = ["--color", "B60205", "--description", "A family of cases regressed"]
        _gh("label", "create", label, *words)


class _Known(Struct, frozen=True):
    number: int
    title: str
    body: str


class _Label(Struct, frozen=True):
    name: str


def _listed(kind: type[T], noun: str, *words: str) -> list[T]:
    fields = ",".join(kind.__struct_fields__)
    answer = _gh(noun, "list", *words, "--limit", _MOST, "--json", fields)
    try:
        return convert(parse(answer.encode()), list[kind])  # type: ignore[valid-type]
    except DocumentError as problem:
        raise UsageError(f"gh {noun} list answers what cannot be read: {problem}") from None


def _gh(*words: str, text: str | None = None) -> str:
    try:
        done = subprocess.run(
            ["gh", *words],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except (FileNotFoundError, PermissionError):
        raise UsageError(
            "issues need GitHub's command line, `gh`; --dry-run prints them without"
        ) from None
    if done.returncode:
        why = " ".join(done.stderr.split()) or f"code {done.returncode}"
        raise UsageError(f"gh {' '.join(words[:2])} failed: {why}")
    return done.stdout


def _job_address() -> str:
    """Return the address of this GitHub Actions job's logs; empty elsewhere."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, number = (os.environ.get(name, "") for name in names)
    if not (server and repository and number):
        return ""
    return f"{server}/{repository}/actions/runs/{number}"
