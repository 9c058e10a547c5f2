"""What an update of the baselines did to a stored score."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.records import Identity


@dataclass(frozen=True)
class Change:
    """What an update did to one stored score.

    Attributes:
        what: The case id, or the model for a digital score.
        study: The case's study; empty for a digital score, which belongs to none.
        protocol: The protocol it was measured under.
        metric: Name of the metric.
        before: Stored score, mean over the initial chips; None where there was none.
        after: New score, likewise; None where it is stored no more.
    """

    what: str
    study: str
    protocol: str
    metric: str
    before: float | None
    after: float | None

    @property
    def identity(self) -> Identity:
        """What a result of that case is told apart by."""
        return self.what, self.study, self.protocol

    @property
    def moves(self) -> bool:
        """Whether there was a score and it is another one now, or stored no more.

        Its entry may have changed all the same: more chips, other facts beside them.
        """
        return self.before is not None and self.before != self.after

    def __str__(self) -> str:
        """Return one line, e.g. `layer_noise bert/pooler/ideal f1: 61.2 -> 60.95 (-0.25)`."""
        name = " ".join(filter(None, [self.study, self.what, self.metric])) + ":"
        if self.after is None:
            return f"{name} no longer stored (was {self.before:.6g})"
        if self.before is None:
            return f"{name} {self.after:.6g} (new)"
        return f"{name} {self.before:.6g} -> {self.after:.6g} ({self.after - self.before:+.3g})"
