"""How well a case's score is to be known: `--precision-target`, and what a study's budget asks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from analog_bench.errors import UsageError
from analog_bench.value_checks import amount, instance, read_amount, shown

PILOT_CHIPS = 4
"""Chips whose spread says how many to measure."""
FEWEST_CHIPS_TO_REACH_IT = 5
"""Chips of any case at least; the spread of the pilot chips alone is too often small by luck."""
MOST_CHIPS_TO_REACH_IT = 40
"""Chips of a case at most, where neither the user nor the budget says how many."""

_Share = Annotated[float, Meta(ge=0)]


class PrecisionTarget(Struct, frozen=True, forbid_unknown_fields=True):
    """How well the mean over chips is to be known: half of its 95 % interval, at most.

    Of the two the wider counts. The interval is that over chips, on the examples of the run.

    Attributes:
        margins: In margins of the main metric, so that a number serves models of any task: 1 is a
            point of F1 or accuracy, and 0.02 nats of cross-entropy.
        of_loss: As a share of what the case lost against digital; 0 where only `margins` count.
    """

    margins: _Share
    of_loss: _Share = 0.0

    def half_width(self, loss: float, margin: float) -> float:
        """Return half the interval that is asked for where so much is lost, in the same unit."""
        return max(self.margins * margin, self.of_loss * abs(loss))

    def __str__(self) -> str:
        """Return it as `--precision-target` reads it: `1`, `5%` or `1,5%`."""
        parts = (f"{self.margins:.12g}", f"{100 * self.of_loss:.12g}%")
        return ",".join(
            part for part, of in zip(parts, (self.margins, self.of_loss), strict=True) if of
        )


def parse_target(text: str) -> PrecisionTarget:
    """Read `1` (in margins), `5%` (of the loss) or `1,5%` (the wider), or raise UsageError."""
    option = "--precision-target"
    words = [word.strip() for word in text.split(",")]
    shares = [word.removesuffix("%") for word in words if word.endswith("%")]
    values = [word for word in words if not word.endswith("%")]
    if len(shares) > 1 or len(values) > 1:
        raise UsageError(f"{option} must be like 1, 5% or 1,5%, found {shown(text)}")
    value, percent = (
        read_amount(option, own[0], "half an interval, such as 1, 5% or 1,5%") if own else 0.0
        for own in (values, shares)
    )
    return check_target(option, PrecisionTarget(value, percent / 100))


def check_target(what: str, value: object) -> PrecisionTarget:
    """Return a target that can be reached, or raise a UsageError in which `what` names it."""
    target = instance(PrecisionTarget)(what, value)
    for name in target.__struct_fields__:
        amount(f"{what}: {name}", getattr(target, name))
    if not (target.margins or target.of_loss):
        raise UsageError(f"{what} 0 cannot be reached; give half an interval above 0")
    return target
