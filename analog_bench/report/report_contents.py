"""What a report is about: a run's results with what the gate says of them, study by study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from analog_bench.gate.case_verdicts import Verdict, outcome
from analog_bench.gate.robustness_scores import digital_at_chance
from analog_bench.gate.run_verdicts import Judgement
from analog_bench.records import SEVERAL, Identity, Metric, Result, Scope
from analog_bench.report.words import capitalised
from analog_bench.store.baseline import Provenance
from analog_bench.store.run import Incomplete, Manifest, Run
from analog_bench.zoo.model_shape import ModelShape


@dataclass(frozen=True)
class Judged:
    """The results of one study on one model, at least one, with their verdicts.

    The metrics are those of their scores, the main one first, with the margins that count here;
    `digital` holds the verdict on the digital model by metric. Where nothing was compared, there
    are no verdicts.
    """

    scope: Scope
    metrics: tuple[Metric, ...]
    results: tuple[Result, ...]
    verdicts: Mapping[Identity, Verdict]
    digital: Mapping[str, Verdict]

    @property
    def main(self) -> Metric:
        """The metric that verdicts and plots are about."""
        return self.metrics[0]

    @property
    def measured(self) -> tuple[Result, ...]:
        """The results that have scores."""
        return tuple(result for result in self.results if result.status == "measured")

    def verdict_of(self, result: Result) -> Verdict | None:
        """Return what the gate says of a result; None where it was not compared."""
        return self.verdicts.get(result.identity)

    def outcome_of(self, result: Result) -> Verdict | None:
        """Return what is to be said of a result, as `gate.case_verdicts.outcome` has it."""
        return outcome(result, self.verdict_of(result), self.main)

    @property
    def guesses(self) -> str:
        """`unranked` of its results: what layers and terms of the hardware cost says nothing."""
        return unranked(self.results, self.main)

    @property
    def writes(self) -> bool:
        """Whether it is about texts that the model writes."""
        return any(result.digital_texts for result in self.results)


JudgedCase: TypeAlias = tuple[Judged, Result, Verdict]
"""A case with its study and its verdict."""


@dataclass(frozen=True)
class Contents:
    """All that a report shows: a run, study by study, and the baselines, the newest first.

    `source` names the results file, where there is one; `anchors` are places on a page.
    `incomplete` says what is missing of the run, `shapes` what its models compute.
    """

    manifest: Manifest
    studies: tuple[Judged, ...]
    source: str
    baselines: tuple[Provenance, ...]
    anchors: Mapping[Identity, str]
    incomplete: Incomplete | None = None
    shapes: Mapping[str, ModelShape] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in the order of the run."""
        return tuple(dict.fromkeys(study.scope.model for study in self.studies))

    @property
    def pairs(self) -> Iterator[tuple[Judged, Result]]:
        """Every result with its study."""
        return ((study, result) for study in self.studies for result in study.results)

    @property
    def judged(self) -> list[JudgedCase]:
        """Every result that was compared, is broken or was skipped."""
        return [
            (study, result, verdict)
            for study, result in self.pairs
            if (verdict := study.outcome_of(result)) is not None
        ]

    def of_model(self, model: str) -> tuple[Judged, ...]:
        """Return the studies on one model."""
        return tuple(study for study in self.studies if study.scope.model == model)

    def link(self, result: Result) -> str:
        """Return the address of a result's raw values on the page."""
        return f"#{self.anchors[result.identity]}"


def contents_of(
    run: Run,
    verdicts: Mapping[Identity, Verdict],
    digital: Mapping[tuple[str, str], Mapping[str, Verdict]],
    *,
    baselines: Sequence[Provenance] = (),
    source: str = "",
) -> Contents:
    """Put a run and its verdicts together; those on the digital models are by study and model."""
    studies = tuple(
        Judged(
            scope=group.scope,
            metrics=group.metrics,
            results=group.results,
            verdicts={
                result.identity: verdicts[result.identity]
                for result in group.results
                if result.identity in verdicts
            },
            digital=digital.get(group.scope.study_and_model, {}),
        )
        for group in run.groups
    )
    # Neither ids nor names go into an address: they may hold anything.
    ordered = [result for study in studies for result in study.results]
    return Contents(
        manifest=run.manifest,
        studies=studies,
        source=source,
        baselines=tuple(sorted(set(baselines), key=lambda b: b.created, reverse=True)),
        anchors={result.identity: f"case-{n}" for n, result in enumerate(ordered, start=1)},
        incomplete=run.incomplete,
        shapes=run.shapes,
    )


def judged_contents(run: Run, judgement: Judgement | None, source: str) -> Contents:
    """Return what a report shows of a run; without a judgement, nothing was compared."""
    known = judgement or Judgement({}, {})
    baselines = tuple(known.baselines)
    return contents_of(run, known.cases, known.digital, baselines=baselines, source=source)


def unranked(results: Iterable[Result], metric: Metric) -> str:
    """Return why nothing of one study on one model is ranked; empty where it is.

    The digital model is not known to be better than guessing, so nothing is known to be lost.
    """
    why = next((why for result in results if (why := digital_at_chance(result, metric))), "")
    return f"{capitalised(why)}, so nothing can be ranked." if why else ""


def is_single(result: Result) -> bool:
    """Whether a result is of one layer alone."""
    return result.facts is not None and result.facts.kind != SEVERAL


def is_several(result: Result) -> bool:
    """Whether a result is of several layers at once."""
    return result.facts is not None and result.facts.kind == SEVERAL
