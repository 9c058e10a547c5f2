"""An absolute requirement: how far a score may lie below the digital model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.records import Metric, Result
from analog_bench.spelling import counted
from analog_bench.value_checks import read_amount


@dataclass(frozen=True)
class Requirement:
    """A requirement on the hardware that does not depend on earlier runs.

    `most` is the largest accepted loss against digital, in the metric's unit.
    """

    metric: Metric
    most: float

    def unmet(self, result: Result) -> str:
        """Return in one line how a result fails the requirement; empty if it does not.

        The mean over the initial chips counts, not its interval; more chips make it more certain.
        """
        # Deferred: scipy takes a second to load, and every collection reads the options.
        from analog_bench.gate.precision import certainty_of
        from analog_bench.gate.significance import mean_interval

        name, losses = self.metric.name, result.losses(self.metric)
        if not losses:
            return ""
        loss = mean_interval(losses, *certainty_of(result, self.metric))
        if loss.centre <= self.most:
            return ""
        spread = "" if loss.half_width is None else f" ±{loss.half_width:.3g}"
        return (
            f"{name} lies {loss.centre:.4g}{spread} {self.metric.unit} "
            f"{'below' if self.metric.higher_is_better else 'above'} digital "
            f"({result.digital[name]:.4g}) on {counted(len(losses), 'chip')}; "
            f"--max-drop allows {self.most:g}"
        )


def parse_requirement(
    text: str, metrics: Mapping[str, Metric], option: str = "--max-drop"
) -> Requirement:
    """Parse `METRIC=VALUE`, such as `f1=2`.

    Raises:
        UsageError: The metric is unknown, or the value is not an amount.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"{option} must be METRIC=VALUE, such as f1=2, found {text!r}")
    if name not in metrics:
        raise UsageError(f"{option} knows no metric {name!r}; {did_you_mean(name, metrics)}")
    return Requirement(metrics[name], read_amount(f"{option} {name}", value))


def first_unmet(result: Result, requirements: Sequence[Requirement]) -> str:
    """Return in one line how a result fails the first requirement it fails; empty if none."""
    return next(filter(None, (requirement.unmet(result) for requirement in requirements)), "")
