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
from analog_bench.gate.decision_rule import LEVEL, Decision, Gains, Outcome, decide, suspicion
from analog_bench.gate.robustness_scores import a_star
from analog_bench.gate.significance import Effect, detectable, telling_interval
from analog_bench.records import Metric, Result
from analog_bench.store.baseline import CaseEntry, DigitalEntry

Kind = Outcome | Literal["new", "stale", "skipped", "broken"]

FAILING: frozenset[Kind] = frozenset({"regressed", "broken"})

# Share of a metric's margin by which digital scores may differ between torch releases, whose
# kernels sum in another order: 0.05 points of F1 where the margin is 1.
DIGITAL_SHARE = 0.05

# No metric is on such a scale; its square would leave the range of floats.
_ABSURD = 1e100

# A* below the one where the baseline's is above the other: the case has collapsed to chance.
_AT_CHANCE = 0.05
_FAR_FROM_CHANCE = 0.25


@dataclass(frozen=True)
class Verdict:
    """The gate's verdict on one case, in one metric.

    Attributes:
        kind: `regressed`, `equivalent`, `improved` or `inconclusive` after a comparison; `new` (no
            baseline), `stale` (a baseline of something else), `skipped` and `broken` without one.
        change: New score − stored score, mean over the deciding set of chips, in the metric's unit;
            None without a comparison.
        interval: 95 % confidence interval of the change; None where there is none.
        margin: The change that matters, in the metric's unit.
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
    decided as `decide` describes. Equal data is never `regressed`, whatever the margin. The
    metric's margin is the one that counts in this study.
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


def judge_digital(result: Result, entry: DigitalEntry | None, metric: Metric) -> Verdict:
    """Compare the digital model's score, as a result holds it, with its baseline.

    The digital model draws nothing, so nothing is tested: its score should be the stored one.
    Releases of torch may differ by up to 5 % of the metric's margin (0.05 points where the margin
    is 1), which is `equivalent` and says so; beyond that it is `regressed` or `improved`. The
    verdict's margin is that tolerance, its interval the change itself.
    """
    name, score = metric.name, result.digital.get(metric.name)
    if score is None or not abs(score) < _ABSURD:
        broken = result.reason if result.status == "broken" and not result.digital else ""
        return _uncompared("broken", metric, broken or f"the digital model has no finite {name}")
    if entry is None:
        unknown = "no digital baseline is stored for this protocol"
        return _uncompared("new", metric, digital_at_chance(result, metric) or unknown)
    if stale := _stale(result, entry, "protocol", "weights"):
        return _uncompared("stale", metric, stale)
    stored = entry.scores.get(name)
    if stored is None:
        return _uncompared("new", metric, f"the digital baseline holds no {name}")
    change = score - stored
    tolerance = max(DIGITAL_SHARE * metric.margin, RESOLUTION)
    kind: Kind = "equivalent"
    if abs(change) > tolerance:
        kind = "improved" if metric.gain(change) > 0 else "regressed"
    reason = f"{name} is the stored {stored:.6g}"
    if abs(change) > RESOLUTION:
        reason = (
            f"{name} was {stored:.6g}, is {score:.6g}; {tolerance:.4g} {metric.unit} may lie "
            "between torch releases"
        )
    if at_chance := digital_at_chance(result, metric):
        reason += f"; {at_chance}"
    interval = (change, change)
    return Verdict(kind, name, change, interval, tolerance, True, reason, None, tolerance, looks=1)


def digital_at_chance(result: Result, metric: Metric) -> str:
    """Return the sentence where the digital model is no better than guessing; else empty."""
    digital, chance = result.digital.get(metric.name), result.chance.get(metric.name)
    if digital is None or chance is None or metric.loss(chance, digital) > metric.margin:
        return ""
    return (
        f"the digital model itself is at chance: {metric.name} {digital:.4g} where guessing has "
        f"{chance:.4g}"
    )


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
        interval=telling_interval(last.effect),
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
    interval = telling_interval(change.effect)
    if interval is None:
        return f"{size}; too few chips for an interval ({change.how})"
    low, high = interval
    return (
        f"{size}, 95 % interval {low:+.4g} to {high:+.4g}, margin {metric.margin:g} ({change.how})"
    )


def _without_comparison(result: Result, entry: CaseEntry | None, metric: Metric) -> Verdict | None:
    """Return the verdict of a case that cannot be compared; None where it can."""
    name = metric.name
    if result.status == "skipped":
        return _uncompared("skipped", metric, result.reason)
    if broken := _broken(result, name):
        return _uncompared("broken", metric, broken)
    if entry is None:
        return _uncompared("new", metric, "no baseline is stored for this case")
    if stale := _stale(result, entry, "protocol", "case_version", "weights"):
        return _uncompared("stale", metric, stale)
    if name not in entry.chips[0].scores:
        return _uncompared("new", metric, f"the baseline holds no {name}")
    if collapsed := _collapsed(result, entry, metric):
        return _uncompared("broken", metric, collapsed)
    return None


def _uncompared(kind: Kind, metric: Metric, reason: str) -> Verdict:
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
        if not abs(score) < _ABSURD:  # true for NaN, too
            return f"chip {chip.chip} scored {score:g} for {name}"
    return ""


def _stale(result: Result, entry: CaseEntry | DigitalEntry, *names: str) -> str:
    """Return in which of these fields a baseline is of something else; empty for none."""
    for name in names:
        stored, now = str(getattr(entry, name)), str(getattr(result, name))
        if stored != now:
            what = name.replace("_", " ")
            return f"the baseline is of another {what} ({stored[:12]}, now {now[:12]})"
    return ""


def _collapsed(result: Result, entry: CaseEntry, metric: Metric) -> str:
    """Return the reason where a case now scores like guessing, and did not before; else empty.

    That is no matter of statistics: one chip is enough to see it. Nor is it the chip's doing where
    the digital model does no better.
    """
    name = metric.name
    digital, chance = result.digital.get(name), result.chance.get(name)
    if digital is None or chance is None:
        return ""
    now = fmean(chip.scores[name] for chip in result.chips)
    before = fmean(chip.scores[name] for chip in entry.chips)
    if at_chance := digital_at_chance(result, metric):
        far = metric.loss(chance, before) > metric.margin
        return f"{at_chance}, and this case had {before:.4g}" if far else ""
    stars = [a_star(score, digital, chance) for score in (now, before)]
    if stars[0] is None or stars[1] is None:
        return ""
    if stars[0] > _AT_CHANCE or stars[1] < _FAR_FROM_CHANCE:
        return ""
    return (
        f"{name} collapsed to chance: {now:.4g} where guessing has {chance:.4g}, was {before:.4g}"
    )
