"""The digital model against its baseline: nothing is drawn, so nothing is tested."""

from __future__ import annotations

from collections.abc import Mapping

from analog_bench.gate.chip_change import RESOLUTION
from analog_bench.gate.verdict import ABSURD, Kind, Verdict, other, uncompared
from analog_bench.records import Metric
from analog_bench.store.baseline import DigitalEntry

# Share of a metric's margin by which digital scores may differ between torch releases, whose
# kernels sum in another order: 0.05 points of F1 where the margin is 1.
DIGITAL_SHARE = 0.05


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
        entry: What is stored for it; None where nothing is.
        metric: The metric to compare in.
        protocol: The protocol of the scores.
        weights: Fingerprint of the model's weights.

    Returns:
        The verdict; its margin is the tolerance, its interval the change itself.
    """
    name = metric.name
    tolerance = max(DIGITAL_SHARE * metric.margin, RESOLUTION)
    score = scores.get(name)
    if score is None or not abs(score) < ABSURD:
        return uncompared("broken", metric, f"the digital model has no finite {name}")
    if entry is None:
        return uncompared("new", metric, "no digital baseline is stored for this protocol")
    if entry.protocol != protocol:
        return uncompared("stale", metric, other("protocol", entry.protocol, protocol))
    if entry.weights != weights:
        return uncompared("stale", metric, other("weights", entry.weights, weights))
    if name not in entry.scores:
        return uncompared("new", metric, f"the digital baseline holds no {name}")
    change = score - entry.scores[name]
    gain = metric.gain(change)
    allowed = f"{tolerance:.4g} {metric.unit} may lie between torch releases"
    kind: Kind = "equivalent"
    if abs(change) <= RESOLUTION:
        reason = f"{name} is the stored {entry.scores[name]:.6g}"
    else:
        if abs(gain) > tolerance:
            kind = "improved" if gain > 0 else "regressed"
        reason = f"{name} was {entry.scores[name]:.6g}, is {score:.6g}; {allowed}"
    return Verdict(
        kind=kind,
        metric=name,
        change=change,
        interval=(change, change),
        margin=tolerance,
        paired=True,
        reason=reason,
        detectable=tolerance,
        looks=1,
    )
