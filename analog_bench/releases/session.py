"""The course of a comparison: environments, surveys, cases, timings, release after release."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from analog_bench.errors import UsageError
from analog_bench.releases.comparison import Measured, Releases, compare_releases
from analog_bench.releases.environment import Environment, ensure
from analog_bench.releases.failure import ReleaseFailed
from analog_bench.releases.installer import find_uv, newest
from analog_bench.releases.interpreter import Interpreter, find_python
from analog_bench.releases.pairs import Wanted, choose
from analog_bench.releases.process import Place, bench, survey
from analog_bench.releases.recipe import Recipe, recipe_of
from analog_bench.releases.snapshot import snapshot
from analog_bench.releases.source import Source, source_of
from analog_bench.releases.spec import Release
from analog_bench.releases.stopwatch import Timed, take_turns
from analog_bench.store.journal_file import journal_path
from analog_bench.store.run_file import read_run

# What numbers may depend on, besides aihwkit and torch.
_PACKAGES = ("datasets", "numpy", "scipy", "tokenizers", "transformers")
_MIB = 2**20
_UNFINISHED = "unfinished"
_UNUSABLE = "none of its tile engines works"

# Is given a release's name and what is going on there; a line of a tool's where `detail` is true.
Tell = Callable[[str, str, bool], None]


@dataclass(frozen=True)
class Plan:
    """What to compare, and how.

    Attributes:
        releases: The releases, oldest first.
        words: What pytest is given, the studies' folder first; empty to measure no cases.
        root: The folder that pytest starts in.
        folder: Where results and logs go.
        constraints: Versions for what the project asks for; None for those beside the package.
        rebuild: Whether to build environments anew.
        turns: How often work is timed; 0 for not at all.
        resume: Whether to keep what an interrupted comparison measured into the same folder.
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

    Args:
        plan: What to compare.
        tell: Is told what is going on.

    Returns:
        The comparison.

    Raises:
        UsageError: A release that names something that is no aihwkit.
        StoreError: Environments or results cannot be written.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(plan.releases, plan.constraints)
    with snapshot() as code:
        found = [_surveyed(plan, release, recipe, code, tell) for release, recipe in prepared]
        measured = [
            one if place is None or not plan.words else _measured(plan, n, one, place, tell)
            for n, (one, place) in enumerate(found, start=1)
        ]
        places = {one.name: place for one, place in found if place is not None}
        if plan.turns and len(places) > 1:
            tell("", "timing small pieces of work in turns", False)
            measured = _timed(measured, places, plan.turns)
    return compare_releases(measured)


def prepare(
    releases: Sequence[Release], constraints: Path | None
) -> list[tuple[Release, Recipe | str]]:
    """Decide what each release's environment is made of.

    Args:
        releases: The releases.
        constraints: See `recipe_of`.

    Returns:
        Each release with its recipe, or with the reason why there is none.
    """
    uv = find_uv()
    sources = [_source(release, uv) for release in releases]
    known = [
        (release, source)
        for release, source in zip(releases, sources, strict=True)
        if isinstance(source, Source)
    ]
    here = ".".join(platform.python_version_tuple()[:2])
    wanted = [_wanted(release, source, uv) for release, source in known]
    chosen = iter(choose(wanted, here))
    found: list[tuple[Release, Recipe | str]] = []
    for release, source in zip(releases, sources, strict=True):
        if not isinstance(source, Source):
            found.append((release, source))
            continue
        pair = next(chosen)
        try:
            python: Interpreter = find_python(release.python or pair.python, uv)
        except ReleaseFailed as problem:
            found.append((release, str(problem)))
            continue
        found.append((release, recipe_of(source, pair, python, constraints)))
    return found


def _source(release: Release, uv: str | None) -> Source | str:
    try:
        latest = newest(uv, sys.executable) if release.kind == "latest" else None
        return source_of(release, latest)
    except ReleaseFailed as problem:
        return str(problem)


def _wanted(release: Release, source: Source, uv: str | None) -> Wanted:
    pythons = source.pythons
    if release.python is not None:
        try:
            version = find_python(release.python, uv).version
            pythons = (".".join(version.split(".")[:2]),)
        except ReleaseFailed:  # said where the interpreter is needed
            pythons = (release.python,) if release.python[0].isdigit() else pythons
    return Wanted(source.version, pythons, release.torch)


