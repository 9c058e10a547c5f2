"""The leaderboard: whole models on hardware, from any number of runs, by what a day leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from analog_bench.gate.hardware_steps import terms_in
from analog_bench.gate.robustness_scores import DAY_S, Robustness, conditions_of, robustness_of
from analog_bench.gate.significance import Interval
from analog_bench.noise.equal_error import EqualError
from analog_bench.records import Metric, Result, Scope
from analog_bench.report import estimates, words
from analog_bench.report.case_energy import energy_of, is_whole
from analog_bench.report.energy_table import energy_text
from analog_bench.report.measured_on import OVER_BOTH, examples_label
from analog_bench.report.plots.chart import axis, by_weights, layer, points
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.table import (
    Block,
    Cell,
    Column,
    Heading,
    Spelling,
    Table,
    linked,
    number,
    tabulate,
)
from analog_bench.store.run import Group, Run

A_STAR = "A*: 1 is as good as the digital model, 0 as good as guessing."
_ROW_PIXELS = 34


@dataclass(frozen=True)
class Entry:
    """A whole model with some weights on some hardware, one day after programming.

    Attributes:
        source: The name under which the run is known, such as that of its file.
        noise: The noise or preset, without the parameters that are the same for all entries.
        a_star: What is left of what the digital model has over guessing.
        others: Its other scores over the drift times.
    """

    source: str
    noise: str
    run: Run
    scope: Scope
    metric: Metric
    result: Result
    a_star: Interval
    others: Robustness

    @property
    def hardware(self) -> str:
        """Noise or preset, tile and hardware: `StandardHWATrainingTorch`."""
        rest = words.condition_label(self.result, leaving_out=("noise", "time", "weights"))
        return " · ".join(filter(None, (self.noise, rest)))

    @property
    def name(self) -> str:
        """Model, layers unless they are all, and hardware."""
        group = "" if self.result.group == "all" else words.group_label(self.result.group)
        model = words.model_label(self.scope.model)
        return " · ".join(filter(None, (model, group, self.hardware)))

    @property
    def scored_by(self) -> str:
        """The metric: `F1`, `cross-entropy`."""
        return words.metric_label(self.metric)

    @property
    def contest(self) -> str:
        """The metric and the examples: `F1 on 96 embedded questions`."""
        return f"{self.scored_by} on {examples_label(self.scope)}"

    @property
    def nj_per_token(self) -> float | None:
        """The energy a token under the usual scenario, where the model's shape is known."""
        energy = energy_of(self.result, self.run.shapes)
        return None if energy is None else energy.pj_per_token / 1e3


def entries(runs: Mapping[str, Run]) -> list[Entry]:
    """Return what runs measured of whole models at one day: by contest, the highest A* first.

    Runs go by their names. Where guessing has no score, or the digital model is not known to be
    better, there is no A*, and no entry. Of the same condition on the same examples the newest run
    stays, and of its studies the one with most chips.
    """
    measured = [
        entry
        for source, run in runs.items()
        for group in run.groups
        for entry in _of_group(source, run, group)
    ]
    measured.sort(key=lambda e: (e.run.manifest.created, len(e.result.initial_chips)))
    # Whichever study it was measured in.
    newest = {(e.contest, replace(e.others.conditions, study="")): e for e in measured}
    short = words.short_noises(entry.noise for entry in newest.values())
    named = (replace(e, noise=words.noise_label(short[e.noise])) for e in newest.values())

    def order(entry: Entry) -> tuple[str, int, str, float, str]:
        contest = entry.scored_by, -entry.scope.examples, entry.contest
        return *contest, -entry.a_star.centre, entry.name

    return sorted(named, key=order)


def by_contest(found: Iterable[Entry]) -> list[tuple[Entry, ...]]:
    """Return entries in groups of one metric on the same examples: others do not compare."""
    return [tuple(own) for _, own in groupby(found, key=lambda entry: entry.contest)]


def board_blocks(found: Sequence[Entry], link: Callable[[Entry], str]) -> Iterator[Block]:
    """Yield a heading and a table for each contest."""
    for own in by_contest(found):
        yield Heading(f"Scored by {own[0].contest}")
        yield board_table(own, link)


def _of_group(source: str, run: Run, group: Group) -> Iterator[Entry]:
    whole = [result for result in group.results if is_whole(result) and _is_hardware(result)]
    after_a_day = {conditions_of(result): result for result in whole if result.drift_s == DAY_S}
    for others in robustness_of(whole, group.main):
        star = others.a_star.get(DAY_S)
        if star is not None:
            result = after_a_day[others.conditions]
            yield Entry(source, result.noise, run, group.scope, group.main, result, star, others)


