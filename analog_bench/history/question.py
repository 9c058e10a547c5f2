"""What is asked of a history: which trends, over which runs, and where they stepped."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.gate.pairing import same_fingerprint
from analog_bench.gate.step import Row, Step, find_steps
from analog_bench.history.database import History
from analog_bench.history.row import SCORES
from analog_bench.history.trend import Point, RunFacts, Trend
from analog_bench.records import Metric
from analog_bench.simulators.registry import why_unpaired

Order = Literal["date", "release"]

# What makes two values comparable: whatever differs in one of these is another trend.
_KEY = (
    *("study", "model", "variant", "case_id", "layers", "noise", "drift_s", "tile", "hardware"),
    *("case_version", "protocol", "weights", "metric", "metric_version", "score"),
)
_FACTS = ("unit", "higher_is_better", "margin", "draws")


@dataclass(frozen=True)
class Asked:
    """Which trends are wanted.

    Attributes:
        score: `plain`, or a robustness score.
        metric: Name of the metric; None for the one that verdicts are about.
        order: `date`, or `release`: by the versions of aihwkit and torch, then by date.
        last: How many runs to look at, the newest; None for all.
    """

    score: str = "plain"
    metric: str | None = None
    order: Order = "date"
    last: int | None = None


_Entry: TypeAlias = dict[str, Any]


def runs_of(history: History, order: Order = "date", last: int | None = None) -> list[RunFacts]:
    """Return the runs in order.

    Args:
        history: The runs.
        order: By date, or by release first.
        last: How many, the newest; None for all.
    """
    names = tuple(field.name for field in fields(RunFacts))
    found = [RunFacts(*row) for row in history.rows(f"select {', '.join(names)} from runs")]
    found = found[-last:] if last else found
    if order == "release":
        # The order is stable: runs of one release stay by date.
        found.sort(key=lambda run: (_release(run.aihwkit), _release(run.torch)))
    return found


def answer(
    history: History, asked: Asked, cases: Sequence[str] = ()
) -> tuple[list[Trend], list[tuple[Step, ...]]]:
    """Return the trends of some cases, with their steps.

    Steps are looked for in all cases: whether one counts, and its p, does not depend on which
    others are shown.

    Args:
        history: The runs.
        asked: What is wanted.
        cases: Ids of cases, or shell-style patterns of them; all where empty.

    Returns:
        The trends, as `trends_of` has them, and the steps of each.

    Raises:
        UsageError: No case fits, or none has such a score.
    """
    fitting = _fitting(history, cases)
    trends = trends_of(history, asked)
    found = [
        (trend, steps)
        for trend, steps in zip(trends, steps_of(trends), strict=True)
        if fitting is None or trend.key["case_id"] in fitting
    ]
    if not found and fitting is not None:
        raise UsageError(f"nothing was measured of {', '.join(cases)} in these runs")
    return [trend for trend, _ in found], [steps for _, steps in found]


def trends_of(history: History, asked: Asked) -> list[Trend]:
    """Return the trends of all cases.

    What is not of the same protocol, weights, case version and metric version is another trend,
    never a point of the same one.

    Args:
        history: The runs.
        asked: What is wanted.

    Returns:
        The trends by study, model and case; of each the runs that measured it, in order. None where
        nothing was measured, and nothing in particular was asked for.

    Raises:
        UsageError: No case has such a score.
    """
    runs = runs_of(history, asked.order, asked.last)
    place = {run.run_id: n for n, run in enumerate(runs)}
    entries: dict[tuple[Any, ...], list[_Entry]] = {}
    for entry in _entries(history, asked):
        if entry["run_id"] in place:
            entries.setdefault(tuple(entry[name] for name in _KEY), []).append(entry)
    if not entries and (asked.metric or asked.score != "plain"):
        raise UsageError(_nothing(history, asked))
    prints = _fingerprints(history)
    return [
        _trend(key, sorted(own, key=lambda e: (place[e["run_id"]], e["chip"])), runs, place, prints)
        for key, own in sorted(entries.items(), key=lambda item: tuple(map(str, item[0])))
    ]


def steps_of(trends: Sequence[Trend]) -> list[tuple[Step, ...]]:
    """Find the steps in trends, family by family.

    Args:
        trends: The trends.

    Returns:
        The steps of each, in the same order.
    """
    families: dict[tuple[str, ...], list[int]] = {}
    for n, trend in enumerate(trends):
        families.setdefault(trend.family, []).append(n)
    found: list[tuple[Step, ...]] = [()] * len(trends)
    for members in families.values():
        rows = [
            Row([p.scores for p in trends[n].points], trends[n].metric.margin, trends[n].draws)
            for n in members
        ]
        for n, steps in zip(members, find_steps(rows), strict=True):
            found[n] = steps
    return found


def _entries(history: History, asked: Asked) -> list[_Entry]:
    names = (*_KEY, *_FACTS, "run_id", "seed", "chip", "value", "digital")
    which = "metric = ?" if asked.metric else "main"
    rows = history.rows(
        f"select {', '.join(names)}, hash(fingerprint) from scores where score = ? and {which}",
        [asked.score, *([asked.metric] if asked.metric else [])],
    )
    return [dict(zip((*names, "print"), row, strict=True)) for row in rows]


def _fitting(history: History, cases: Sequence[str]) -> set[str] | None:
    """Return the ids of the cases that fit; None for all."""
    if not cases:
        return None
    known = [case for (case,) in history.rows("select distinct case_id from scores")]
    fitting: set[str] = set()
    for wanted in cases:
        # An id may itself hold what is special in a pattern.
        own = {case for case in known if case == wanted or fnmatchcase(case, wanted)}
        if not own:
            raise UsageError(f"no case {wanted!r} in these runs; {_near(wanted, known)}")
        fitting |= own
    return fitting


def _near(wanted: str, known: Sequence[str]) -> str:
    # There may be hundreds: they are named only where one is near.
    near = get_close_matches(wanted, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "--sql 'select distinct case_id from scores' lists them, and patterns may have * and ?"


def _nothing(history: History, asked: Asked) -> str:
    known = history.rows(
        "select distinct score, metric from scores where score is not null order by all"
    )
    scores = {score for score, _ in known}
    if asked.score not in scores:
        return (
            f"no run has the score {asked.score!r}; they have "
            f"{', '.join(s for s in SCORES if s in scores) or 'none'} (one_day and avm need cases "
            "at one day, at 1 s and at 30 d)"
        )
    metrics = sorted({metric for score, metric in known if score == asked.score})
    if asked.metric and asked.metric not in metrics:
        return f"no run has the metric {asked.metric!r}; {did_you_mean(asked.metric, metrics)}"
    if asked.last:
        return f"the newest runs have no such score (--last {asked.last})"
    return (
        f"no run has the score {asked.score!r} of the metric that verdicts are about; --metric "
        f"may be {', '.join(metrics)}"
    )


def _fingerprints(history: History) -> dict[int, tuple[float, ...]]:
    rows = history.rows(
        "select distinct hash(fingerprint), fingerprint from scores where fingerprint is not null"
    )
    return {key: tuple(values) for key, values in rows}


def _trend(
    key: tuple[Any, ...],
    entries: Sequence[_Entry],
    runs: Sequence[RunFacts],
    place: Mapping[str, int],
    prints: Mapping[int, tuple[float, ...]],
) -> Trend:
    named = dict(zip(_KEY, key, strict=True))
    scores: dict[int, dict[Hashable, float]] = {}
    for entry, chip in zip(entries, _chips(entries, prints), strict=True):
        scores.setdefault(place[entry["run_id"]], {})[chip] = entry["value"]
    digital = {place[entry["run_id"]]: entry["digital"] for entry in entries}
    # The newest run's margin counts, as it would for the gate.
    newest = max(entries, key=lambda entry: runs[place[entry["run_id"]]].created)
    metric = Metric(
        name=named["metric"],
        unit=newest["unit"],
        higher_is_better=newest["higher_is_better"],
        margin=newest["margin"],
        version=named["metric_version"],
    )
    points = tuple(Point(runs[n], own, digital[n]) for n, own in scores.items())
    return Trend(named, metric, newest["draws"], points)


def _chips(entries: Iterable[_Entry], prints: Mapping[int, tuple[float, ...]]) -> list[Hashable]:
    """Say of each entry which chip it is: the same where the gate would pair them."""
    seen: dict[tuple[int, int], list[int]] = {}
    found: list[Hashable] = []
    for entry in entries:
        seed, chip, own = entry["seed"], entry["chip"], entry["print"]
        if why_unpaired(entry["tile"]):
            found.append((entry["run_id"], chip))
            continue
        known = seen.setdefault((seed, chip), [])
        place = next(
            (
                n
                for n, one in enumerate(known)
                if one == own or same_fingerprint(prints[one], prints[own])
            ),
            len(known),
        )
        if place == len(known):
            known.append(own)
        found.append((seed, chip, place))
    return found


def _release(version: str | None) -> tuple[bool, Version]:
    """Return a version so that 1.9, 1.10rc1 and 1.10 are in order; what is none comes first."""
    try:
        return True, Version(version or "")
    except InvalidVersion:
        return False, Version("0")
