"""Queries of a history: which trends, over which runs, and where they stepped."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import compress
from typing import Any, Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.gate.chip_change import same_fingerprint
from analog_bench.gate.step_detection import Row, Step, find_steps
from analog_bench.history.database import History
from analog_bench.history.rows import SCORES
from analog_bench.history.score_series import Point, RunFacts, Trend
from analog_bench.records import Metric
from analog_bench.simulators.registry import why_unpaired

Order = Literal["date", "release"]

# Values are comparable where all of these are equal; anything else is another trend.
_KEY = (
    *("study", "model", "variant", "case_id", "layers", "noise", "drift_s", "tile", "hardware"),
    *("case_version", "protocol", "weights", "metric", "metric_version", "score"),
)
_FACTS = ("unit", "higher_is_better", "margin", "draws")


@dataclass(frozen=True)
class Query:
    """Which trends to show.

    Attributes:
        score: `plain`, or a robustness score.
        metric: None for the one that verdicts are about.
        order: `date`, or `release`: by the versions of aihwkit and torch, then by date.
        last: Only the newest so many runs; None for all.
    """

    score: str = "plain"
    metric: str | None = None
    order: Order = "date"
    last: int | None = None


_Entry: TypeAlias = dict[str, Any]


def runs_of(history: History, order: Order = "date", last: int | None = None) -> list[RunFacts]:
    """Return all runs, or the newest `last` of them, by date or by release first."""
    names = tuple(field.name for field in fields(RunFacts))
    runs = [RunFacts(*row) for row in history.rows(f"select {', '.join(names)} from runs")]
    runs = runs[-last:] if last else runs
    if order == "release":
        # The sort is stable: runs of one release stay by date.
        runs.sort(key=lambda run: (_release(run.aihwkit), _release(run.torch)))
    return runs


def trends_with_steps(
    history: History, query: Query, cases: Sequence[str] = ()
) -> tuple[list[Trend], list[tuple[Step, ...]]]:
    """Return the trends of some cases, and the steps of each.

    The cases are ids, or shell-style patterns of them; all where there are none. Steps are searched
    in all cases: whether one counts, and its p, does not depend on which others are shown.

    Raises:
        UsageError: No case fits, or none has such a score.
    """
    fitting = _fitting(history, cases)
    trends = trends_of(history, query)
    shown = [fitting is None or trend.key["case_id"] in fitting for trend in trends]
    if fitting is not None and not any(shown):
        raise UsageError(f"nothing was measured of {', '.join(cases)} in these runs")
    return list(compress(trends, shown)), list(compress(steps_of(trends), shown))


def trends_of(history: History, query: Query) -> list[Trend]:
    """Return the trends of all cases by study, model and case, each over its runs in order.

    Values of another protocol, weights, case version or metric version are another trend. Empty
    where nothing was measured and the query has no metric or robustness score.

    Raises:
        UsageError: No case has such a score.
    """
    runs = runs_of(history, query.order, query.last)
    position = {run.run_id: n for n, run in enumerate(runs)}
    entries: dict[tuple[Any, ...], list[_Entry]] = {}
    for entry in _entries(history, query):
        if entry["run_id"] in position:
            entries.setdefault(tuple(entry[name] for name in _KEY), []).append(entry)
    if not entries and (query.metric or query.score != "plain"):
        raise UsageError(_why_nothing(history, query))
    hashed = history.rows(
        "select distinct hash(fingerprint), fingerprint from scores where fingerprint is not null"
    )
    prints = {key: tuple(values) for key, values in hashed}
    trends = []
    for key, own in sorted(entries.items(), key=lambda item: tuple(map(str, item[0]))):
        own.sort(key=lambda entry: (position[entry["run_id"]], entry["chip"]))
        trends.append(_trend(key, own, runs, position, prints))
    return trends


def steps_of(trends: Sequence[Trend]) -> list[tuple[Step, ...]]:
    """Return the steps of each trend, searched family by family."""
    families: dict[tuple[str, ...], list[int]] = {}
    for n, trend in enumerate(trends):
        families.setdefault(trend.family, []).append(n)
    steps: list[tuple[Step, ...]] = [()] * len(trends)
    for members in families.values():
        rows = [
            Row([p.scores for p in trends[n].points], trends[n].metric.margin, trends[n].draws)
            for n in members
        ]
        for n, own in zip(members, find_steps(rows), strict=True):
            steps[n] = own
    return steps


def _entries(history: History, query: Query) -> list[_Entry]:
    names = (*_KEY, *_FACTS, "run_id", "seed", "chip", "value", "digital")
    which = "metric = ?" if query.metric else "main"
    rows = history.rows(
        f"select {', '.join(names)}, hash(fingerprint) from scores where score = ? and {which}",
        [query.score, *([query.metric] if query.metric else [])],
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
        matches = {case for case in known if case == wanted or fnmatchcase(case, wanted)}
        if not matches:
            raise UsageError(f"no case {wanted!r} in these runs; {_near(wanted, known)}")
        fitting |= matches
    return fitting


def _near(wanted: str, known: Sequence[str]) -> str:
    # There may be hundreds: they are named only where one is near.
    if get_close_matches(wanted, known, n=1, cutoff=0.6):
        return did_you_mean(wanted, known)
    return "--sql 'select distinct case_id from scores' lists them, and patterns may have * and ?"


def _why_nothing(history: History, query: Query) -> str:
    known = history.rows(
        "select distinct score, metric from scores where score is not null order by all"
    )
    scores = {score for score, _ in known}
    if query.score not in scores:
        return (
            f"no run has the score {query.score!r}; they have "
            f"{', '.join(s for s in SCORES if s in scores) or 'none'} (one_day and avm need cases "
            "at one day, at 1 s and at 30 d)"
        )
    metrics = sorted({metric for score, metric in known if score == query.score})
    if query.metric and query.metric not in metrics:
        return f"no run has the metric {query.metric!r}; {did_you_mean(query.metric, metrics)}"
    if query.last:
        return f"the newest runs have no such score (--last {query.last})"
    return (
        f"no run has the score {query.score!r} of the metric that verdicts are about; --metric "
        f"may be {', '.join(metrics)}"
    )


def _trend(
    key: tuple[Any, ...],
    entries: Sequence[_Entry],
    runs: Sequence[RunFacts],
    position: Mapping[str, int],
    prints: Mapping[int, tuple[float, ...]],
) -> Trend:
    named = dict(zip(_KEY, key, strict=True))
    scores: dict[int, dict[Hashable, float]] = {}
    for entry, chip in zip(entries, _chips(entries, prints), strict=True):
        scores.setdefault(position[entry["run_id"]], {})[chip] = entry["value"]
    digital = {position[entry["run_id"]]: entry["digital"] for entry in entries}
    # The newest run's margin counts, as it would for the gate.
    newest = max(entries, key=lambda entry: runs[position[entry["run_id"]]].created)
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
    """Return the identity of each entry's chip: the same where the gate would pair them."""
    seen: dict[tuple[int, int], list[int]] = {}
    chips: list[Hashable] = []
    for entry in entries:
        seed, chip, own = entry["seed"], entry["chip"], entry["print"]
        if why_unpaired(entry["tile"]):
            chips.append((entry["run_id"], chip))
            continue
        known = seen.setdefault((seed, chip), [])
        alike = (one == own or same_fingerprint(prints[one], prints[own]) for one in known)
        number = next((n for n, same in enumerate(alike) if same), len(known))
        if number == len(known):
            known.append(own)
        chips.append((seed, chip, number))
    return chips


def _release(version: str | None) -> tuple[bool, Version]:
    """Return a sort key: 1.9 before 1.10rc1 before 1.10; anything that is no version first."""
    try:
        return True, Version(version or "")
    except InvalidVersion:
        return False, Version("0")
