"""Compare the best setting of a search with the default: train both again, on fresh chips."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from analog_bench.atomic_file import write_atomic
from analog_bench.codec import DocumentError, convert, read_json
from analog_bench.errors import StoreError
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.hwa.search import SearchResult, Setting
from analog_bench.records import Metric
from analog_bench.spelling import counted

CONCLUSION = "conclusion.json"
"""The file in a search's folder with the scores on fresh chips."""

_Chips: TypeAlias = tuple[float, ...]
Measure: TypeAlias = Callable[[Setting], _Chips]
"""Function from a setting to its score on each fresh chip, the same chips for every setting."""


@dataclass(frozen=True)
class Conclusion:
    """The default setting and the best trial's, each trained again and scored on the same chips.

    Attributes:
        best: Number of the best trial; 0, the default's, if no trial was better.
        default_scores: Score on each fresh chip, in the metric's unit; NaN if the training
            diverged.
        best_scores: The same for the best; empty if the default is the best.
    """

    best: int
    default_scores: tuple[float, ...]
    best_scores: tuple[float, ...]
    metric: Metric

    @property
    def gains(self) -> tuple[float, ...]:
        """Gain of the best over the default on each chip; above 0 is better."""
        return tuple(
            self.metric.gain(new - old)
            for new, old in zip(self.best_scores, self.default_scores, strict=False)
        )

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mean gain over chips; None if there is no finite gain."""
        gains = self.gains
        return mean_interval(gains) if gains and all(map(math.isfinite, gains)) else None

    @property
    def verdict(self) -> Literal["beats", "does not beat", "is not shown to beat"]:
        """How the search's best compares with the default."""
        bounds = None if self.interval is None else self.interval.bounds
        if self.best == 0 or (bounds is not None and bounds[1] < 0):
            return "does not beat"
        return "beats" if bounds is not None and bounds[0] > 0 else "is not shown to beat"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        unit, chips = self.metric.unit, len(self.default_scores)
        if self.best == 0:
            return f"the search {self.verdict} the default: no trial was better than it"
        if self.interval is None:
            return f"the search {self.verdict} the default: a training with another seed diverged"
        gain = f"trial {self.best} {self.verdict} the default: {self.interval.centre:+.4g} {unit}"
        bounds = self.interval.bounds
        if bounds is None:
            return f"{gain} on {counted(chips, 'fresh chip')}: too few for an interval"
        ends = f"{bounds[0]:+.4g} to {bounds[1]:+.4g}"
        return f"{gain} on {chips} fresh chips, 95 % interval {ends}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; null where a number is not finite."""
        interval = self.interval
        return {
            "best": self.best,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "default_scores": _finite(self.default_scores),
            "best_scores": _finite(self.best_scores),
            "gains": _finite(self.gains),
            "gain": None if interval is None else interval.centre,
            "interval": None if interval is None or interval.bounds is None else interval.bounds,
        }


def conclude(
    result: SearchResult,
    folder: Path,
    metric: Metric,
    measure: Measure,
    made_with: Mapping[str, Any],
) -> Conclusion | None:
    """Measure the default and the best trial, unless the search's folder has their scores.

    The scores depend on the setting and on `made_with`, plain values. None if no trial is complete.

    Raises:
        StoreError: The scores cannot be read or written.
    """
    best = result.best
    if best is None:
        return None
    if best.number == 0:
        return Conclusion(0, (), (), metric)
    plain = json.loads(json.dumps(made_with))
    default_scores, best_scores = (
        _scores(folder / CONCLUSION, plain, trial.params, measure)
        for trial in (result.default, best)
    )
    return Conclusion(best.number, default_scores, best_scores, metric)


class _Scores(msgspec.Struct, frozen=True):
    setting: dict[str, float]
    scores: list[float | None]


class _ScoreFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    made_with: dict[str, Any]
    measured: list[_Scores]


def _scores(path: Path, made_with: dict[str, Any], setting: Setting, measure: Measure) -> _Chips:
    try:
        file = convert(read_json(path), _ScoreFile)
    except FileNotFoundError:
        file = _ScoreFile(made_with, [])
    except DocumentError as problem:
        raise StoreError(f"cannot read {path} ({problem}); delete it to measure again") from None
    measured = file.measured if file.made_with == made_with else []
    for one in measured:
        if one.setting == setting:
            return tuple(math.nan if score is None else score for score in one.scores)
    scores = measure(setting)
    measured = [*measured, _Scores(dict(setting), _finite(scores))]
    text = msgspec.json.encode(_ScoreFile(made_with, measured))
    try:
        write_atomic(path, msgspec.json.format(text, indent=2) + b"\n")
    except OSError as problem:
        raise StoreError(f"cannot write {path}: {problem}; make room for it") from None
    return scores


def _finite(values: _Chips) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
