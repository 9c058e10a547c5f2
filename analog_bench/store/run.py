"""A run: where, when and how it was made, and all that came out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import astuple, replace

from analog_bench.codec import Json, check_plain
from analog_bench.defining_files import SourceFile
from analog_bench.layer_facts_record import LayerFacts
from analog_bench.propagation_record import LARGEST_FIGURE, Propagation
from analog_bench.records import Identity, Metric, Result, Scope, Seed, is_score
from analog_bench.zoo.model_shape import ModelShape

SHARD_OPTION = "shard"
"""The option of a shard, in a manifest."""


class Repository(Struct, frozen=True, forbid_unknown_fields=True):
    """The git repository that the bench files are in.

    Attributes:
        folder: Name of its top folder.
        commits: The commit that it was at when the run began, and the others when it was resumed;
            `-dirty` is appended where tracked files were changed, or a file of the run is none.
    """

    folder: str
    commits: tuple[str, ...]


class Sources(Struct, frozen=True, forbid_unknown_fields=True):
    """The user's own code that a run was made with.

    Attributes:
        repository: Where the bench files are kept; None where in no git repository.
        files: The bench files, the conftest files that apply to them, and extensions. One that was
            changed before the run was resumed is there with every content.
    """

    repository: Repository | None
    files: tuple[SourceFile, ...]


def joined_sources(parts: Sequence[Sources]) -> Sources:
    """Return the code of a run's parts, or of its beginning and its continuation, as one.

    Machines may name the folder of the checkout differently: the first one's counts.
    """
    repositories = [part.repository for part in parts if part.repository is not None]
    commits = dict.fromkeys(commit for one in repositories for commit in one.commits)
    repository = Repository(repositories[0].folder, tuple(commits)) if repositories else None
    files = dict.fromkeys(file for part in parts for file in part.files)
    by_name = sorted(files, key=lambda file: (file.role, file.file))
    return Sources(repository, tuple(by_name))


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where, when and how a run was made.

    Attributes:
        created: Start of the run, UTC, ISO 8601.
        seed: The run's one seed; everything random follows from it.
        command: The command line that started it.
        environment: Versions, platform, device, ...: names to texts, numbers, lists or objects.
        commit: Commit of the checkout the project ran from, `-dirty` appended where tracked files
            were changed; None where there is none.
        options: What was chosen on the command line, by name.
        sources: The user's own code; None where a verb measured by itself.
    """

    created: str
    seed: Seed
    command: str
    environment: Mapping[str, Json]
    commit: str | None
    options: Mapping[str, Json]
    sources: Sources | None = None

    def __post_init__(self) -> None:
        check_plain(self.environment)
        check_plain(self.options)

    @property
    def baselines(self) -> Path | None:
        """The folder of baselines that the run was compared with; None where with nothing.

        A shard is not compared by itself.
        """
        if self.options.get("gate") == "off" or SHARD_OPTION in self.options:
            return None
        return Path(str(self.options.get("baselines", "baselines")))


AGAIN = "as before: "
"""How the reason begins where a case failed in the same way when its run was stopped last."""


class Unmeasured(Struct, frozen=True, forbid_unknown_fields=True):
    """A case that a run was to measure, and has no result of.

    Attributes:
        study: Name of the study.
        case_id: `Case.id`.
        reason: Why its test failed, with AGAIN before it where it did so before; empty where the
            run was stopped before it.
    """

    study: str
    case_id: str
    reason: str = ""


class Incomplete(Struct, frozen=True, forbid_unknown_fields=True):
    """What is missing of a run.

    Attributes:
        cases: The cases without a result, at least one.
        command: The command line that measures them.
    """

    cases: Annotated[tuple[Unmeasured, ...], Meta(min_length=1)]
    command: str

    @property
    def stopped(self) -> bool:
        """Whether the run was stopped; otherwise all its tests ran, and some failed."""
        return any(not case.reason for case in self.cases)

    @property
    def stuck(self) -> bool:
        """Whether all that is missing failed as it did before: to resume again is no help."""
        return all(case.reason.startswith(AGAIN) for case in self.cases)


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """One case's result, and all that is needed to read it.

    Attributes:
        result: The result, as in the run file.
        scope: What it shares with the others of its study and model, as in the run file.
    """

    result: Result
    scope: Scope


