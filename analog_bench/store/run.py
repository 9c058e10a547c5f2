"""A run: where, when and how it was made, and all that came out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from analog_bench.records import LayerFacts, Metric, Result, Scope
from analog_bench.store.document import Json


@dataclass(frozen=True)
class Manifest:
    """Where, when and how a run was made.

    Attributes:
        created: Start of the run, UTC, ISO 8601.
        seed: The run's one seed.
        command: The command line that started it.
        environment: Versions, platform, device, ...: names to texts, numbers, lists or objects.
        commit: Commit of the checkout the project ran from; None where there is none.
        options: What was chosen on the command line, by name.
    """

    created: str
    seed: int
    command: str
    environment: Mapping[str, Json]
    commit: str | None
    options: Mapping[str, Json]

    @property
    def baselines(self) -> Path | None:
        """The folder of baselines that the run was compared with; None where with nothing."""
        if self.options.get("gate") == "off":
            return None
        return Path(str(self.options.get("baselines", "baselines")))


@dataclass(frozen=True)
class Group:
    """The results of one study on one model: what is read, and corrected for, together.

    Attributes:
        scope: What they share.
        results: At least one.
        metrics: The metrics of their scores, the main one first, with the margins that count here.
    """

    scope: Scope
    results: tuple[Result, ...]
    metrics: tuple[Metric, ...]

    @property
    def digital(self) -> Result | None:
        """A result that speaks for the digital model: its weights are that model's.

        None where only HWA weights were measured: their results name other weights.
        """
        return next(iter(self.digital_by_protocol.values()), None)

    @property
    def digital_by_protocol(self) -> dict[str, Result]:
        """For every protocol a result that speaks for the digital model, as `digital` does."""
        found: dict[str, Result] = {}
        for result in self.results:
            if result.variant == "direct":
                found.setdefault(result.protocol, result)
        return found


@dataclass(frozen=True)
class Run:
    """All that a run leaves behind.

    Attributes:
        manifest: Where, when and how.
        metrics: The metrics its scores are in, by name.
        scopes: What the results of each study on each model share; one for every result.
        results: One record a case.
    """

    manifest: Manifest
    metrics: Mapping[str, Metric]
    scopes: tuple[Scope, ...]
    results: tuple[Result, ...]

    @property
    def groups(self) -> tuple[Group, ...]:
        """The results by study and model, as they are judged; scopes without any are left out."""
        found = []
        for scope in self.scopes:
            key = (scope.study, scope.model)
            results = tuple(r for r in self.results if (r.study, r.model) == key)
            if results:
                scored = sorted({name for result in results for name in result.digital})
                found.append(Group(scope, results, scope.metrics(self.metrics, scored)))
        return tuple(found)


def settled(result: Result) -> Result:
    """Return the result as it may be stored: with finite numbers only.

    A result with a score that is not finite becomes `broken`, with a reason that says which; a
    broken or skipped result keeps no chips. Digital scores, scores of guessing and facts that are
    not finite are left out.

    Args:
        result: As the engine returned it.

    Returns:
        The same record where nothing is amiss.
    """
    status, reason = result.status, result.reason
    problem = _not_finite(result) if status == "measured" else ""
    if problem:
        status, reason = "broken", problem
    facts = result.facts
    if facts and not all(math.isfinite(value) for value in _facts_numbers(facts)):
        facts = None
    return replace(
        result,
        status=status,
        reason=reason,
        digital=_finite(result.digital),
        chance=_finite(result.chance),
        chips=result.chips if status == "measured" else (),
        facts=facts,
    )


def _not_finite(result: Result) -> str:
    if not result.initial_chips:
        return "no chip was measured"
    for name, score in result.digital.items():
        if not math.isfinite(score):
            return f"the digital model scored {score} for {name}"
    for chip in result.chips:
        for name, score in chip.scores.items():
            if not math.isfinite(score):
                return f"chip {chip.chip} scored {score} for {name}"
        for name, scores in chip.per_example.items():
            if not all(map(math.isfinite, scores)):
                return f"chip {chip.chip} scored an example of {name} with no finite number"
        if not all(map(math.isfinite, chip.fingerprint)):
            return f"chip {chip.chip} was programmed with weights that are not finite"
    return ""


def _finite(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: score for name, score in scores.items() if math.isfinite(score)}


def _facts_numbers(facts: LayerFacts) -> tuple[float, ...]:
    ends = (facts.histogram.low, facts.histogram.high) if facts.histogram else ()
    return (facts.weight_std, facts.weight_max, facts.coverage_weights, facts.coverage_macs, *ends)
