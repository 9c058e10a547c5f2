"""Verdicts: what a change from the stored baseline means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analog_bench.gate.interval import Interval, difference_interval, mean_interval
from analog_bench.gate.pairing import pair_chips
from analog_bench.result import Metric, Result
from analog_bench.store.baseline import SCORE_DECIMALS, CaseEntry, DigitalEntry

Kind = Literal[
    "regressed", "equivalent", "improved", "inconclusive", "new", "stale", "skipped", "broken"
]

FAILING: frozenset[Kind] = frozenset({"regressed", "broken"})

# Share of a metric's margin by which digital scores may differ between torch releases, whose
# kernels sum in another order: 0.05 points of F1 where the margin is 1.
DIGITAL_SHARE = 0.05

# Stored scores are rounded; what differs by less than that does not differ.
_RESOLUTION = 10.0**-SCORE_DECIMALS

# No metric is on such a scale; its square would leave the range of floats.
_ABSURD = 1e100

# Families that draw nothing: one chip says all there is to say.
_DRAWS_NOTHING = frozenset({"ideal", "quantise", "ir_drop", "s_shape"})


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one case, in one metric.

    Attributes:
        kind: `regressed`, `equivalent`, `improved` or `inconclusive` after a comparison; `new` (no
            baseline), `stale` (a baseline of something else), `skipped` and `broken` without one.
        metric: Name of the metric.
        change: New score − stored score, mean over chips, in the metric's unit; None without a
            comparison.
        interval: 95 % confidence interval of the change; None where there is none.
        margin: The change that matters, in the metric's unit.
        paired: Whether chip was compared with the same chip.
        reason: One plain sentence.
    """

    kind: Kind
    metric: str
    change: float | None
    interval: tuple[float, float] | None
    margin: float
    paired: bool
    reason: str

    @property
    def fails(self) -> bool:
        """Whether this verdict fails a case: `regressed` and `broken` do, nothing else does."""
        return self.kind in FAILING


def judge(result: Result, entry: CaseEntry | None, metric: Metric) -> Verdict:
    """Compare a result with its baseline by one simple rule.

    1. A skipped result is `skipped`; one without finite scores is `broken`. Without a baseline it
       is `new`; a baseline of another protocol, case version or weights is `stale` and never
       compared.
    2. The change is new − stored score. Where chips are paired (see `pair_chips`) its 95 % interval
       is Student's over the differences chip by chip; otherwise Welch's over the two samples.
    3. With the margin m, and the change counted so that up is better: `regressed` where the whole
       interval lies below −m, `improved` where it lies above m, `equivalent` where it lies within
       −m and m, `inconclusive` otherwise. (So `equivalent` is two one-sided tests at 2.5 %.)

    One chip shows no spread: it is `inconclusive`, unless its score is the stored one, or the noise
    draws nothing and one chip is all there is. Equal data is never `regressed`, whatever the
    margin.

    This rule judges each case by itself and does not correct for the number of cases: among many
    unchanged ones that cannot be paired, one may lie beyond the margin by chance.

    Args:
        result: What was measured.
        entry: What is stored, as `CaseBaseline.find` returns it.
        metric: The metric to compare in.

    Returns:
        The verdict.
    """
    name = metric.name
    if result.status == "skipped":
        return _uncompared("skipped", metric, result.reason)
    broken = _broken(result, name)
    if broken:
        return _uncompared("broken", metric, broken)
    if entry is None:
        return _uncompared("new", metric, "no baseline is stored for this case")
    stale = _stale(result, entry)
    if stale:
        return _uncompared("stale", metric, stale)
    if name not in entry.chips[0].scores:
        return _uncompared("new", metric, f"the baseline holds no {name}")
    return _compared(result, entry, metric)


