"""What is asked of a history: which trends, over which runs, and where they stepped."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.gate.pairing import same_fingerprint
from analog_bench.gate.step import Row, Step, find_steps
from analog_bench.history.database import History
from analog_bench.history.row import SCORES
from analog_bench.history.trend import Point, RunFacts, Trend
from analog_bench.result import Metric

Order = Literal["date", "release"]

# What makes two values comparable: whatever differs in one of these is another trend.
_KEY = (
    *("study", "model", "variant", "case_id", "layers", "noise", "drift_s", "tile", "hardware"),
    *("case_version", "protocol", "weights", "metric", "metric_version", "score"),
)
_FACTS = ("unit", "higher_is_better", "margin", "draws")
_NATURAL_DIGITS = 8


@dataclass(frozen=True)
class Asked:
    """Which trends are wanted.

    Attributes:
        cases: Ids of cases, or shell-style patterns of them; all where empty.
        score: `plain`, or a robustness score.
        metric: Name of the metric; None for the one that verdicts are about.
        order: `date`, or `release`: by the versions of aihwkit and torch, then by date.
        last: Newest runs to look at; None for all.
    """

    cases: tuple[str, ...] = ()
    score: str = "plain"
    metric: str | None = None
    order: Order = "date"
    last: int | None = None


_Entry: TypeAlias = dict[str, Any]


def runs_of(history: History, order: Order = "date") -> list[RunFacts]:
    """Return the runs in order.

    Args:
        history: The runs.
        order: By date, or by release first.
    """
    names = tuple(RunFacts.__dataclass_fields__)
    found = [RunFacts(*row) for row in history.rows(f"select {', '.join(names)} from runs")]
    if order == "release":
        # The order is stable: runs of one release stay by date.
        found.sort(key=lambda run: (_natural(run.aihwkit), _natural(run.torch)))
    return found


def trends_of(history: History, asked: Asked) -> list[Trend]:
    """Return the trends that are asked for.

    What is not of the same protocol, weights, case version and metric version is another trend,
    never a point of the same one.

    Args:
        history: The runs.
        asked: What is wanted.

    Returns:
        The trends by study, model and case; of each the runs that measured it, in order. None where
        nothing was measured, and nothing in particular was asked for.

    Raises:
        UsageError: No case fits, or none has such a score.
    """
    runs = runs_of(history, asked.order)
    kept = {run.run_id: n for n, run in enumerate(runs[-asked.last :] if asked.last else runs)}
    ordered = [run for run in runs if run.run_id in kept]
    prints = _fingerprints(history)
    entries: dict[tuple[Any, ...], list[_Entry]] = {}
    for entry in _entries(history, asked, _fitting(history, asked)):
        if entry["run_id"] in kept:
            entries.setdefault(tuple(entry[name] for name in _KEY), []).append(entry)
    if not entries and (asked.cases or asked.metric or asked.score != "plain"):
        raise UsageError(_nothing(history, asked))
    by_id = {run.run_id: run for run in ordered}
    return [
        _trend(key, sorted(own, key=lambda e: (kept[e["run_id"]], e["chip"])), by_id, prints)
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


def _entries(history: History, asked: Asked, cases: Sequence[str] | None) -> list[_Entry]:
    names = (*_KEY, *_FACTS, "run_id", "seed", "chip", "value", "digital")
    conditions = ["score = ?", "metric = ?" if asked.metric else "main"]
    values: list[object] = [asked.score, *([asked.metric] if asked.metric else [])]
    if cases is not None:
        conditions.append("list_contains(?, case_id)")
        values.append(list(cases))
    rows = history.rows(
        f"select {', '.join(names)}, hash(fingerprint) from scores "
        f"where {' and '.join(conditions)}",
        values,
    )
    return [dict(zip((*names, "print"), row, strict=True)) for row in rows]


def _fitting(history: History, asked: Asked) -> list[str] | None:
    if not asked.cases:
        return None
    known = [case for (case,) in history.rows("select distinct case_id from scores")]
    fitting: list[str] = []
    for wanted in asked.cases:
        # An id may itself hold what is special in a pattern.
        own = [case for case in known if case == wanted or fnmatchcase(case, wanted)]
        if not own:
            raise UsageError(f"no case {wanted!r} in these runs; {_near(wanted, known)}")
        fitting += own
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
    return f"nothing was measured of {', '.join(asked.cases) or 'anything'} in these runs"


def _fingerprints(history: History) -> dict[int, tuple[float, ...]]:
    rows = history.rows(
        "select distinct hash(fingerprint), fingerprint from scores where fingerprint is not null"
    )
    return {key: tuple(values) for key, values in rows}


def _trend(
    key: tuple[Any, ...],
    entries: Sequence[_Entry],
    runs: Mapping[str, RunFacts],
    prints: Mapping[int, tuple[float, ...]],
) -> Trend:
    named = dict(zip(_KEY, key, strict=True))
    chips = _chips(entries, prints)
    of_run: dict[str, dict[Hashable, float]] = {}
    for entry, chip in zip(entries, chips, strict=True):
        of_run.setdefault(entry["run_id"], {})[chip] = entry["value"]
    digital = {entry["run_id"]: entry["digital"] for entry in entries}
    # The newest run's margin counts, as it would for the gate.
    newest = max(entries, key=lambda entry: runs[entry["run_id"]].created)
    metric = Metric(
        name=named["metric"],
        unit=newest["unit"],
        higher_is_better=newest["higher_is_better"],
        margin=newest["margin"],
        version=named["metric_version"],
    )
    points = tuple(Point(runs[run], scores, digital[run]) for run, scores in of_run.items())
    return Trend(named, metric, newest["draws"], points)


def _chips(entries: Iterable[_Entry], prints: Mapping[int, tuple[float, ...]]) -> list[Hashable]:
    """Say of each entry which chip it is: the same where the gate would pair them."""
    seen: dict[tuple[int, int], list[int]] = {}
    found: list[Hashable] = []
    for entry in entries:
        seed, chip, own = entry["seed"], entry["chip"], entry["print"]
        if entry["tile"] == "cpp":  # it seeds itself from the clock
            found.append((entry["run_id"], chip))
            continue
        known = seen.setdefault((seed, chip), [])
        if own not in known and not any(
            same_fingerprint(prints[own], prints[other]) for other in known
        ):
            known.append(own)
        place = next(
            n
            for n, other in enumerate(known)
            if own == other or same_fingerprint(prints[own], prints[other])
        )
        found.append((seed, chip, place))
    return found


def _natural(version: str | None) -> tuple[str, ...]:
    """Return a version so that 1.10 comes after 1.9."""
    parts = (version or "").replace("+", ".").split(".")
    return tuple(part.zfill(_NATURAL_DIGITS) if part.isdigit() else part for part in parts)
