"""All models of a run beside each other, in the one score that they share: A*."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from analog_bench.gate.robustness_scores import conditions_of, robustness_of
from analog_bench.gate.significance import Interval
from analog_bench.records import Result
from analog_bench.report import estimates, words
from analog_bench.report.case_energy import is_whole
from analog_bench.report.layer_losses import FEWEST
from analog_bench.report.measured_on import examples_label, versions_label
from analog_bench.report.plots.chart import Spec, axis, layer, points
from analog_bench.report.plots.drift_plot import time_axis
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.report_contents import Contents, Judged, is_single
from analog_bench.report.table import Column, linked, number, tabulate

_NOTE = "A*: 1 is as good as the digital model, 0 as good as guessing; means over chips."


@dataclass(frozen=True)
class _Place:
    """A result with A*, and where it stands: seconds, or a share of the model's depth."""

    study: Judged
    result: Result
    at: float
    star: Interval

    @property
    def model(self) -> str:
        return words.model_label(self.study.scope.model)


def across_models(contents: Contents) -> tuple[Figure, ...]:
    """Return plots of several models: over time for each kind of weights, and over the depth.

    Only of conditions that two models or more were measured under; texts have no A*.
    """
    studies = [study for study in contents.studies if not study.writes]
    if len({study.scope.model for study in studies}) < 2:
        return ()
    return (
        *(_drift(contents, *one) for one in _shared(studies, _over_time, ("time",))),
        *(_depth(contents, *one) for one in _shared(studies, _over_depth, ())),
    )


def _shared(
    studies: Iterable[Judged],
    places: Callable[[Judged], Iterable[_Place]],
    leaving_out: tuple[str, ...],
) -> list[tuple[str, list[_Place]]]:
    """Return conditions with the places of several models."""
    found = [place for study in studies for place in places(study)]
    noises = words.short_noises(place.result.noise for place in found)
    conditions: dict[str, list[_Place]] = {}
    for place in found:
        noise = words.noise_label(noises[place.result.noise])
        rest = words.condition_label(place.result, leaving_out=("noise", *leaving_out))
        conditions.setdefault(" · ".join(filter(None, (noise, rest))), []).append(place)
    several = conditions.items()
    return [(name, own) for name, own in several if len({place.model for place in own}) > 1]


def _over_time(study: Judged) -> Iterator[_Place]:
    whole = [r for r in study.measured if is_whole(r) and r.group == "all"]
    results = {(conditions_of(result), result.drift_s): result for result in whole}
    for robustness in robustness_of(whole, study.main):
        if len(robustness.a_star) > 1:
            for time, star in robustness.a_star.items():
                yield _Place(study, results[robustness.conditions, time], time, star)


def _over_depth(study: Judged) -> Iterator[_Place]:
    single = [r for r in study.measured if is_single(r)]
    deepest = max((r.facts.depth for r in single if r.facts), default=0)
    if len(single) >= FEWEST and deepest:
        for result in single:
            for robustness in robustness_of([result], study.main):
                for star in robustness.a_star.values():
                    depth = result.facts.depth if result.facts else 0
                    yield _Place(study, result, depth / deepest, star)


def _drift(contents: Contents, condition: str, found: Sequence[_Place]) -> Figure:
    latest = max(place.at for place in found)
    last = [place for place in found if place.at == latest]
    left = ", ".join(f"{place.model} {estimates.a_star_text(_bare(place))}" for place in last)
    x = time_axis({place.at for place in found})
    return _figure(
        contents,
        found,
        name=file_name("all-models", "drift", condition),
        message=f"{condition} after {words.time_label(latest)}: A* {left}.",
        note=f"{_NOTE} Bands are 95 % intervals over chips.",
        x=x,
        where=(Column("time"), lambda place: words.time_label(place.at)),
        marks=("area", "line"),
    )


def _depth(contents: Contents, condition: str, found: Sequence[_Place]) -> Figure:
    stars: dict[str, dict[bool, list[float]]] = {}
    for place in found:
        halves = stars.setdefault(place.model, {False: [], True: []})
        halves[place.at > 0.5].append(place.star.centre)
    spelt = ", ".join(
        f"{model} {median(halves[False]):.2f} and {median(halves[True]):.2f}"
        for model, halves in stars.items()
        if all(halves.values())
    )
    x = axis("at", "share of the model's depth", scale={"domain": [0, 1]}, axis={"grid": False})
    return _figure(
        contents,
        found,
        name=file_name("all-models", "depth", condition),
        message=f"{condition}: median A* of layers in the first and the second half: {spelt}.",
        note=f"{_NOTE} One layer at a time.",
        x=x,
        where=(Column("layer"), lambda place: words.one_line(place.result.group)),
        marks=(),
    )


def _figure(
    contents: Contents,
    found: Sequence[_Place],
    *,
    name: str,
    message: str,
    note: str,
    x: Spec,
    where: tuple[Column, Callable[[_Place], str]],
    marks: tuple[str, ...],
) -> Figure:
    values: list[dict[str, Any]] = []
    for place in found:
        low, high = place.star.bounds or (place.star.centre, place.star.centre)
        ends = {"star": place.star.centre, "low": low, "high": high}
        at = {"time": place.at, "at": place.at, "model": place.model}
        values.append({**at, **ends, "href": contents.link(place.result)})
    y = axis("star", "A*", scale={"zero": True, "nice": True})
    legend = {"columns": 2, "labelLimit": 170, "symbolOpacity": 1}
    color = axis("model", kind="nominal", scale={"scheme": "tableau10"}, legend=legend)
    band = layer(
        values,
        {"type": "area", "opacity": 0.16},
        **{"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": color},
    )
    line = layer(values, {"type": "line", "strokeWidth": 2.5}, x=x, y=y, color=color)
    dots = layer(values, points(50, 0.85), x=x, y=y, color=color, href={"field": "href"})
    measured = dict.fromkeys(
        f"{place.model}, {examples_label(place.study.scope)}, "
        f"{words.counted(len(place.result.initial_chips), 'chip')}"
        for place in found
    )
    return Figure(
        name=name,
        message=message,
        note=note,
        source=" · ".join(filter(None, [*measured, versions_label(contents)])),
        spec={"layer": [*({"area": band, "line": line}[mark] for mark in marks), dots]},
        table=tabulate(
            found,
            [
                (Column("model"), lambda place: place.model),
                where,
                number(
                    "A*",
                    lambda p: linked(estimates.a_star_text(p.star), contents.link(p.result)),
                ),
            ],
        ),
    )


def _bare(place: _Place) -> Interval:
    return Interval(place.star.centre, None)
