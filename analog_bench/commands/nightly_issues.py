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
from analog_bench.commands.nightly import judged
from analog_bench.errors import UsageError

if TYPE_CHECKING:
    from analog_bench.report.regression_issue import Issue

_LABEL = "regression"
_COLOUR = "B60205"
_OPEN_AT_MOST = "500"


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "issues",
        "open or update an issue for every family (model and study) that regressed",
        "analog-bench nightly issues runs/bench-20261124-020000.json --dry-run\n"
        "analog-bench nightly issues artifacts/*/bench-*.json",
        run,
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="results of the night")
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
    from analog_bench.report.regression_issue import issues_of
    from analog_bench.store.run_file import read_run

    nights = [judged(read_run(path), path, arguments.baselines) for path in arguments.runs]
    issues = issues_of(nights, _address())
    if not issues:
        print("nothing regressed: no issue is needed")
    elif arguments.dry_run:
        for issue in issues:
            print(f"# {issue.title}\n\n{issue.body}")
    else:
        _tell_github(issues, arguments.label)
    return 0


def _tell_github(issues: list[Issue], label: str) -> None:
    words = ["--color", _COLOUR, "--description", "A family of cases regressed", "--force"]
    _gh("label", "create", label, *words)
    fields = ["--json", "number,title,body"]
    listed = _gh(
        "issue", "list", "--label", label, "--state", "open", "--limit", _OPEN_AT_MOST, *fields
    )
    known: dict[str, Any] = {issue["title"]: issue for issue in json.loads(listed)}
    for issue in issues:
        there = known.get(issue.title)
        if there is None:
            made = _gh(
                "issue", "create", "--title", issue.title, "--label", label, "--body-file", "-",
                text=issue.body,
            )  # fmt: skip
            print(f"opened: {issue.title} {made.strip()}".rstrip())
            continue
        number = str(there["number"])
        _gh("issue", "edit", number, "--body-file", "-", text=issue.body)
        if issue.mark not in there["body"]:
            # An edit tells nobody; other cases than yesterday's are news.
            comment = f"Other cases now: {issue.counted}. The text above is up to date."
            _gh("issue", "comment", number, "--body-file", "-", text=comment)
        print(f"updated: {issue.title} (#{number})")


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
    except FileNotFoundError:
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
