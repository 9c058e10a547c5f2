"""An absolute requirement: how much a score may lie below the digital model's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.records import Metric, Result


@dataclass(frozen=True)
class Requirement:
    """A demand on the hardware, independent of earlier runs.

    Attributes:
        metric: The metric.
        most: The largest drop from digital that is accepted, in the metric's unit; a rise where
            lower is better.
    """

    metric: Metric
    most: float

    def unmet(self, result: Result) -> str:
        """Return in one line how a result fails the requirement; empty where it does not.

        The mean over the initial chips counts, not its interval: more chips make it surer.
        """
        # Imported late: scipy takes a second to load, and options are read at every collection.
        from analog_bench.gate.interval import mean_interval

        name = self.metric.name
        digital = result.digital.get(name)
        scores = [chip.scores[name] for chip in result.initial_chips if name in chip.scores]
        if digital is None or not scores:
            return ""
        drop = mean_interval([self.metric.loss(score, digital) for score in scores])
        if drop.centre <= self.most:
            return ""
        spread = "" if drop.half_width is None else f" ±{drop.half_width:.3g}"
        chips = "1 chip" if len(scores) == 1 else f"{len(scores)} chips"
        return (
            f"{name} lies {drop.centre:.4g}{spread} {self.metric.unit} "
            f"{'below' if self.metric.higher_is_better else 'above'} digital ({digital:.4g}) "
            f"on {chips}; "
            f"--max-drop allows {self.most:g}"
        )


def parse_requirement(text: str, metrics: Mapping[str, Metric]) -> Requirement:
    """Read `METRIC=VALUE`, such as `f1=2`.

    Raises:
        UsageError: An unknown metric, or a value that is not a number of at least 0.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"--max-drop must be METRIC=VALUE, such as f1=2, found {text!r}")
    if name not in metrics:
        raise UsageError(f"--max-drop knows no metric {name!r}; {did_you_mean(name, metrics)}")
    try:
        most = float(value)
    except ValueError:
        most = math.nan
    if not 0 <= most < math.inf:
        raise UsageError(f"--max-drop {name} must be a number of at least 0, found {value!r}")
    return Requirement(metrics[name], most)


def first_unmet(result: Result, requirements: Sequence[Requirement]) -> str:
    """Return the message of the first requirement that is not met; empty where all are."""
    return next(filter(None, (requirement.unmet(result) for requirement in requirements)), "")