def judge_digital(
    scores: Mapping[str, float],
    entry: DigitalEntry | None,
    metric: Metric,
    *,
    protocol: str,
    weights: str,
) -> Verdict:
    """Compare the digital model's score with its baseline.

    The digital model draws nothing, so its score should be the stored one; releases of torch may
    differ by up to 5 % of the metric's margin (0.05 points where the margin is 1), which is
    `equivalent` and says so. Beyond that it is `regressed` or `improved`.

    Args:
        scores: Metric name to score of the digital model.
        entry: What is stored for the protocol; None where nothing is.
        metric: The metric to compare in.
        protocol: The protocol of the scores.
        weights: Fingerprint of the model's weights.

    Returns:
        The verdict; its margin is the tolerance, its interval the change itself.
    """
    name = metric.name
    tolerance = max(DIGITAL_SHARE * metric.margin, _RESOLUTION)
    score = scores.get(name)
    if score is None or not abs(score) < _ABSURD:
        return _uncompared("broken", metric, f"the digital model has no finite {name}")
    if entry is None:
        return _uncompared("new", metric, "no digital baseline is stored for this protocol")
    if entry.protocol != protocol:
        return _uncompared("stale", metric, _other("protocol", entry.protocol, protocol))
    if entry.weights != weights:
        return _uncompared("stale", metric, _other("weights", entry.weights, weights))
    if name not in entry.scores:
        return _uncompared("new", metric, f"the digital baseline holds no {name}")
    change = score - entry.scores[name]
    gain = change if metric.higher_is_better else -change
    allowed = f"{tolerance:.4g} {metric.unit} may lie between torch releases"
    if abs(change) <= _RESOLUTION:
        kind: Kind = "equivalent"
        reason = f"{name} is the stored {entry.scores[name]:.6g}"
    else:
        kind = _kind(gain, gain, tolerance)
        reason = f"{name} was {entry.scores[name]:.6g}, is {score:.6g}; {allowed}"
    return Verdict(kind, name, change, (change, change), tolerance, True, reason)


def _compared(result: Result, entry: CaseEntry, metric: Metric) -> Verdict:
    new = {chip.chip: chip.scores[metric.name] for chip in result.chips}
    old = {chip.chip: chip.scores[metric.name] for chip in entry.chips}
    pairing = pair_chips(result, entry)
    if pairing.chips:
        found = mean_interval([_difference(new[chip], old[chip]) for chip in pairing.chips])
        how = f"{_chips(len(pairing.chips))}, paired"
    else:
        # Sorted, so that not even rounding depends on the order of the chips.
        found = difference_interval(sorted(new.values()), sorted(old.values()))
        how = f"{_chips(len(new))} against {len(old)}, unpaired: {pairing.reason}"
    exact = result.hardware == "ideal" and result.noise.partition(":")[0] in _DRAWS_NOTHING
    same = bool(pairing.chips) and abs(found.centre) <= _RESOLUTION
    if found.half_width is None and (exact or same):
        found = Interval(found.centre, 0.0)
    margin = max(metric.margin, _RESOLUTION)
    kind: Kind = "inconclusive"
    if found.bounds is not None:
        low, high = found.bounds
        kind = _kind(low, high, margin) if metric.higher_is_better else _kind(-high, -low, margin)
    return Verdict(
        kind=kind,
        metric=metric.name,
        change=found.centre,
        interval=found.bounds,
        margin=metric.margin,
        paired=bool(pairing.chips),
        reason=_sentence(found, metric, how),
    )


def _difference(new: float, old: float) -> float:
    return 0.0 if abs(new - old) <= _RESOLUTION else new - old


def _kind(low: float, high: float, margin: float) -> Kind:
    """Judge an interval of gains (up is better) against a margin."""
    if high < -margin:
        return "regressed"
    if low > margin:
        return "improved"
    return "equivalent" if -margin <= low and high <= margin else "inconclusive"


def _sentence(found: Interval, metric: Metric, how: str) -> str:
    change = f"{metric.name} changed by {found.centre:+.4g} {metric.unit}"
    if found.bounds is None:
        return f"{change}; one chip shows no spread ({how})"
    low, high = found.bounds
    return f"{change}, 95 % interval {low:+.4g} to {high:+.4g}, margin {metric.margin:g} ({how})"


def _chips(number: int) -> str:
    return "1 chip" if number == 1 else f"{number} chips"


def _uncompared(kind: Kind, metric: Metric, reason: str) -> Verdict:
    return Verdict(kind, metric.name, None, None, metric.margin, False, reason)


def _broken(result: Result, name: str) -> str:
    if result.status == "broken":
        return result.reason
    if not result.chips:
        return "no chip was measured"
    for chip in result.chips:
        score = chip.scores.get(name)
        if score is None:
            return f"chip {chip.chip} has no {name}"
        if not abs(score) < _ABSURD:  # true for NaN, too
            return f"chip {chip.chip} scored {score:g} for {name}"
    return ""


def _stale(result: Result, entry: CaseEntry) -> str:
    if entry.protocol != result.protocol:
        return _other("protocol", entry.protocol, result.protocol)
    if entry.case_version != result.case_version:
        return _other("case version", str(entry.case_version), str(result.case_version))
    if entry.weights != result.weights:
        return _other("weights", entry.weights, result.weights)
    return ""


def _other(what: str, stored: str, now: str) -> str:
    return f"the baseline is of another {what} ({stored[:12]}, now {now[:12]})"
