"""The course of a comparison: environments, surveys, cases, timings, release after release."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from analog_bench.errors import ReleaseFailed
from analog_bench.releases.comparison import Measured, Releases, compare_releases
from analog_bench.releases.environment_commands import Runtime, bench, snapshot, survey
from analog_bench.releases.environment_recipe import Recipe, recipe_of
from analog_bench.releases.installer import find_python, newest_version
from analog_bench.releases.python_and_torch import Wanted, choose
from analog_bench.releases.release_environment import Environment, ensure
from analog_bench.releases.release_source import Source, source_of
from analog_bench.releases.release_spec import Release
from analog_bench.releases.stopwatch import take_turns
from analog_bench.store.journal_file import delete_journal, journal_path
from analog_bench.store.run_file import read_run

# What numbers may depend on, besides aihwkit and torch.
_PACKAGES = ("datasets", "numpy", "scipy", "tokenizers", "transformers")
_UNUSABLE = "none of its tile engines works"

# Receives a release's name, what is going on there, and whether that is a line of a tool's.
Tell = Callable[[str, str, bool], None]


@dataclass(frozen=True)
class Plan:
    """What to compare, and how.

    Attributes:
        releases: The releases, oldest first.
        words: pytest's arguments, the studies' folder first; empty to measure no cases.
        root: The folder that pytest starts in.
        folder: Where results and logs go.
        constraints: See `recipe_of`.
        turns: How often work is timed; 0 for not at all.
        resume: Keep what an interrupted comparison measured into the same folder.
    """

    releases: tuple[Release, ...]
    words: tuple[str, ...]
    root: Path
    folder: Path
    constraints: Path | None
    rebuild: bool
    turns: int
    resume: bool


def compare(plan: Plan, tell: Tell) -> Releases:
    """Build, survey and measure every release, and compare each with the one before it.

    What keeps a release from going on is its problem, and not the others'.

    Raises:
        UsageError: A release that names something that is no aihwkit.
        StoreError: Environments or results cannot be written.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(plan.releases, plan.constraints)
    with snapshot() as code:
        surveyed = [_survey(plan, release, recipe, code, tell) for release, recipe in prepared]
        measured = [
            one if runtime is None or not plan.words else _measure(plan, n, one, runtime, tell)
            for n, (one, runtime) in enumerate(surveyed, start=1)
        ]
        runtimes = {one.name: runtime for one, runtime in surveyed if runtime is not None}
        if plan.turns and len(runtimes) > 1:
            tell("", "timing small pieces of work in turns", False)
            measured = _time(measured, runtimes, plan.turns)
    return compare_releases(measured)


def prepare(
    releases: Sequence[Release], constraints: Path | None
) -> list[tuple[Release, Recipe | str]]:
    """Return each release with its environment's recipe, or with the reason why it has none."""
    sources: dict[str, Source] = {}
    problems: dict[str, str] = {}
    for release in releases:
        try:
            latest = newest_version() if release.kind == "latest" else None
            sources[release.name] = source_of(release, latest)
        except ReleaseFailed as problem:
            problems[release.name] = str(problem)
    known = [release for release in releases if release.name in sources]
    wanted = [_wanted(release, sources[release.name]) for release in known]
    recipes: dict[str, Recipe] = {}
    for release, pair in zip(known, choose(wanted, _minor(platform.python_version())), strict=True):
        try:
            python = find_python(release.python or pair.python)
        except ReleaseFailed as problem:
            problems[release.name] = str(problem)
            continue
        recipes[release.name] = recipe_of(sources[release.name], pair, python, constraints)
    return [(one, recipes.get(one.name) or problems[one.name]) for one in releases]


