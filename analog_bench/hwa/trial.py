"""One trial of a search, and all that were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Setting: TypeAlias = Mapping[str, float]
"""The value of each searched hyperparameter, by name."""
Direction: TypeAlias = Literal["minimize", "maximize"]
"""Which way an objective is better; optuna's words."""
State: TypeAlias = Literal["complete", "pruned", "diverged", "failed"]
"""How a trial ended: measured; stopped early by the pruner; at a value that is not finite; given
up, because its process died each time it was tried."""


@dataclass(frozen=True)
class Trial:
    """A setting that was tried.

    Attributes:
        number: From 0, in the order of the search; 0 is the default setting.
        state: How it ended.
        setting: What was tried.
        value: The objective's value; None unless `state` is complete.
        reports: Intermediate values, by step.
        starts: How often it was started: more than once where the search was interrupted in it.
        seconds: From its first start to its end, interruptions included; None where unknown.
    """

    number: int
    state: State
    setting: Setting
    value: float | None
    reports: Mapping[int, float]
    starts: int
    seconds: float | None


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search that ended, in order, and which way its objective is better."""

    trials: tuple[Trial, ...]
    direction: Direction

    @property
    def default(self) -> Trial:
        """The trial of the default setting."""
        return self.trials[0]

    @property
    def ranking(self) -> tuple[Trial, ...]:
        """The complete trials, best first; equal ones in order."""
        sign = 1.0 if self.direction == "minimize" else -1.0
        complete = [(t.value, t) for t in self.trials if t.value is not None]
        return tuple(t for _, t in sorted(complete, key=lambda pair: sign * pair[0]))

    @property
    def best(self) -> Trial | None:
        """The best complete trial, the default among them; None where none is complete."""
        return next(iter(self.ranking), None)
