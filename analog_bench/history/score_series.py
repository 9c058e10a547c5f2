"""One case's scores, or one robustness score, run by run."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.records import Metric


@dataclass(frozen=True)
class RunFacts:
    """A row of the table `runs`: columns of `rows.COLUMNS`, and the cases by status."""

    run: str
    run_id: str
    created: str
    commit: str | None
    analog_bench: str | None
    aihwkit: str | None
    torch: str | None
    python: str | None
    machine: str | None
    device: str | None
    measured: int
    skipped: int
    broken: int

    def changes(self, before: RunFacts) -> dict[str, tuple[str | None, str | None]]:
        """Return what differs from an earlier run: name to value before and now."""
        names = ("aihwkit", "torch", "python", "device", "machine", "analog_bench", "commit")
        both = {name: (getattr(before, name), getattr(self, name)) for name in names}
        return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


@dataclass(frozen=True)
class Point:
    """One run's scores by the identity of the chip; no digital one for robustness scores."""

    run: RunFacts
    scores: Mapping[Hashable, float]
    digital: float | None

    @property
    def mean(self) -> Interval:
        """Mean over chips with Student's 95 % interval."""
        return mean_interval(list(self.scores.values()))


@dataclass(frozen=True)
class Trend:
    """Values that can be compared, in the order of their runs.

    Attributes:
        key: Column to value, of everything that makes them comparable.
        metric: The metric, with the margin and the unit of the score.
        draws: Whether anything in the case is random.
        points: At least one.
    """

    key: Mapping[str, Any]
    metric: Metric
    draws: bool
    points: tuple[Point, ...]

    @property
    def family(self) -> tuple[str, ...]:
        """What is corrected for together: the trends of one model, study, variant and score."""
        return tuple(str(self.key[n]) for n in ("model", "study", "variant", "metric", "score"))
