"""The end of a run: its files are written, its results judged, its baselines updated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analog_bench.errors import BenchError
from analog_bench.records import Identity
from analog_bench.session.recorder import Recorder, store_baselines
from analog_bench.session.report_files import publish
from analog_bench.session.settings import Settings
from analog_bench.store.baseline import Change, Provenance

if TYPE_CHECKING:
    from analog_bench.gate.case_verdicts import Verdict
    from analog_bench.gate.run_verdicts import Judgement


@dataclass(frozen=True)
class Conclusion:
    """What a run comes to.

    Attributes:
        judgement: Its verdicts; None where nothing was compared.
        changes: What changed in the baselines; None where they were not updated.
        published: Lines on what was written for readers.
        problem: Why the results could not be written or judged; empty where they were.
    """

    judgement: Judgement | None = None
    changes: tuple[Change, ...] | None = None
    published: tuple[str, ...] = ()
    problem: str = ""

    def regressed_cases(self, settings: Settings) -> Mapping[Identity, Verdict]:
        """Return the cases that fail now that all are known: `broken` ones have failed already."""
        if self.judgement is None or not _gated(settings) or settings.requirements:
            return {}
        cases = self.judgement.cases.items()
        return {which: verdict for which, verdict in cases if verdict.kind == "regressed"}

    def failed_digital(self, settings: Settings) -> list[tuple[str, str, Verdict]]:
        """Return study, model and verdict where the digital model itself fails."""
        if self.judgement is None or not _gated(settings):
            return []
        return [
            (study, model, verdict)
            for (study, model), verdicts in self.judgement.digital.items()
            for verdict in verdicts.values()
            if verdict.fails
        ]


def conclude(recorder: Recorder) -> Conclusion:
    """Write the results, judge them, update baselines where asked, and write the report.

    Errors become part of the conclusion: nothing may keep the rest from being shown.
    """
    # Not at the top: these import scipy and torch, which collecting cases does without.
    from analog_bench.gate.run_verdicts import StoredBaselines, judge_groups
    from analog_bench.session.model_cache import environment_facts

    settings = recorder.settings
    if not recorder.environment:
        recorder.environment.update(environment_facts(settings.device))
    judgement, changes, problem = None, None, ""
    try:
        recorder.write()
        if settings.gate != "off":
            # Against the baselines as they are before any update.
            judgement = judge_groups(recorder.groups(), StoredBaselines(settings.baselines))
        if settings.update_baselines:
            provenance = Provenance.of(recorder.manifest())
            changes = tuple(store_baselines(recorder.groups(), provenance, settings.baselines))
    except BenchError as error:
        problem = str(error)
    return Conclusion(judgement, changes, publish(recorder, judgement), problem)


def _gated(settings: Settings) -> bool:
    return settings.gate == "fail" and not settings.update_baselines
