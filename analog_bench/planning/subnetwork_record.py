"""Measurements of sub-networks; the record is the schema of their study's file."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from analog_bench.codec import DocumentError, Whole, convert, read_json
from analog_bench.errors import StoreError
from analog_bench.records import NotNegative, Score
from analog_bench.zoo.mobilebert_parts import SubNetwork

TIMES_S = (1.0, 86_400.0, 2_592_000.0)
"""Seconds since programming at which sub-networks are scored; AVM is last − first."""
_Scores = Annotated[tuple[Score, ...], Meta(min_length=len(TIMES_S), max_length=len(TIMES_S))]


class MeasuredSubNetwork(Struct, frozen=True, forbid_unknown_fields=True):
    """A sub-network and its scores, F1 in points.

    Attributes:
        part: What is left of the whole.
        parameters: Number of parameters, embeddings included.
        pj: Energy per token in pJ, with every matrix multiplication on tiles.
        digital: Score without analog hardware.
        chips: Scores of each chip at each of `TIMES_S`.
        seconds: Duration of the measurement.
    """

    part: SubNetwork
    parameters: Whole
    pj: NotNegative
    digital: Score
    chips: Annotated[tuple[_Scores, ...], Meta(min_length=1)]
    seconds: NotNegative

    @property
    def one_day(self) -> float:
        """Mean score after a day."""
        return fmean(self.one_day_by_chip)

    @property
    def one_day_by_chip(self) -> tuple[float, ...]:
        """Score of each chip after a day."""
        return tuple(chip[1] for chip in self.chips)

    @property
    def month_by_chip(self) -> tuple[float, ...]:
        """Score of each chip after a month."""
        return tuple(chip[2] for chip in self.chips)

    @property
    def avm_by_chip(self) -> tuple[float, ...]:
        """Score of each chip after a month − score after a second."""
        return tuple(chip[2] - chip[0] for chip in self.chips)


class SubNetworkStudy(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a study's file.

    Attributes:
        schema_version: 1.
        made_with: Everything that the numbers depend on, as plain values.
        measured: Sub-networks in their order; the first is the whole.
        fresh: Those that were measured again, on chips that chose none of them.
    """

    schema_version: Literal[1]
    made_with: dict[str, Any]
    measured: tuple[MeasuredSubNetwork, ...] = ()
    fresh: tuple[MeasuredSubNetwork, ...] = ()


def read_study(path: Path) -> SubNetworkStudy | None:
    """Read a study's file; None if it does not exist.

    Raises:
        StoreError: It cannot be read or is not such a file.
    """
    if not os.path.exists(path):
        return None
    try:
        return convert(read_json(path), SubNetworkStudy)
    except (OSError, DocumentError) as problem:
        raise StoreError(
            f"{path} is no study of sub-networks: {problem}; restore it or choose another --out"
        ) from None