class Group(Struct, frozen=True):
    """The results of one study on one model: what is read, and corrected for, together.

    There is at least one result. The main metric comes first, margins are those that count here.
    """

    scope: Scope
    results: tuple[Result, ...]
    metrics: tuple[Metric, ...]

    @property
    def main(self) -> Metric:
        """The metric that verdicts and tables are about."""
        return self.metrics[0]

    @property
    def digital(self) -> Result | None:
        """A result that speaks for the digital model: its weights are that model's.

        None where only other variants were measured: their results name other weights.
        """
        return next(iter(self.digital_by_protocol.values()), None)

    @property
    def digital_by_protocol(self) -> dict[str, Result]:
        """For every protocol a result that speaks for the digital model, as `digital` does."""
        direct: dict[str, Result] = {}
        for result in self.results:
            if result.variant == "direct":
                direct.setdefault(result.protocol, result)
        return direct


class Run(Struct, frozen=True):
    """All that a run leaves behind; there is a scope for every result.

    `incomplete` says what is missing; it is None where every case has a result. `shapes` are what
    the models compute that were on tiles as a whole, by the names that they have in results.
    """

    manifest: Manifest
    metrics: Mapping[str, Metric]
    scopes: tuple[Scope, ...]
    results: tuple[Result, ...]
    incomplete: Incomplete | None = None
    shapes: Mapping[str, ModelShape] = {}

    @property
    def groups(self) -> tuple[Group, ...]:
        """The results by study and model, as they are judged; scopes without any are left out."""
        members: dict[tuple[str, str], list[Result]] = {}
        for result in self.results:
            members.setdefault(result.study_and_model, []).append(result)
        groups = []
        for scope in self.scopes:
            results = members.get(scope.study_and_model)
            if results:
                scored = sorted({name for result in results for name in result.digital})
                metrics = scope.metrics(self.metrics, scored)
                groups.append(Group(scope, tuple(results), metrics))
        return tuple(groups)


def storable(result: Result) -> Result:
    """Return the result as it may be stored: with finite numbers only, chips by index.

    A result with a score that is not finite becomes `broken`, with a reason that names it; a broken
    or skipped result keeps no chips. Digital scores, scores of guessing and facts are left out if
    not finite, and so are a metric's digital scores of examples if one is not.
    """
    status, reason = result.status, result.reason
    problem = _not_finite(result) if status == "measured" else ""
    if problem:
        status, reason = "broken", problem
    facts = result.facts
    if facts and not all(math.isfinite(value) for value in _facts_numbers(facts)):
        facts = None
    chips = sorted(result.chips, key=lambda chip: chip.chip) if status == "measured" else ()
    return replace(
        result,
        status=status,
        reason=reason,
        digital=_finite(result.digital),
        chance=_finite(result.chance),
        chips=tuple(chips),
        facts=facts,
        digital_per_example={
            name: scores
            for name, scores in result.digital_per_example.items()
            if all(map(is_score, scores))
        },
    )


def by_identity(results: Iterable[Result]) -> dict[Identity, Result]:
    """Return results by what tells them apart."""
    return {result.identity: result for result in results}


def timeless(result: Result) -> Result:
    """Return the result as it may be stored, without what the clock says."""
    chips = tuple(replace(chip, seconds=0.0) for chip in result.chips)
    return storable(replace(result, chips=chips))


def _not_finite(result: Result) -> str:
    if not result.initial_chips:
        return "no chip was measured"
    for name, score in result.digital.items():
        if not is_score(score):
            return f"the digital model scored {score} for {name}"
    for chip in result.chips:
        for name, score in chip.scores.items():
            if not is_score(score):
                return f"chip {chip.chip} scored {score} for {name}"
        for name, scores in chip.per_example.items():
            if not all(map(is_score, scores)):
                return f"chip {chip.chip} scored an example of {name} with no finite number"
        if not all(map(math.isfinite, chip.fingerprint)):
            return f"chip {chip.chip} was programmed with weights that are not finite"
        if chip.propagation and not all(
            abs(figure) <= LARGEST_FIGURE for figure in _figures(chip.propagation)
        ):
            return f"chip {chip.chip} has noise along its blocks that is no finite number"
    return ""


def _figures(propagation: Propagation) -> Iterator[float]:
    spreads = [propagation.entering]
    for block in propagation.blocks:
        spreads += [spread for spread in astuple(block) if spread is not None]
    for spread in spreads:
        yield from astuple(spread)


def _finite(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: score for name, score in scores.items() if is_score(score)}


def _facts_numbers(facts: LayerFacts) -> tuple[float, ...]:
    ends = (facts.histogram.low, facts.histogram.high) if facts.histogram else ()
    return (facts.weight_std, facts.weight_max, facts.coverage_weights, facts.coverage_macs, *ends)
