"""Verdicts: what a change from the stored baseline means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from analog_bench.gate.chip_change import (
    RESOLUTION,
    ChipChange,
    confirmation_change,
    initial_change,
)
from analog_bench.gate.decision import LEVEL, Decision, Gains, Outcome, decide, suspicion
from analog_bench.gate.robustness import a_star
from analog_bench.gate.significance import Effect, detectable, interval_of
from analog_bench.records import Metric, Result
from analog_bench.store.baseline import CaseEntry

Kind = Outcome | Literal["new", "stale", "skipped", "broken"]

FAILING: frozenset[Kind] = frozenset({"regressed", "broken"})

# No metric is on such a scale; its square would leave the range of floats.
ABSURD = 1e100

# A* below the one where the baseline's is above the other: the case has collapsed to chance.
_AT_CHANCE = 0.05
_FAR_FROM_CHANCE = 0.25


@dataclass(frozen=True)
class Verdict:
    """The gate's verdict on one case, in one metric.

    Attributes:
        kind: `regressed`, `equivalent`, `improved` or `inconclusive` after a comparison; `new` (no
            baseline), `stale` (a baseline of something else), `skipped` and `broken` without one.
        metric: Name of the metric.
        change: New score − stored score, mean over the deciding set of chips, in the metric's unit;
            None without a comparison.
        interval: 95 % confidence interval of the change; None where there is none.
        margin: The change that matters, in the metric's unit.
        paired: Whether each chip was compared with itself.
        reason: One plain sentence.
        p: One-sided p-value of a suspected change, corrected for the number of cases; None where
            nothing was suspected.
        detectable: The smallest true worsening that initial chips such as these would have made
            suspicious four times in five, in the metric's unit; None where it cannot be told.
        looks: How many sets of chips were compared: 0, 1 or 2.
    """

    kind: Kind
    metric: str
    change: float | None
    interval: tuple[float, float] | None
    margin: float
    paired: bool
    reason: str
    p: float | None = None
    detectable: float | None = None
    looks: int = 0

    @property
    def fails(self) -> bool:
        """Whether this verdict fails a case: `regressed` and `broken` do, nothing else does."""
        return self.kind in FAILING


def judge_family(cases: Sequence[tuple[Result, CaseEntry | None]], metric: Metric) -> list[Verdict]:
    """Compare the results of one model in one study with their baselines.

    A skipped result is `skipped`; one without finite scores, or one that collapsed to chance where
    its baseline was far from it, is `broken`. Without a baseline a result is `new`; a baseline of
    another protocol, case version or weights is `stale` and never compared. Everything else is
    compared chip by chip where the chips are the same (see `pair_chips`), else by Welch's test, and
    decided as `decide` describes. Equal data is never `regressed`, whatever the margin.

    Args:
        cases: All results that are read together, each with its baseline.
        metric: The metric to compare in, with the margin that counts here.

    Returns:
        One verdict a case, in the same order.
    """
    verdicts = [_without_comparison(result, entry, metric) for result, entry in cases]
    compared = {
        n: _changes(result, entry, metric)
        for n, ((result, entry), verdict) in enumerate(zip(cases, verdicts, strict=True))
        if verdict is None and entry is not None
    }
    margin = max(metric.margin, RESOLUTION)
    gains = [
        Gains(initial.gain(metric), confirmation.gain(metric) if confirmation else None, margin)
        for initial, confirmation in compared.values()
    ]
    decided = {
        n: _verdict(*changes, decision, metric)
        for (n, changes), decision in zip(compared.items(), decide(gains), strict=True)
    }
    return [decided[n] if verdict is None else verdict for n, verdict in enumerate(verdicts)]


def judge(result: Result, entry: CaseEntry | None, metric: Metric) -> Verdict:
    """Compare one result with its baseline, as a family of one case: see `judge_family`."""
    return judge_family([(result, entry)], metric)[0]


def outcome(result: Result, verdict: Verdict | None, metric: Metric) -> Verdict | None:
    """Return the verdict; without one, `broken` or `skipped`, which need no baseline."""
    if verdict is None and result.status != "measured":
        return judge(result, None, metric)
    return verdict


def needs_confirmation(result: Result, entry: CaseEntry | None, metric: Metric) -> bool:
    """Return whether the initial chips look changed, so that fresh ones should confirm it."""
    if entry is None or _without_comparison(result, entry, metric) is not None:
        return False
    gain = initial_change(result, entry, metric).gain(metric)
    # Without a spread nothing is random, and fresh chips would be the same chip again.
    return gain.standard_error != 0.0 and suspicion(gain, metric.margin) != 0


def _changes(
    result: Result, entry: CaseEntry, metric: Metric
) -> tuple[ChipChange, ChipChange | None]:
    """Return the change on the initial chips, and on the confirmation chips where it counts."""
    initial = initial_change(result, entry, metric)
    # Updating a baseline measures both sets of chips: the second counts only where needed.
    needed = suspicion(initial.gain(metric), metric.margin) != 0
    return initial, confirmation_change(result, entry, metric) if needed else None


def _verdict(
    first: ChipChange, again: ChipChange | None, decision: Decision, metric: Metric
) -> Verdict:
    last = again or first
    sentence = _sentence(last, metric)
    if again is not None:
        sentence += f"; the first {first.how} had {first.effect.change:+.4g}"
    elif decision.p is not None and decision.outcome in ("regressed", "improved"):
        if first.effect.standard_error != 0.0:
            sentence += "; not confirmed on fresh chips"
    elif decision.p is not None:
        sentence += "; suspicious, but not so among so many cases, and not measured again"
    return Verdict(
        kind=decision.outcome,
        metric=metric.name,
        change=last.effect.change,
        interval=interval_of(last.effect),
        margin=metric.margin,
        paired=last.paired,
        reason=sentence,
        p=decision.p,
        detectable=_detectable(first.effect, max(metric.margin, RESOLUTION)),
        looks=2 if again else 1,
    )


def _detectable(effect: Effect, margin: float) -> float | None:
    """Return the drop that is both significant and beyond the margin four times in five."""
    significant = detectable(effect, LEVEL)
    if significant is None:
        return None
    beyond = detectable(effect, 0.5)  # what lies 0.84 standard errors above a bound
    return max(significant, margin + (beyond or 0.0))


def _sentence(change: ChipChange, metric: Metric) -> str:
    size = f"{metric.name} changed by {change.effect.change:+.4g} {metric.unit}"
    interval = interval_of(change.effect)
    if interval is None:
        return f"{size}; one chip shows no spread ({change.how})"
    low, high = interval
    return (
        f"{size}, 95 % interval {low:+.4g} to {high:+.4g}, margin {metric.margin:g} ({change.how})"
    )


def _without_comparison(result: Result, entry: CaseEntry | None, metric: Metric) -> Verdict | None:
    """Return the verdict of a case that cannot be compared; None where it can."""
    name = metric.name
    if result.status == "skipped":
        return uncompared("skipped", metric, result.reason)
    broken = _broken(result, name)
    if broken:
        return uncompared("broken", metric, broken)
    if entry is None:
        return uncompared("new", metric, "no baseline is stored for this case")
    stale = _stale(result, entry)
    if stale:
        return uncompared("stale", metric, stale)
    if name not in entry.chips[0].scores:
        return uncompared("new", metric, f"the baseline holds no {name}")
    collapsed = _collapsed(result, entry, name)
    if collapsed:
        return uncompared("broken", metric, collapsed)
    return None


def uncompared(kind: Kind, metric: Metric, reason: str) -> Verdict:
    """Return a verdict that rests on no comparison."""
    return Verdict(kind, metric.name, None, None, metric.margin, False, reason)


def _broken(result: Result, name: str) -> str:
    if result.status == "broken":
        return result.reason
    if not result.initial_chips:
        return "no chip was measured"
    for chip in result.chips:
        score = chip.scores.get(name)
        if score is None:
            return f"chip {chip.chip} has no {name}"
        if not abs(score) < ABSURD:  # true for NaN, too
            return f"chip {chip.chip} scored {score:g} for {name}"
    return ""


def _stale(result: Result, entry: CaseEntry) -> str:
    if entry.protocol != result.protocol:
        return other("protocol", entry.protocol, result.protocol)
    if entry.case_version != result.case_version:
        return other("case version", str(entry.case_version), str(result.case_version))
    if entry.weights != result.weights:
        return other("weights", entry.weights, result.weights)
    return ""


def other(what: str, stored: str, now: str) -> str:
    """Return the reason of a stale baseline: it is of another protocol, version or weights."""
    return f"the baseline is of another {what} ({stored[:12]}, now {now[:12]})"


def _collapsed(result: Result, entry: CaseEntry, name: str) -> str:
    """Return the reason where a case now scores like guessing, and did not before; else empty.

    That is no matter of statistics: one chip is enough to see it.
    """
    digital, chance = result.digital.get(name), result.chance.get(name)
    if digital is None or chance is None:
        return ""
    now = fmean(chip.scores[name] for chip in result.chips)
    before = fmean(chip.scores[name] for chip in entry.chips)
    stars = [a_star(score, digital, chance) for score in (now, before)]
    if stars[0] is None or stars[1] is None:
        return ""
    if stars[0] > _AT_CHANCE or stars[1] < _FAR_FROM_CHANCE:
        return ""
    return (
        f"{name} collapsed to chance: {now:.4g} where guessing has {chance:.4g}, was {before:.4g}"
    )
