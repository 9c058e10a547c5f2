"""Verdicts: what a change from the stored baseline means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.gate.chip_change import RESOLUTION, UNKNOWN, ChipChange, Examples
from analog_bench.gate.decision_rule import LEVEL, Outcome
from analog_bench.gate.detectable_effect import detectable
from analog_bench.gate.family_decision import DecidedCase, decide_family, looks_changed
from analog_bench.gate.not_compared import (
    Uncompared,
    why_not_compared,
    why_stale,
)
from analog_bench.gate.robustness_scores import digital_at_chance
from analog_bench.gate.significance import Effect, telling_interval
from analog_bench.records import Metric, Result, is_score
from analog_bench.spelling import counted
from analog_bench.store.baseline import CaseEntry, DigitalEntry

Kind = Outcome | Uncompared

FAILING: frozenset[Kind] = frozenset({"regressed", "broken"})

DIGITAL_SHARE = 0.05
"""Share of a metric's margin by which digital scores may differ.

Kernels of other torch releases and devices sum in another order, and precisions differ. With a
margin of 1 point of F1, 0.05 points are tolerated.
"""


@dataclass(frozen=True)
class Verdict:
    """The gate's verdict on one case, in one metric.

    Attributes:
        kind: `regressed`, `equivalent`, `improved` or `inconclusive` after a comparison. Without
            one: `new` (no baseline), `stale` (a baseline of something else), `skipped` or `broken`.
        metric: Name of the metric.
        change: New score − stored score, mean over the deciding set of chips, in the metric's unit;
            None without a comparison.
        interval: 95 % confidence interval of the change; None where there is none.
        margin: The change that matters, in the metric's unit.
        paired: Whether the change is over the same chips on both sides.
        reason: One plain sentence.
        p: One-sided p-value of a suspected change, corrected for the number of cases; None where
            nothing was suspected.
        detectable: The smallest true worsening that initial chips such as these would have flagged
            four times in five, in the metric's unit; None where it cannot be computed.
        looks: Number of sets of chips compared: 0, 1 or 2.
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
        """Whether this verdict fails a case, as only `regressed` and `broken` do."""
        return self.kind in FAILING


def judge_family(
    cases: Sequence[tuple[Result, CaseEntry | None]], metric: Metric, examples: Examples = UNKNOWN
) -> list[Verdict]:
    """Compare the results of one model in one study with their baselines.

    - `skipped`: the result was skipped.
    - `broken`: it has no finite scores, or it collapsed to chance and its baseline was far from it.
    - `new`: there is no baseline.
    - `stale`: the baseline belongs to another protocol, case version or weights, so it is not
      compared.

    Every other result is compared chip by chip if the chips are the same (see `pair_chips`), else
    by Welch's test, and decided as `decide_family` describes. Identical data is never `regressed`,
    whatever the margin.

    Args:
        cases: Results, each with its baseline entry or None.
        metric: The metric to compare, with the margin that counts in this study.
        examples: Number of examples per protocol. It determines the step size of scores and helps
            to explain a stale baseline.

    Returns:
        One verdict per case, in the order given.
    """
    refused = [why_not_compared(result, entry, metric, examples) for result, entry in cases]
    comparable = [
        (result, entry)
        for (result, entry), refusal in zip(cases, refused, strict=True)
        if refusal is None and entry is not None
    ]
    decided = iter(decide_family(comparable, metric, examples))
    return [
        _verdict(next(decided), metric, len(comparable))
        if refusal is None
        else _uncompared(*refusal, metric)
        for refusal in refused
    ]


def judge(
    result: Result, entry: CaseEntry | None, metric: Metric, examples: Examples = UNKNOWN
) -> Verdict:
    """Compare one result with its baseline as a family of one case; see `judge_family`."""
    return judge_family([(result, entry)], metric, examples)[0]


