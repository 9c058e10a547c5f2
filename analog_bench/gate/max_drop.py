"""An absolute requirement: how much a score may lie below the digital model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.records import Metric, Result
from analog_bench.spelling import counted
from analog_bench.value_checks import read_amount


@dataclass(frozen=True)
class Requirement:
    """A demand on the hardware, independent of earlier runs.

    `most` is the largest loss against digital that is accepted, in the metric's unit.
    """

    metric: Metric
    most: float

    def unmet(self, result: Result) -> str:
        """Return in one line how a result fails the requirement; empty where it does not.

        The mean over the initial chips counts, not its interval: more chips make it surer.
        """
        # Imported late: scipy takes a second to load, and options are read at every collection.
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
    """Read `METRIC=VALUE`, as `f1=2`; `UsageError` if it is unknown or no amount."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"{option} must be METRIC=VALUE, such as f1=2, found {text!r}")
    if name not in metrics:
        raise UsageError(f"{option} knows no metric {name!r}; {did_you_mean(name, metrics)}")
    return Requirement(metrics[name], read_amount(f"{option} {name}", value))


def first_unmet(result: Result, requirements: Sequence[Requirement]) -> str:
    """Return in one line how a result fails the first requirement it fails; else empty."""
    return next(filter(None, (requirement.unmet(result) for requirement in requirements)), "")