def _wanted(release: Release, source: Source) -> Wanted:
    pythons = source.pythons
    if release.python is not None:
        try:
            pythons = (_minor(find_python(release.python).version),)
        except ReleaseFailed:  # reported where the interpreter is needed
            pythons = (release.python,) if release.python[0].isdigit() else pythons
    return Wanted(source.version, pythons, release.torch)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _survey(
    plan: Plan, release: Release, recipe: Recipe | str, code: Path, tell: Tell
) -> tuple[Measured, Runtime | None]:
    begun = Measured(release.name, release.source)
    if isinstance(recipe, str):
        tell(release.name, recipe, False)
        return replace(begun, problem=recipe), None
    tell(release.name, "looking for its environment", False)
    try:
        environment = ensure(
            recipe, release.name, lambda line: tell(release.name, line, True), rebuild=plan.rebuild
        )
        how = f"built in {environment.seconds:.0f} s" if environment.fresh else "found"
        begun = replace(
            begun,
            environment=f"environment {environment.key} {how}, {environment.size / 2**20:,.0f} MiB",
            versions=_versions(environment, recipe),
        )
        tell(release.name, f"{begun.environment}; surveying it", False)
        runtime = Runtime(environment, code)
        own = survey(runtime)
    except ReleaseFailed as problem:
        tell(release.name, str(problem), False)
        return replace(begun, problem=str(problem)), None
    surveyed = replace(begun, survey=own, versions={**begun.versions, **own.versions})
    if not own.usable:
        tell(release.name, _UNUSABLE, False)
        return replace(surveyed, problem=_UNUSABLE), None
    return surveyed, runtime


def _measure(plan: Plan, number: int, release: Measured, runtime: Runtime, tell: Tell) -> Measured:
    # The number keeps names apart that are spelt alike, and from the comparison's own files.
    name = re.sub(r"[^A-Za-z0-9.+@-]+", "_", release.name).strip("_.") or "release"
    finished = plan.folder / f"{number}-{name}.json"
    if plan.resume and os.path.isfile(finished):
        tell(release.name, "its cases were measured before", False)
        return replace(release, run=read_run(finished))
    tell(release.name, "measuring its cases", False)
    # Results are moved here when they are complete: whatever is here can be compared.
    unfinished = plan.folder / "unfinished" / finished.name
    unfinished.parent.mkdir(exist_ok=True)
    words = list(plan.words)
    if plan.resume and os.path.isfile(journal_path(unfinished)):
        words.append("--resume")
    try:
        remark = bench(
            runtime,
            words,
            unfinished,
            plan.root,
            finished.with_suffix(".log"),
            lambda line: tell(release.name, line, True),
        )
    except ReleaseFailed as problem:
        tell(release.name, str(problem), False)
        return replace(release, problem=str(problem))
    run = read_run(unfinished)
    if run.incomplete is not None and run.incomplete.stopped:
        return replace(release, problem=f"not all of its cases were measured: {remark}")
    for suffix in (".json", ".html"):
        with suppress(FileNotFoundError):
            os.replace(unfinished.with_suffix(suffix), finished.with_suffix(suffix))
    # Cases whose tests failed are missing, and stay so.
    delete_journal(journal_path(unfinished))
    return replace(release, run=run, remark=remark)


def _time(measured: list[Measured], runtimes: Mapping[str, Runtime], turns: int) -> list[Measured]:
    try:
        timed = take_turns(runtimes, turns)
    except ReleaseFailed as problem:
        # Timings are an extra: without them everything else still stands.
        return [_with_remarks(one, f"no timings: {problem}") for one in measured]
    return [
        _with_remarks(
            replace(one, turns=timed[one.name].turns),
            *(f"cannot be timed: {n} ({why})" for n, why in timed[one.name].impossible.items()),
        )
        if one.name in timed
        else one
        for one in measured
    ]


def _with_remarks(release: Measured, *remarks: str) -> Measured:
    return replace(release, remark="; ".join(filter(None, [release.remark, *remarks])))


def _versions(environment: Environment, recipe: Recipe) -> dict[str, str | None]:
    installed = {name.lower(): version for name, version in environment.versions.items()}
    named = {name: installed.get(name) for name in ("aihwkit", "torch", *_PACKAGES)}
    return {"python": recipe.python.version, **named}
