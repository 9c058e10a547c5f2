"""Explain why a result is not compared with its baseline: skipped, broken, new or stale."""

from __future__ import annotations

from statistics import fmean
from typing import Literal, TypeAlias

from analog_bench.content_name import names_in
from analog_bench.gate.chip_change import Examples
from analog_bench.gate.robustness_scores import a_star, digital_at_chance
from analog_bench.records import Metric, Result, is_score
from analog_bench.spelling import counted
from analog_bench.store.baseline import CaseEntry, DigitalEntry

Uncompared: TypeAlias = Literal["new", "stale", "skipped", "broken"]

# A case has collapsed to chance if its A* is at most the first and its baseline's at least the
# second.
_AT_CHANCE = 0.05
_FAR_FROM_CHANCE = 0.25


def why_not_compared(
    result: Result, entry: CaseEntry | None, metric: Metric, examples: Examples
) -> tuple[Uncompared, str] | None:
    """Return the kind and reason of a result that cannot be compared; None if it can."""
    name = metric.name
    if result.status == "skipped":
        return "skipped", result.reason
    if broken := _broken(result, name):
        return "broken", broken
    if entry is None:
        return "new", "no baseline is stored for this case"
    if stale := why_stale(result, entry, examples):
        return "stale", stale
    if name not in entry.chips[0].scores:
        return "new", f"the baseline holds no {name}"
    if collapsed := _collapsed(result, entry, metric):
        return "broken", collapsed
    return None


def why_stale(result: Result, entry: CaseEntry | DigitalEntry, examples: Examples) -> str:
    """Return how a stale baseline differs, as `96 examples then, 8 now`; empty if not stale.

    Beyond its fingerprint, only a protocol's number of examples is known.
    """
    if isinstance(entry, CaseEntry) and (changed := _changed_files(result, entry)):
        return f"{changed} changed since the baseline"
    if entry.protocol != result.protocol:
        then, now = examples.get(entry.protocol), examples.get(result.protocol)
        if then is not None and now is not None and then != now:
            differs = f"{counted(then, 'example')} then, {now} now"
        else:
            same = f"as many examples ({now}), but " if now is not None and then == now else ""
            differs = f"{same}other data, tokeniser, lengths or metric versions"
        return f"the baseline is of another protocol: {differs}"
    if isinstance(entry, CaseEntry) and entry.case_version != result.case_version:
        versions = f"{entry.case_version} then, {result.case_version} now"
        return f"the baseline is of another case version: {versions}"
    if entry.weights != result.weights:
        weights = f"{entry.weights[:12]} then, {result.weights[:12]} now"
        return f"the baseline is of other weights: {weights}"
    return ""


def _changed_files(result: Result, entry: CaseEntry) -> str:
    """Return the files that changed since the baseline, as `noise in my.py has`; else empty.

    A baseline that does not record its files is assumed to have used the same ones.
    """
    then, now = names_in(entry.case_id), names_in(result.case_id)
    changed = [name for name in now if now[name] != then.get(name)]
    if not changed:
        known = {source.sha256 for source in entry.sources}
        roles = {source.role for source in entry.sources}
        changed = [
            f"{source.role} in {source.file}"
            for source in result.sources
            if source.role in roles and source.sha256 not in known
        ]
    if not changed:
        return ""
    return f"{' and '.join(changed)} {'has' if len(changed) == 1 else 'have'}"


def _broken(result: Result, name: str) -> str:
    if result.status == "broken":
        return result.reason or "it has no finite score"
    if not result.initial_chips:
        return "no chip was measured"
    for chip in result.chips:
        score = chip.scores.get(name)
        if score is None:
            return f"chip {chip.chip} has no {name}"
        if not is_score(score):
            return f"chip {chip.chip} scored {score:g} for {name}"
    return ""


def _collapsed(result: Result, entry: CaseEntry, metric: Metric) -> str:
    """Return the reason if a case now scores like guessing and did not before; else empty.

    This needs no statistics: one chip is enough to see it. It does not count against the chip if
    the digital model is no better than guessing.
    """
    name = metric.name
    digital, chance = result.digital.get(name), result.chance.get(name)
    if digital is None or chance is None:
        return ""
    now = fmean(chip.scores[name] for chip in result.chips)
    before = fmean(chip.scores[name] for chip in entry.chips)
    if metric.loss(chance, digital) <= metric.margin:
        was_far, is_far = (metric.loss(chance, score) > metric.margin for score in (before, now))
        lost = was_far and not is_far
        at_chance = digital_at_chance(result, metric)
        return f"{at_chance}, and this case had {before:.4g}" if lost else ""
    stars = [a_star(score, digital, chance) for score in (now, before)]
    if stars[0] is None or stars[1] is None:
        return ""
    if stars[0] > _AT_CHANCE or stars[1] < _FAR_FROM_CHANCE:
        return ""
    return (
        f"{name} collapsed to chance: {now:.4g} where guessing has {chance:.4g}, was {before:.4g}"
    )