def _is_hardware(result: Result) -> bool:
    """Whether it is hardware that one could have: all of a preset, at a strength of its own."""
    return not terms_in(result) and not result.noise.startswith(f"{EqualError.NAME}:")


def board_table(found: Sequence[Entry], link: Callable[[Entry], str]) -> Table:
    """Return entries of one contest as a table, each with the way to its raw values."""

    def score(entry: Entry) -> str:
        return estimates.interval_text(entry.others.one_day, entry.metric)

    def energy(entry: Entry) -> str:
        return "" if entry.nj_per_token is None else energy_text(entry.nj_per_token)

    def digital(entry: Entry) -> str:
        return words.amount(entry.result.digital[entry.metric.name], entry.metric)

    def month(entry: Entry) -> str:
        return estimates.interval_text(entry.others.avm, entry.metric, signed=True)

    def aihwkit(entry: Entry) -> str:
        return words.one_line(str(entry.run.manifest.environment.get("aihwkit") or ""))

    def star(entry: Entry) -> Cell:
        return linked(estimates.a_star_text(entry.a_star), link(entry))

    several = len({entry.result.group for entry in found}) > 1
    # One for all stands below the picture, too.
    one = len({entry.hardware for entry in found}) == 1
    tiles = Column("on tiles"), lambda entry: words.group_label(entry.result.group)
    columns: list[tuple[Column, Spelling[Entry]]] = [
        (Column("model", folds=True), lambda entry: words.model_label(entry.scope.model)),
        *([tiles] if several else []),
        (Column("weights"), lambda entry: words.weights_label(entry.result)),
        number("A* 1 d", star, notes=(A_STAR, f"{OVER_BOTH}.")),
        number(f"{found[0].scored_by} 1 d", score, priority=2),
        number("digital", digital, priority=6),
        number("AVM", month, priority=7, notes=("AVM: the score at 30 d − at 1 s.",)),
        number("nJ/token", energy, priority=4),
        (Column("hardware", folds=True, priority=int(one)), lambda entry: entry.hardware),
        (Column("run", priority=3), lambda entry: Cell(entry.source, href=link(entry))),
        number("chips", lambda entry: str(len(entry.result.initial_chips)), priority=8),
        (Column("aihwkit", priority=9), aihwkit),
    ]
    return tabulate(found, columns, frame="rule")


def board_figure(found: Sequence[Entry], table: Table) -> Figure:
    """Return the picture of entries of one contest: A* at one day, a row a model and hardware."""
    shared = {entry.hardware for entry in found}
    # What is the same for all stands below: on a phone names take the room of the plot.
    same = shared if len(shared) == 1 else set()
    values: list[dict[str, Any]] = []
    for entry in found:
        low, high = entry.a_star.bounds or (entry.a_star.centre, entry.a_star.centre)
        name = entry.name.removesuffix(f" · {entry.hardware}") if same else entry.name
        value = {"name": name, "star": entry.a_star.centre, "low": low, "high": high}
        values.append({**value, "weights": words.weights_label(entry.result)})
    names = list(dict.fromkeys(value["name"] for value in values))
    # Model and hardware on a line each, so that a phone has room for the plot.
    lines = {"labelExpr": "split(datum.label, ' · ')", "labelLimit": 170}
    bare = {**lines, "ticks": False, "domain": False}
    y = axis("name", kind="nominal", sort=names, axis=bare)
    x = axis("star", "A* one day after programming", scale={"domainMax": 1.0, "nice": True})
    color = by_weights(words.weights_among(values))
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    first = found[0]
    return Figure(
        name=file_name("board", first.contest),
        message=(
            f"Scored by {first.contest}, {first.name} keeps most: "
            f"A* {estimates.a_star_text(first.a_star)} with "
            f"{words.with_weights(first.result.variant)}."
        ),
        note=f"{A_STAR} Lines are 95 % intervals over chips.",
        source=" · ".join(
            [*same, words.range_counted({len(e.result.initial_chips) for e in found}, "chip")]
        ),
        spec={
            "layer": [
                layer(values, {"type": "rule", "strokeWidth": 2}, y=y, color=color, **ends),
                layer(values, points(80), y=y, x=x, color=color),
            ]
        },
        table=table,
        width=420,
        height=110 + _ROW_PIXELS * len(names),
    )
