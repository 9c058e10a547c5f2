"""What becomes of each layer in a case that is a plan, and what was predicted of it: see `records`.

`planning.plan_record` has plans themselves.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

LETTERS = "a8d"
"""What stands for tiles, digital INT8, and digital as trained."""


class PlannedCase(Struct, frozen=True, forbid_unknown_fields=True):
    """A plan beside its result. Losses are against digital, in the unit of `metric`.

    Attributes:
        layers: A letter a matrix multiplication, in the order of computation: `a` is on tiles, `8`
            computes in digital INT8, `d` stays as it was trained (for energy, in FP16).
        scenario: Name of the hardware that its energy is estimated for.
        tokens_per_fetch: Tokens that what is digital computes with each weight it fetches.
        metric: Name of the metric of losses.
        limit: The loss that it was chosen for; None where it was not chosen.
        predicted: The loss that was predicted; None where of other conditions than the result's.
        low: Lower end of the interval that was promised; None where there is none.
        high: Upper end.
    """

    layers: Annotated[str, Meta(pattern=f"^[{LETTERS}]+$")]
    scenario: str
    tokens_per_fetch: Annotated[int, Meta(ge=1)]
    metric: str
    limit: float | None = None
    predicted: float | None = None
    low: float | None = None
    high: float | None = None
