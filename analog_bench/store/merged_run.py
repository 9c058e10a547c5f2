"""The shards of a run, joined into what the run would have been on one machine."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from analog_bench.errors import StoreError, UsageError
from analog_bench.records import Identity, Metric, Result
from analog_bench.spelling import counted
from analog_bench.store.environment import joined_environment, run_conflicts
from analog_bench.store.run import (
    SHARD_OPTION,
    Incomplete,
    Manifest,
    Run,
    joined_sources,
    timeless,
)
from analog_bench.store.shard import Shard, shard_of, without_shard

_ONE_SHARDS = ("--shard", "--json", "--resume")
"""Options of a shard's command line that the run's would not have, in one."""
_NAMED_AT_MOST = 9
K = TypeVar("K", bound=tuple[str, ...])
V = TypeVar("V")


class ShardFile(NamedTuple):
    """The results file of a shard, and what is in it."""

    path: Path
    run: Run


def merge_shards(files: Iterable[ShardFile]) -> Run:
    """Join all shards of a run into the run itself, but for seconds, dates and machines.

    Its environment says under `shards` where machines differ. Tests that failed in a shard leave
    the run incomplete, as they would have in the run.

    Raises:
        StoreError: A file is of no shard; a shard is missing, stands twice or was stopped; or
            numbers do not go together: other cases, settings, versions, data or weights, or
            another result of a case.
    """
    shards = _in_order(files)
    scopes = _agreeing(
        shards, lambda run: {s.study_and_model: s for s in run.scopes}, "the scope of"
    )
    shapes = _agreeing(
        shards, lambda run: {(m,): shape for m, shape in run.shapes.items()}, "the shape of"
    )
    _agreeing(shards, _files, "the file")
    _agreeing(shards, lambda run: {r.study_and_model: r.protocol for r in run.results}, "data of")
    _agreeing(
        shards, lambda run: {(r.model, r.variant): r.weights for r in run.results}, "weights of"
    )
    known: dict[Identity, tuple[ShardFile, Result]] = {}
    for shard in shards:
        for result in shard.run.results:
            there, same = known.setdefault(result.identity, (shard, result))
            if timeless(same) != timeless(result):
                raise _apart(there, shard, f"they have other numbers of {result.case_id}")
    metrics: dict[str, Metric] = {}
    for shard in shards:
        metrics |= shard.run.metrics
    results = sorted((result for _, result in known.values()), key=lambda result: result.identity)
    return Run(
        manifest=_manifest([shard.run for shard in shards]),
        metrics=metrics,
        scopes=tuple(scopes[name] for name in sorted(scopes)),
        results=tuple(results),
        incomplete=_incomplete([shard.run for shard in shards], known),
        shapes={model: shapes[model,] for (model,) in sorted(shapes)},
    )


def _in_order(files: Iterable[ShardFile]) -> list[ShardFile]:
    """Return the shards by number, after checking that all are there, once and complete."""
    numbered: dict[int, ShardFile] = {}
    first: tuple[ShardFile, Shard] | None = None
    for file in files:
        shard = _shard(file)
        first = first or (file, shard)
        _check_parts_of_one(*first, file, shard)
        twice = numbered.setdefault(shard.number, file)
        if twice is not file:
            where = f"{str(twice.path)!r} and {str(file.path)!r}"
            raise StoreError(f"shard {shard} stands twice, in {where}; leave one out")
        incomplete = file.run.incomplete
        if incomplete is not None and incomplete.stopped:
            raise StoreError(
                f"shard {shard} in {str(file.path)!r} was stopped, and lacks "
                f"{counted(len(incomplete.cases), 'case')}; complete it with {incomplete.command}"
            )
    if first is None:
        raise StoreError(
            "there is no shard to merge; name the results file of each, or their folder"
        )
    of = first[1].of
    missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in numbered]
    if missing:
        named = ", ".join(missing[:_NAMED_AT_MOST]) + ", ..." * (len(missing) > _NAMED_AT_MOST)
        raise StoreError(f"{counted(len(missing), 'shard')} missing: {named}")
    return [numbered[number] for number in sorted(numbered)]


def _check_parts_of_one(one: ShardFile, part: Shard, other: ShardFile, another: Shard) -> None:
    manifests = without_shard(one.run.manifest), without_shard(other.run.manifest)
    conflicts = run_conflicts(*manifests)
    if not conflicts and part.of != another.of:
        conflicts = f"the shards were of {part.of}, are of {another.of}"
    if not conflicts and part.selection != another.selection:
        commands = (repr(shard.run.manifest.command) for shard in (one, other))
        conflicts = f"other cases were selected by {' and '.join(commands)}"
    if conflicts:
        raise _apart(one, other, conflicts)


def _shard(file: ShardFile) -> Shard:
    try:
        shard = shard_of(file.run.manifest)
    except UsageError as problem:
        raise StoreError(f"run file {str(file.path)!r}: {problem}") from None
    if shard is None:
        raise StoreError(f"{str(file.path)!r} is a whole run, and no shard of one")
    return shard


def _agreeing(
    shards: Sequence[ShardFile], facts: Callable[[Run], Mapping[K, V]], what: str
) -> dict[K, V]:
    """Return facts of all shards by name, such as study and model; no two may differ."""
    known: dict[K, tuple[ShardFile, V]] = {}
    for shard in shards:
        for name, fact in facts(shard.run).items():
            there, same = known.setdefault(name, (shard, fact))
            if same != fact:
                raise _apart(there, shard, f"they differ in {what} {' '.join(name)}")
    return {name: fact for name, (_, fact) in known.items()}


def _files(run: Run) -> dict[tuple[str, str], str]:
    """Return the user's own files; what a shard had no case of, it need not have seen."""
    sources = run.manifest.sources
    return {(f.role, f.file): f.sha256 for f in sources.files} if sources is not None else {}


def _incomplete(runs: Sequence[Run], known: Mapping[Identity, object]) -> Incomplete | None:
    parts = [run.incomplete for run in runs if run.incomplete is not None]
    measured = {(study, case_id) for case_id, study, _ in known}
    cases = chain.from_iterable(part.cases for part in parts)
    missing = tuple(case for case in cases if (case.study, case.case_id) not in measured)
    return Incomplete(missing, "; ".join(part.command for part in parts)) if missing else None


def _manifest(runs: Sequence[Run]) -> Manifest:
    manifests = [run.manifest for run in runs]
    first = manifests[0]
    sources = [manifest.sources for manifest in manifests if manifest.sources is not None]
    options = {n: value for n, value in first.options.items() if n not in (SHARD_OPTION, "json")}
    return replace(
        first,
        created=min(manifest.created for manifest in manifests),
        command=_command(runs[0]),
        commit=max((m.commit for m in manifests if m.commit), key=len, default=None),
        environment=joined_environment([m.environment for m in manifests], "shards"),
        options=options,
        sources=joined_sources(sources) if sources else None,
    )


def _command(run: Run) -> str:
    """Return the command line of the whole run that this is a shard of."""
    try:
        words = iter(shlex.split(run.manifest.command))
    except ValueError as problem:
        raise StoreError(
            f"the command {run.manifest.command!r} cannot be read: {problem}"
        ) from None
    kept = []
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in _ONE_SHARDS:
            kept.append(word)
        elif not equals and name != "--resume":
            next(words, None)
    return shlex.join(kept)


def _apart(one: ShardFile, other: ShardFile, why: str) -> StoreError:
    return StoreError(
        f"cannot merge {str(one.path)!r} and {str(other.path)!r}, which do not go together: {why}"
    )
