"""The rows of a history: one a chip and score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
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


COLUMNS: dict[str, SqlType] = {
    "run": "VARCHAR",
    "run_id": "VARCHAR",
    "created": "VARCHAR",
    "command": "VARCHAR",
    "commit": "VARCHAR",
    "analog_bench": "VARCHAR",
    "aihwkit": "VARCHAR",
    "torch": "VARCHAR",
    "python": "VARCHAR",
    "machine": "VARCHAR",
    "device": "VARCHAR",
    "budget": "VARCHAR",
    "study": "VARCHAR",
    "model": "VARCHAR",
    "variant": "VARCHAR",
    "case_id": "VARCHAR",
    "layers": "VARCHAR",
    "noise": "VARCHAR",
    "drift_s": "DOUBLE",
    "tile": "VARCHAR",
    "hardware": "VARCHAR",
    "case_version": "BIGINT",
    "protocol": "VARCHAR",
    "weights": "VARCHAR",
    "seed": "BIGINT",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "draws": "BOOLEAN",
    "metric": "VARCHAR",
    "main": "BOOLEAN",
    "score": "VARCHAR",
    "unit": "VARCHAR",
    "higher_is_better": "BOOLEAN",
    "margin": "DOUBLE",
    "metric_version": "BIGINT",
    "chip": "BIGINT",
    "value": "DOUBLE",
    "digital": "DOUBLE",
    "fingerprint": "DOUBLE[]",
}
"""The columns of every row, which docs/nightly.md describes, in their order.

Those from `metric` on are null where a case was not measured.
"""


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
        **dict.fromkeys(COLUMNS),
        **{key: None if facts.get(key) is None else str(facts[key]) for key in _ENVIRONMENT},
        "run": name,
        "run_id": run_id_of(manifest),
        **_fields(manifest),
    }


def _fields(record: Struct) -> Row:
    """Return the fields of a record that are columns, of the same name."""
    fields = asdict(record).items()
    # `digital` is a column, too, but holds the score in one metric.
    return {k: v for k, v in fields if k in COLUMNS and not isinstance(v, Mapping)}


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
