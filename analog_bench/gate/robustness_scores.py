"""Robustness scores: A*, one-day accuracy and the variation over a month."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

from analog_bench.gate.chip_change import same_fingerprint
from analog_bench.gate.drift_band import Array
from analog_bench.gate.example_scores import ExampleScores, example_scores, interval
from analog_bench.gate.pigeonhole_bootstrap import Resamples
from analog_bench.gate.precision import FIXED, Certainty, certainty_of
from analog_bench.gate.significance import Interval, mean_interval
from analog_bench.records import Metric, Result
from analog_bench.spelling import decimals_of, rounded

SECOND_S = 1.0
DAY_S = 86_400.0
MONTH_S = 2_592_000.0


@dataclass(frozen=True)
class Conditions:
    """The fields of `Result` shared by results that differ only in the drift time.

    The seed is included because the same index under another seed is another chip.
    """

    study: str
    model: str
    group: str
    noise: str
    tile: str
    hardware: str
    variant: str
    case_version: int
    protocol: str
    weights: str
    seed: int


def conditions_of(result: Result) -> Conditions:
    """Return what a result shares with those that differ from it only in the drift time."""
    return Conditions(**{field.name: getattr(result, field.name) for field in fields(Conditions)})


@dataclass(frozen=True)
class Robustness:
    """The scores of one noise on one group of layers, over its drift times.

    Each is a mean over chips with its 95 % intervals: Student's over chips and, where results hold
    per-example scores, one over chips and examples. The latter is for other examples that chips and
    the digital model would meet together at all times; the score of guessing is fixed.

    Attributes:
        conditions: What the results share.
        metric: Name of the metric.
        a_star: Drift time in seconds to A* at that time, in ascending order: 1 is digital, 0 is
            guessing. Empty if the score of guessing is unknown, or if digital is not known to beat
            it.
        one_day: The metric after one day, in its own unit; None if that was not measured.
        avm: The change over a month, the metric at 30 days − at 1 s, in its own unit and direction;
            None if the two times were not measured on the same chips.
    """

    conditions: Conditions
    metric: str
    a_star: Mapping[float, Interval]
    one_day: Interval | None
    avm: Interval | None


def a_star(score: float, digital: float, chance: float) -> float | None:
    """Place a score between guessing and digital: A* = (score − chance) / (digital − chance).

    1 is as good as digital, 0 as good as guessing; A* may lie outside. It needs no direction: where
    lower is better (cross-entropy), numerator and denominator both change sign. None if digital
    scores as guessing does. Cohen ("A coefficient of agreement for nominal scales", Educ. Psychol.
    Meas. 20, 1960) normalises agreement for chance in the same way.
    """
    return None if digital == chance else (score - chance) / (digital - chance)


def digital_at_chance(result: Result, metric: Metric) -> str:
    """Return a sentence if the digital model is not known to beat guessing; else empty.

    It is known to beat guessing if it is better by more than the margin and by more than the half
    width of its 95 % interval over examples, where per-example scores are stored.
    """
    digital, chance = result.digital.get(metric.name), result.chance.get(metric.name)
    if digital is None or chance is None:
        return ""
    half = _over_examples(result.digital_per_example.get(metric.name, ()), digital)
    if metric.loss(chance, digital) > max(metric.margin, half or 0.0):
        return ""
    places = decimals_of(metric.margin)
    spread = "" if half is None else f" ±{rounded(half, places)} over examples"
    return (
        f"the digital model itself is not known to be better than guessing: {metric.label} "
        f"{rounded(digital, places)}{spread} where guessing has {rounded(chance, places)}"
    )


def month_change(
    scores: Mapping[float, Mapping[int, float]],
    examples: Mapping[float, ExampleScores | None] | None = None,
    seed: int = 0,
    certainty: Certainty = FIXED,
) -> Interval | None:
    """Return the accuracy variation over one month: AVM = score(30 d) − score(1 s).

    The difference is taken chip by chip, because a chip is programmed once and then drifts. The
    interval is Student's over the differences, which excludes how chips differ from the start.
    (Benmeziane et al., "AnalogNAS: A neural network design framework for accurate inference with
    analog in-memory computing", IEEE EDGE 2023.)

    Args:
        scores: Drift time in seconds to chip index to score.
        examples: Drift time in seconds to per-example scores.
        seed: Seed of the resampling of examples, which is shared by both times.
        certainty: Settings of the interval.

    Returns:
        The mean change over the chips with both times; None if there are none.
    """
    first, last = scores.get(SECOND_S, {}), scores.get(MONTH_S, {})
    chips = sorted(first.keys() & last.keys())
    before, after = ((examples or {}).get(at) for at in (SECOND_S, MONTH_S))
    same = before is not None and after is not None and before.same_examples(after)

    def change(resamples: Resamples) -> Array | None:
        if before is None or after is None:
            return None
        return after.only(chips).of_chips(resamples) - before.only(chips).of_chips(resamples)

    changes = {chip: last[chip] - first[chip] for chip in chips}
    return interval(changes, before if same else None, seed, change, certainty)


def robustness_of(results: Sequence[Result], metric: Metric) -> list[Robustness]:
    """Score each group of results that differ only in the drift time.

    Confirmation chips enter no score. A result that was not measured, or that lacks a finite score
    of a chip, is ignored. There is no AVM if a chip has different fingerprints at 1 s and at 30 d,
    because it is not the same hardware.

    Args:
        results: Results in any order, one per group and drift time.
        metric: The metric to score.

    Returns:
        One entry per group that has a score, in the order in which the groups first appear.

    Raises:
        ValueError: Two results have the same group and drift time.
    """
    groups: dict[Conditions, dict[float, Result]] = {}
    for result in results:
        if not _scores(result, metric):
            continue
        times = groups.setdefault(conditions_of(result), {})
        if result.drift_s in times:
            raise ValueError(f"{result.case_id} is among the results twice")
        times[result.drift_s] = result
    return [_robustness(conditions, times, metric) for conditions, times in groups.items()]


def _robustness(
    conditions: Conditions, times: Mapping[float, Result], metric: Metric
) -> Robustness:
    scores = {drift_s: _scores(result, metric) for drift_s, result in sorted(times.items())}
    examples = {at: example_scores(times[at], metric.name) for at in scores}
    normalised = {
        at: _a_stars(times[at], chips, examples[at], metric) for at, chips in scores.items()
    }
    seed = conditions.seed
    certain = {at: certainty_of(times[at], metric) for at in scores}
    month = max(certain.get(at, FIXED) for at in (SECOND_S, MONTH_S))
    return Robustness(
        conditions=conditions,
        metric=metric.name,
        a_star={drift_s: stars for drift_s, stars in normalised.items() if stars is not None},
        one_day=interval(
            scores.get(DAY_S, {}),
            examples.get(DAY_S),
            seed,
            certainty=certain.get(DAY_S, FIXED),
        ),
        avm=month_change(scores, examples, seed, month) if _same_hardware(times) else None,
    )


def _a_stars(
    result: Result, scores: Mapping[int, float], of: ExampleScores | None, metric: Metric
) -> Interval | None:
    digital, chance = result.digital.get(metric.name), result.chance.get(metric.name)
    if digital is None or chance is None or digital_at_chance(result, metric):
        return None
    above = digital - chance

    def placed(resamples: Resamples) -> Array | None:
        drawn = None if of is None else of.of_digital(resamples)
        # A* is unbounded if digital is no better than guessing on some draw's examples.
        if of is None or drawn is None or not ((drawn - chance) * above > 0.0).all():
            return None
        return (of.of_chips(resamples) - chance) / (drawn - chance)

    stars = {chip: (score - chance) / above for chip, score in scores.items()}
    level, step = certainty_of(result, metric)
    return interval(stars, of, result.seed, placed, Certainty(level, step / abs(above)))


@lru_cache(maxsize=64)
def _over_examples(scores: tuple[float, ...], mean: float) -> float | None:
    """Return the half width over examples at 95 %; None unless the score is their plain mean."""
    interval = mean_interval(scores) if scores else None
    if interval is None or not math.isclose(interval.centre, mean, rel_tol=1e-6, abs_tol=1e-6):
        return None
    return interval.half_width


def _scores(result: Result, metric: Metric) -> dict[int, float]:
    """Return chip to score; empty unless every initial chip has a finite one."""
    scores = result.scores(metric.name)
    if result.status != "measured" or not all(map(math.isfinite, scores)):
        return {}
    return dict(zip((chip.chip for chip in result.initial_chips), scores, strict=False))


def _same_hardware(times: Mapping[float, Result]) -> bool:
    first, last = (
        {chip.chip: chip.fingerprint for chip in times[at].initial_chips} if at in times else {}
        for at in (SECOND_S, MONTH_S)
    )
    return all(same_fingerprint(first[chip], last[chip]) for chip in first.keys() & last.keys())
