"""The rows of a history: one a chip and score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import asdict, replace

from analog_bench.codec import plain
from analog_bench.gate.chip_change import draws_nothing
from analog_bench.gate.robustness_scores import (
    DAY_S,
    MONTH_S,
    Conditions,
    Robustness,
    conditions_of,
    robustness_of,
)
from analog_bench.records import Metric, Result
from analog_bench.store.run import Manifest, Run

Score = Literal["plain", "a_star", "one_day", "avm"]
SCORES: tuple[Score, ...] = get_args(Score)

SqlType = Literal["VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DOUBLE[]"]
Row: TypeAlias = dict[str, Any]
"""Column to value; None where there is none."""

_ENVIRONMENT = ("aihwkit", "torch", "python", "machine", "device", "analog_bench", "budget")


@dataclass(frozen=True)
class Column:
    """A column of the table, and its meaning in a few words."""

    name: str
    type: SqlType
    meaning: str


COLUMNS = (
    Column("run", "VARCHAR", "name of the run file, without its ending"),
    Column(
        "run_id", "VARCHAR", "fingerprint of the manifest: runs of two machines may share a name"
    ),
    Column("created", "VARCHAR", "start of the run, UTC, ISO 8601"),
    Column("command", "VARCHAR", "the command line that started it"),
    Column("commit", "VARCHAR", "commit of the checkout"),
    Column("analog_bench", "VARCHAR", "version of this project"),
    Column("aihwkit", "VARCHAR", "version"),
    Column("torch", "VARCHAR", "version"),
    Column("python", "VARCHAR", "version"),
    Column("machine", "VARCHAR", "architecture of the machine"),
    Column("device", "VARCHAR", "where torch computed"),
    Column("budget", "VARCHAR", "name of the budget"),
    Column("study", "VARCHAR", "name of the study"),
    Column("model", "VARCHAR", "name of the model"),
    Column("variant", "VARCHAR", "what is on tiles: `direct`, `calibrated` or `hwa`"),
    Column(
        "case_id",
        "VARCHAR",
        "stable id of the case; for `one_day` that at one day, for `avm` at 30 d",
    ),
    Column("layers", "VARCHAR", "the case's layers, by their short name"),
    Column("noise", "VARCHAR", "family and parameters"),
    Column("drift_s", "DOUBLE", "seconds since programming; null for a score of many drift times"),
    Column("tile", "VARCHAR", "tile engine"),
    Column("hardware", "VARCHAR", "hardware preset"),
    Column("case_version", "BIGINT", "version of the case's meaning"),
    Column("protocol", "VARCHAR", "fingerprint of data, tokeniser, lengths and metric versions"),
    Column("weights", "VARCHAR", "fingerprint of the digital weights"),
    Column("seed", "BIGINT", "the run's seed"),
    Column("status", "VARCHAR", "`measured`, `skipped` or `broken`"),
    Column("reason", "VARCHAR", "why, for the latter two"),
    Column("draws", "BOOLEAN", "whether anything in the case is random"),
    Column("metric", "VARCHAR", "name of the metric"),
    Column("main", "BOOLEAN", "whether verdicts are about this metric"),
    Column("score", "VARCHAR", "`plain`, or the robustness score: `a_star`, `one_day`, `avm`"),
    Column("unit", "VARCHAR", "of the value; empty for `a_star`, which has none"),
    Column("higher_is_better", "BOOLEAN", "direction"),
    Column("margin", "DOUBLE", "the change that matters, in the unit"),
    Column("metric_version", "BIGINT", "version of the metric's definition"),
    Column("chip", "BIGINT", "index of the chip"),
    Column("value", "DOUBLE", "the score of this chip"),
    Column("digital", "DOUBLE", "the digital model's, in the metric; for plain scores"),
    Column("fingerprint", "DOUBLE[]", "summaries of what was programmed"),
)
"""The columns of every row. Those from `metric` on are null where a case was not measured."""
_COLUMN_NAMES = frozenset(column.name for column in COLUMNS)


def rows_of(run: Run, name: str) -> Iterator[Row]:
    """Flatten a run whose file has this name, without its ending.

    There is a row for every case, chip and metric, and for every robustness score and chip; one
    that says so for a case that was skipped or is broken. Confirmation chips, which exist only
    where the initial ones looked changed, are in no row: they would make a step in nights that have
    them.
    """
    shared = _of_run(run.manifest, name)
    for group in run.groups:
        cases = [({**shared, **_of_case(result)}, result) for result in group.results]
        for case, result in cases:
            if result.status != "measured":
                yield case
        for n, metric in enumerate(group.metrics):
            for case, result in cases:
                yield from _plain({**case, **_of_metric(metric, main=n == 0)}, result, metric)
            yield from _robust(cases, metric, main=n == 0)


def run_id_of(manifest: Manifest) -> str:
    """Return a fingerprint of a run, 12 hexadecimal digits: two runs may share a name."""
    words = json.dumps(plain(manifest), sort_keys=True)
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]


def _of_run(manifest: Manifest, name: str) -> Row:
    facts = {
        **manifest.environment,
        "analog_bench": manifest.environment.get("analog-bench"),
        "budget": manifest.options.get("budget"),
    }
    return {
        **dict.fromkeys(column.name for column in COLUMNS),
        **{key: None if facts.get(key) is None else str(facts[key]) for key in _ENVIRONMENT},
        "run": name,
        "run_id": run_id_of(manifest),
        **_fields(manifest),
    }


def _fields(record: Struct) -> Row:
    """Return the fields of a record that are columns, of the same name."""
    fields = asdict(record).items()
    # `digital` is a column, too, but holds the score in one metric.
    return {k: v for k, v in fields if k in _COLUMN_NAMES and not isinstance(v, Mapping)}


def _of_case(result: Result) -> Row:
    fields = _fields(result)
    # Older files do not say it of a result: the run's holds for all.
    del fields["device"]
    return {**fields, "layers": result.group, "draws": not draws_nothing(result)}


def _of_metric(metric: Metric, *, main: bool) -> Row:
    named = {"metric": metric.name, "metric_version": metric.version}
    return {**_fields(metric), **named, "main": main, "score": "plain"}


def _plain(shared: Row, result: Result, metric: Metric) -> Iterator[Row]:
    for chip in result.initial_chips if result.status == "measured" else ():
        if metric.name in chip.scores:
            yield {
                **shared,
                "chip": chip.chip,
                "value": chip.scores[metric.name],
                "digital": result.digital.get(metric.name),
                "fingerprint": list(chip.fingerprint),
            }


def _robust(cases: Sequence[tuple[Row, Result]], metric: Metric, *, main: bool) -> Iterator[Row]:
    """Yield robustness scores chip by chip: they are defined on one chip as on many."""
    groups: dict[Conditions, list[tuple[Row, Result]]] = {}
    for case, result in cases:
        shared = {**case, **_of_metric(metric, main=main)}
        groups.setdefault(conditions_of(result), []).append((shared, result))
    for entry in robustness_of([result for _, result in cases], metric):
        group = groups[entry.conditions]
        for chip in sorted({chip.chip for _, result in group for chip in result.initial_chips}):
            times = {
                result.drift_s: (shared, replace(result, chips=own))
                for shared, result in group
                if (own := tuple(one for one in result.initial_chips if one.chip == chip))
            }
            for alone in robustness_of([result for _, result in times.values()], metric):
                yield from _of_chip(alone, entry, times, metric)


def _of_chip(
    entry: Robustness, whole: Robustness, times: Mapping[float, tuple[Row, Result]], metric: Metric
) -> Iterator[Row]:
    """Yield one chip's robustness scores, where all chips together have them."""
    for drift_s, value in entry.a_star.items():
        shared, result = times[drift_s]
        span = abs(result.digital[metric.name] - result.chance[metric.name])
        yield {
            **_of_score("a_star", value.centre, shared, result),
            "unit": "",
            # 1 is digital and 0 guessing, whatever the metric's own direction.
            "higher_is_better": True,
            "margin": shared["margin"] / span,
        }
    if entry.one_day is not None and whole.one_day is not None:
        yield {**_of_score("one_day", entry.one_day.centre, *times[DAY_S]), "drift_s": None}
    if entry.avm is not None and whole.avm is not None:
        yield {**_of_score("avm", entry.avm.centre, *times[MONTH_S]), "drift_s": None}


def _of_score(score: Score, value: float, shared: Row, result: Result) -> Row:
    (chip,) = result.chips
    own = {"chip": chip.chip, "fingerprint": list(chip.fingerprint)}
    return {**shared, "score": score, "value": value, **own}
