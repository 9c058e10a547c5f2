"""The user's own code behind a run in words: its repository, and its files with their hashes."""

from __future__ import annotations

from collections.abc import Iterable

from analog_bench.records import Result
from analog_bench.report import words
from analog_bench.store.run import Manifest, Repository

_DIGITS = 8
"""Of a file's sha256, as names of cases have them."""


def repository_label(manifest: Manifest) -> str:
    """Return where the bench files are kept, at which commit; empty where that is not known."""
    if manifest.sources is None:
        return ""
    return of_repository(manifest.sources.repository)


def of_repository(repository: Repository | None) -> str:
    """Return `my_project at 1f3a9c2e7-dirty`, with each commit of a run that was resumed."""
    if repository is None:
        return "in no git repository"
    commits = " and ".join(map(words.commit_label, repository.commits))
    return words.one_line(f"{repository.folder} at {commits or 'no commit yet'}")


def files_label(manifest: Manifest, results: Iterable[Result]) -> str:
    """Return the files of a run and its cases with the first digits of their sha256s."""
    of_run = manifest.sources.files if manifest.sources is not None else ()
    files = [*of_run, *(source for result in results for source in result.sources)]
    named = dict.fromkeys((source.file, source.sha256[:_DIGITS]) for source in files)
    return words.one_line(", ".join(f"{file} {digits}" for file, digits in named))