def _surveyed(
    plan: Plan, release: Release, recipe: Recipe | str, code: Path, tell: Tell
) -> tuple[Measured, Place | None]:
    begun = Measured(release.name, release.source)
    if isinstance(recipe, str):
        tell(release.name, recipe, False)
        return replace(begun, problem=recipe), None
    tell(release.name, "looking for its environment", False)
    try:
        environment = ensure(
            recipe,
            release.name,
            lambda line: tell(release.name, line, True),
            rebuild=plan.rebuild,
        )
        begun = replace(
            begun, environment=_sentence(environment), versions=_versions(environment, recipe)
        )
        tell(release.name, f"{begun.environment}; surveying it", False)
        place = Place(environment, code)
        found = survey(place)
    except ReleaseFailed as problem:
        tell(release.name, str(problem), False)
        return replace(begun, problem=str(problem)), None
    surveyed = replace(begun, survey=found, versions={**begun.versions, **found.versions})
    if not found.usable:
        tell(release.name, _UNUSABLE, False)
        return replace(surveyed, problem=_UNUSABLE), None
    return surveyed, place


def _measured(plan: Plan, number: int, release: Measured, place: Place, tell: Tell) -> Measured:
    # The number keeps names apart that are spelt alike, and from the comparison's own files.
    name = f"{number}-{_spelt(release.name)}"
    finished = plan.folder / f"{name}.json"
    if plan.resume and finished.is_file():
        tell(release.name, "its cases were measured before", False)
        return replace(release, run=read_run(finished))
    tell(release.name, "measuring its cases", False)
    # Results move to their place when there are all: what is there can be compared.
    unfinished = plan.folder / _UNFINISHED / finished.name
    unfinished.parent.mkdir(exist_ok=True)
    words = list(plan.words)
    if plan.resume and journal_path(unfinished).is_file():
        words.append("--resume")
    try:
        remark = bench(
            place,
            words,
            unfinished,
            plan.root,
            finished.with_suffix(".log"),
            lambda line: tell(release.name, line, True),
        )
    except ReleaseFailed as problem:
        tell(release.name, str(problem), False)
        return replace(release, problem=str(problem))
    for suffix in (".json", ".html"):
        with suppress(FileNotFoundError):
            os.replace(unfinished.with_suffix(suffix), finished.with_suffix(suffix))
    return replace(release, run=read_run(finished), remark=remark)


def _timed(measured: list[Measured], places: Mapping[str, Place], turns: int) -> list[Measured]:
    try:
        found = take_turns(places, turns)
    except ReleaseFailed as problem:
        # Timings are an extra: without them everything else still stands.
        return [_remarked(one, f"no timings: {problem}") for one in measured]
    return [_with_times(one, found[one.name]) if one.name in found else one for one in measured]


def _with_times(release: Measured, timed: Timed) -> Measured:
    reasons = [f"cannot be timed: {name} ({why})" for name, why in timed.impossible.items()]
    return _remarked(replace(release, turns=timed.turns), *reasons)


def _remarked(release: Measured, *remarks: str) -> Measured:
    return replace(release, remark="; ".join(filter(None, [release.remark, *remarks])))


def _versions(environment: Environment, recipe: Recipe) -> dict[str, str | None]:
    found = {name.lower(): version for name, version in environment.versions.items()}
    named = {name: found.get(name) for name in ("aihwkit", "torch", *_PACKAGES)}
    return {"python": recipe.python.version, **named}


def _sentence(environment: Environment) -> str:
    size = f"{environment.size / _MIB:,.0f} MiB"
    how = f"built in {environment.seconds:.0f} s" if environment.fresh else "found"
    return f"environment {environment.key} {how}, {size}"


def _spelt(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+@-]+", "_", name).strip("_.") or "release"


def check_folder(words: Sequence[str], root: Path) -> None:
    """See that there are studies.

    Args:
        words: What pytest is to be given, their folder first.
        root: The folder that pytest starts in.

    Raises:
        UsageError: There is no such folder.
    """
    if words and not (root / words[0]).exists():
        raise UsageError(
            f"there are no studies at {words[0]!r} here; name their folder with --bench, or "
            "compare without cases: --no-cases"
        )
