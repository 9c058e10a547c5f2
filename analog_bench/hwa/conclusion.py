"""Whether a search found something better than the default: both anew, on fresh chips."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from analog_bench.atomic_file import write_atomic
from analog_bench.errors import StoreError
from analog_bench.gate.interval import Interval, mean_interval
from analog_bench.hwa.trial import SearchResult, Setting
from analog_bench.records import Metric

CONCLUSION = "conclusion.json"
"""The file in a search's folder with the scores on fresh chips."""

Measure = Callable[[Setting], tuple[float, ...]]
"""Takes a setting; returns its score on each fresh chip, the same chips for every setting."""


@dataclass(frozen=True)
class Conclusion:
    """The default setting and the best trial's, each trained anew and scored on the same chips.

    Attributes:
        best: Number of the best trial; 0, the default's, where no trial was better than it.
        default_scores: Score on each fresh chip, in the metric's unit; not a number where the
            training diverged.
        best_scores: Likewise, on the same chips; empty where the default is the best.
        metric: What scores are in.
    """

    best: int
    default_scores: tuple[float, ...]
    best_scores: tuple[float, ...]
    metric: Metric

    @property
    def gains(self) -> tuple[float, ...]:
        """What the best gains over the default on each chip; above 0 is better."""
        return tuple(
            self.metric.gain(new - old)
            for new, old in zip(self.best_scores, self.default_scores, strict=False)
        )

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mean gain over chips; None where there is no finite gain."""
        gains = self.gains
        return mean_interval(gains) if gains and all(map(math.isfinite, gains)) else None

    @property
    def verdict(self) -> Literal["beats", "does not beat", "is not shown to beat"]:
        """What the search's best does to the default."""
        if self.best == 0:
            return "does not beat"
        bounds = None if self.interval is None else self.interval.bounds
        if bounds is None:
            return "is not shown to beat"
        if bounds[0] > 0:
            return "beats"
        return "does not beat" if bounds[1] < 0 else "is not shown to beat"

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
            return f"{gain} on one fresh chip, which shows no spread"
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
    found: SearchResult,
    folder: Path,
    metric: Metric,
    measure: Measure,
    made_with: Mapping[str, Any],
) -> Conclusion | None:
    """Measure the default and the best trial, unless the search's folder has their scores.

    Args:
        found: The search.
        folder: Of the search.
        metric: What scores are in.
        measure: Trains and scores.
        made_with: What the scores depend on besides the setting, as plain values.

    Returns:
        The conclusion; None where the search has no complete trial.

    Raises:
        StoreError: The scores cannot be kept.
    """
    best = found.best
    if best is None:
        return None
    if best.number == 0:
        return Conclusion(0, (), (), metric)
    store = _ScoreFile(folder / CONCLUSION, json.loads(json.dumps(made_with)))
    default_scores, best_scores = (
        store.scores(trial.setting, measure) for trial in (found.default, best)
    )
    return Conclusion(best.number, default_scores, best_scores, metric)


class _ScoreFile:
    """The scores of settings that were measured before."""

    def __init__(self, path: Path, made_with: Mapping[str, Any]) -> None:
        self._path = path
        self._made_with = made_with

    def scores(self, setting: Setting, measure: Measure) -> tuple[float, ...]:
        """Return a setting's scores, measuring them unless the file has them."""
        measured = self._read()
        for known in measured:
            if known["setting"] == setting:
                return tuple(math.nan if s is None else float(s) for s in known["scores"])
        scores = measure(setting)
        measured.append({"setting": dict(setting), "scores": _finite(scores)})
        document = {"made_with": self._made_with, "measured": measured}
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        try:
            write_atomic(self._path, text.encode())
        except OSError as problem:
            raise StoreError(f"cannot write {self._path}: {problem}; make room for it") from None
        return scores

    def _read(self) -> list[dict[str, Any]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            known: list[dict[str, Any]] = document["measured"]
            whole = all(
                isinstance(one["setting"], dict) and isinstance(one["scores"], list)
                for one in known
            )
            if not whole:
                raise ValueError("not what was written")
            return known if document["made_with"] == self._made_with else []
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise StoreError(
                f"cannot read {self._path} ({problem}); delete it to measure anew"
            ) from None


def _finite(values: tuple[float, ...]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