def judge_digital(
    result: Result, entry: DigitalEntry | None, metric: Metric, examples: Examples = UNKNOWN
) -> Verdict:
    """Compare the digital model's score in a result with its baseline.

    The digital model draws nothing, so there is no test: its score should be the stored one. A
    difference of up to 5 % of the metric's margin (0.05 points for a margin of 1) is `equivalent`,
    since releases of torch, devices and precisions differ by that much; the reason names it. A
    larger change is `regressed` or `improved`. The verdict's margin is that tolerance, and its
    interval is the change itself.
    """
    name, score = metric.name, result.digital.get(metric.name)
    if score is None or not is_score(score):
        broken = result.reason if result.status == "broken" and not result.digital else ""
        return _uncompared("broken", broken or f"the digital model has no finite {name}", metric)
    if entry is None:
        unknown = "no digital baseline is stored for this protocol"
        return _uncompared("new", digital_at_chance(result, metric) or unknown, metric)
    if stale := why_stale(result, entry, examples):
        return _uncompared("stale", stale, metric)
    stored = entry.scores.get(name)
    if stored is None:
        return _uncompared("new", f"the digital baseline holds no {name}", metric)
    change = score - stored
    tolerance = max(DIGITAL_SHARE * metric.margin, RESOLUTION)
    kind: Kind = "equivalent"
    if abs(change) > tolerance:
        kind = "improved" if metric.gain(change) > 0 else "regressed"
    reason = f"{name} is the stored {stored:.6g}"
    if abs(change) > RESOLUTION:
        reason = (
            f"{name} was {stored:.6g}, is {score:.6g}; {tolerance:.4g} {metric.unit} may lie "
            "between releases of torch, and between devices"
        )
    if at_chance := digital_at_chance(result, metric):
        reason += f"; {at_chance}"
    interval = (change, change)
    return Verdict(kind, name, change, interval, tolerance, True, reason, None, tolerance, looks=1)


def outcome(result: Result, verdict: Verdict | None, metric: Metric) -> Verdict | None:
    """Return the verdict; without one, judge `broken` and `skipped`, which need no baseline."""
    if verdict is None and result.status != "measured":
        return judge(result, None, metric)
    return verdict


def needs_confirmation(
    result: Result, entry: CaseEntry | None, metric: Metric, examples: Examples = UNKNOWN
) -> bool:
    """Return whether the initial chips look changed, so that fresh chips should confirm it."""
    if entry is None or why_not_compared(result, entry, metric, examples) is not None:
        return False
    return looks_changed(result, entry, metric, examples)


def _verdict(case: DecidedCase, metric: Metric, family: int) -> Verdict:
    first, again, decision = case.initial, case.confirmation, case.decision
    last = again or first
    return Verdict(
        kind=decision.outcome,
        metric=metric.name,
        change=last.effect.change,
        interval=telling_interval(last.effect),
        margin=metric.margin,
        paired=last.paired,
        reason=_sentence(last, metric) + _looks(case, family),
        p=decision.p,
        detectable=_detectable(first.effect, max(metric.margin, RESOLUTION)),
        looks=2 if again else 1,
    )


def _looks(case: DecidedCase, family: int) -> str:
    """Return how the compared chips led to the decision, as the end of a sentence."""
    first, p = case.initial, case.decision.p
    if case.confirmation is not None:
        also = f"; the first {first.how} had {first.effect.change:+.4g}"
        if not case.shares_chips:
            return also
        return f"{also}; the baseline has no confirmation chips, so p counts {_cases(family)}"
    if p is None or first.effect.tested_error == 0.0:
        return ""
    if case.decision.outcome in ("regressed", "improved"):
        return f"; not confirmed on fresh chips, so p counts {_cases(family)}"
    return f"; suspicious, but not so among {_cases(family)}, and not measured again"


def _cases(number: int) -> str:
    return f"all {counted(number, 'case')}" if number > 1 else "1 case"


def _detectable(effect: Effect, margin: float) -> float | None:
    """Return the drop that is both significant and beyond the margin four times in five."""
    significant = detectable(effect, LEVEL)
    if significant is None:
        return None
    beyond = detectable(effect, 0.5)  # the 0.84 standard errors of 80 % power
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


def _uncompared(kind: Kind, reason: str, metric: Metric) -> Verdict:
    return Verdict(kind, metric.name, None, None, metric.margin, False, reason)
