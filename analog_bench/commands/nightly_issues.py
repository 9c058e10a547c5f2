"""`analog-bench nightly issues`: an issue on GitHub for every family that regressed."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analog_bench.commands.arguments import Verbs
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.commands.report import RUNS, newest_run
from analog_bench.errors import UsageError

if TYPE_CHECKING:
    from analog_bench.report.contents import Contents
    from analog_bench.report.regressions import Issue

_LABEL = "regression"
_COLOUR = "B60205"
_AT_MOST = "1000"


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "issues",
        "open or update an issue for every family (model and study) that regressed",
        "analog-bench nightly issues --dry-run\n"
        "analog-bench nightly issues artifacts/*/bench-*.json",
        run,
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="*",
        metavar="RUN",
        help=f"results of the night; of a folder, the newest (default: the newest in {RUNS})",
    )
    parser.add_argument(
        "--baselines",
        type=Path,
        metavar="FOLDER",
        help="what to compare with (default: what each run was compared with)",
    )
    parser.add_argument(
        "--label", default=_LABEL, metavar="WORD", help="the issues' label (default: %(default)s)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the issues; ask and change nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    """Open or update the issues, and return 0."""
    from analog_bench.report.regressions import headline, issues_of

    files = [newest_run(path) if path.is_dir() else path for path in arguments.runs or [RUNS]]
    nights = [_judged(path, arguments.baselines) for path in files]
    issues = issues_of(nights, _address())
    if arguments.dry_run:
        for issue in issues:
            print(f"# {issue.title}\n\n{issue.body}")
    elif issues:
        _tell_github(issues, arguments.label)
    if not issues:
        for contents in nights:
            print(f"{contents.source}: {headline([], contents)}")
        print("no issue is needed")
    return 0


def _judged(path: Path, given: Path | None) -> Contents:
    from analog_bench.gate.judge import judge_run
    from analog_bench.report.contents import judged_contents
    from analog_bench.store.run_file import read_run

    measured = read_run(path)
    baselines = given or measured.manifest.baselines
    # Without them every case would be new, and none regressed.
    if baselines is not None and not baselines.is_dir():
        raise UsageError(
            f"{str(path)!r} is judged by the baselines in {str(baselines)!r}, and there is no such "
            "folder here; name it with --baselines FOLDER"
        )
    return judged_contents(measured, judge_run(measured, baselines), path.name)


def _tell_github(issues: list[Issue], label: str) -> None:
    _make_label(label)
    fields = ["--state", "open", "--limit", _AT_MOST, "--json", "number,title,body"]
    listed = json.loads(_gh("issue", "list", "--label", label, *fields))
    known: dict[str, Any] = {issue["title"]: issue for issue in listed}
    for issue in issues:
        # Yesterday it may have been broken, and regress today.
        named = [title for title in (issue.title, *issue.titles) if title in known]
        there = known[named[0]] if named else None
        if there is None:
            words = ["--title", issue.title, "--label", label, "--body-file", "-"]
            made = _gh("issue", "create", *words, text=issue.body)
            print(f"opened: {issue.title} {made.strip()}".rstrip())
            continue
        number = str(there["number"])
        if issue.mark not in there["body"]:
            # An edit tells nobody; other cases than yesterday's are news. The comment comes first:
            # where it fails, the old mark stays, and the next night tries again.
            comment = f"Other cases now: {issue.counted}. The text above is up to date."
            _gh("issue", "comment", number, "--body-file", "-", text=comment)
        words = [] if there["title"] == issue.title else ["--title", issue.title]
        _gh("issue", "edit", number, *words, "--body-file", "-", text=issue.body)
        print(f"updated: {issue.title} (#{number})")


def _make_label(label: str) -> None:
    """Make the label, unless it is there: it may be somebody's own, with a colour of its own."""
    listed = json.loads(_gh("label", "list", "--limit", _AT_MOST, "--json", "name"))
    if label.casefold() not in (known["name"].casefold() for known in listed):
        words = ["--color", _COLOUR, "--description", "A family of cases regressed"]
        _gh("label", "create", label, *words)


def _gh(*words: str, text: str | None = None) -> str:
    try:
        done = subprocess.run(
            ["gh", *words],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except (FileNotFoundError, PermissionError):
        raise UsageError(
            "issues need GitHub's command line, `gh`; --dry-run prints them without"
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"code {done.returncode}"
        raise UsageError(f"gh {' '.join(words[:2])} failed: {said}")
    return done.stdout


def _address() -> str:
    """Return where this job's logs are, as GitHub Actions tells it."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, number = (os.environ.get(name, "") for name in names)
    if not (server and repository and number):
        return ""
    return f"{server}/{repository}/actions/runs/{number}"
