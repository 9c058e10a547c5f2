"""Plans: loss over energy, predictions beside what was measured, and what becomes of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analog_bench.planning.plan_front import unbeaten
from analog_bench.planning.predictor_scores import ceiling, tau_interval
from analog_bench.planning.scenarios import SCENARIOS
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.energy_table import energy_text
from analog_bench.report.estimates import interval_text, ranged_text
from analog_bench.report.measured_on import source_line
from analog_bench.report.planned_results import PlannedResult, asked_of, best_of, planned_results
from analog_bench.report.plots.chart import (
    DASHES,
    Spec,
    axis,
    colour,
    layer,
    log_ticks,
    marks_at,
    points,
)
from analog_bench.report.plots.figure import Figure, file_name
from analog_bench.report.plots.plan_map import plan_map
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.table import Column, Table, linked, number, tabulate

_FEWEST_TO_RANK = 5
# Of the range, as a factor or a share of it: room on both sides.
_ROOM, _HEADROOM = 1.25, 0.12
_BESIDE_PIXELS = 7
_KINDS: Mapping[str, tuple[str, str]] = {
    "chosen plan": ("best", "circle"),
    "random plan": ("muted", "circle"),
    "all analog": ("worst", "triangle-up"),
    "all INT8": ("calibrated", "square"),
    "all FP16": ("ink", "square"),
}


def plan_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return the plots of each study of a model that measured plans; see `planned_results`."""
    figures: list[Figure] = []
    for study in contents.of_model(model):
        for metric, found in planned_results(study, contents.shapes.get(model)):
            if len(found) > 1:
                figures.append(_front(contents, study, found, metric))
            promised = [one for one in found if one.plan.predicted is not None]
            if len(promised) > 1:
                figures.append(_predictions(contents, study, promised, metric))
            figures.append(plan_map(contents, study, best_of(found), metric))
    return tuple(figures)


def _digital(found: Sequence[PlannedResult]) -> tuple[str, float]:
    """Return the digital machine that plans compete with, and what it takes a token, in nJ."""
    energy = found[0].energy
    if any("8" in one.plan.layers for one in found):
        return "INT8", energy.int8_pj / 1e3
    return "FP16", energy.fp16_pj / 1e3


def _front(
    contents: Contents, study: Judged, found: Sequence[PlannedResult], metric: Metric
) -> Figure:
    takes = found[0].energy.fp16_pj / 1e3
    fp16: dict[str, Any] = {"energy": takes, "loss": 0.0, "kind": "all FP16"}
    measured = [_point(contents, one) for one in found]
    chosen = [one for one in found if one.plan.predicted is not None and not one.random]
    predicted = [
        {"energy": one.nj, "loss": one.plan.predicted, "low": one.plan.low, "high": one.plan.high}
        for one in chosen
    ]
    centres = [0.0, *(p["loss"] for p in measured), *(p["loss"] for p in predicted)]
    asked = [one.plan.limit for one in found if one.plan.limit is not None]
    centres += asked
    room = _HEADROOM * (max(centres) - min(centres) or 1.0)
    frame = (min(centres) - room, max(centres) + room)
    costs = [takes, *(one.nj for one in found)]
    domain = (min(costs) / _ROOM, max(costs) * _ROOM)
    ticks = marks_at(log_ticks(*domain), format=",~g")
    x = axis("energy", "nJ a token", scale={"type": "log", "domain": domain}, axis=ticks)
    y = axis("loss", words.loss_label(metric), scale={"domain": frame, "nice": False})
    color, shape = _by_kind([*measured, fp16])
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    beside = {"xOffset": _BESIDE_PIXELS, "color": colour("muted")}
    dashed = {"type": "rule", "strokeDash": DASHES, "color": colour("muted")}
    line = {"type": "line", "interpolate": "step-after", "color": colour("best"), "opacity": 0.5}
    href = {"field": "href"}
    best = unbeaten([*measured, fp16], lambda one: one["energy"], lambda one: one["loss"])
    layers = [
        layer([{"loss": max(asked)}] if asked else [], dashed, y=y),
        layer([{"energy": p["energy"], "loss": p["loss"]} for p in best], line, x=x, y=y),
        layer(_cut(predicted, frame), {"type": "rule", **beside}, x=x, **ends),
        layer(
            predicted,
            {"type": "point", "shape": "diamond", "size": 60, "filled": False, **beside},
            x=x,
            y=y,
        ),
        layer(_cut(measured, frame), {"type": "rule", "strokeWidth": 2}, x=x, color=color, **ends),
        layer([fp16], points(80), x=x, y=y, color=color, shape=shape),
        layer(measured, points(70, 0.9), x=x, y=y, color=color, shape=shape, href=href),
    ]
    energy = found[0].energy
    return Figure(
        name=file_name(study.scope.model, study.scope.study, "front", *_apart(found)),
        message=_front_message(found, metric),
        note=(
            "Filled: measured, lines are 95 % intervals over chips. Diamonds to their right: "
            "predicted, with the interval promised. Stepped: the plans that no other beats in "
            "both. Dashed: the largest loss asked for. Energy: an estimate for "
            f"{energy.tokens} tokens on {SCENARIOS[energy.scenario].title} ({energy.scenario}), "
            f"digital weights fetched once for {words.counted(energy.tokens_per_fetch, 'token')}."
        ),
        source=source_line(contents, study, [one.result for one in found if one.count("analog")]),
        spec={"layer": layers},
        table=_table(contents, found, metric),
    )


def _front_message(found: Sequence[PlannedResult], metric: Metric) -> str:
    best, (machine, takes) = best_of(found), _digital(found)
    asked = best.plan.limit
    lost = words.changed_by(best.loss.centre, metric)
    ratio = takes / best.nj
    than = f"{ratio:.1f} times less than" if ratio >= 1 else "more than"
    what = "The plan chosen"
    if asked is None:
        what = "The least lossy plan"
    elif best.loss.centre > (most := asked_of(found)):
        what = f"No plan kept {most:.3g}: the least lossy one"
    text = f"{what} {lost} at {energy_text(best.nj)} nJ a token, {than} all in {machine}"
    for one in found:
        if one.label == "all analog" and one is not best:
            text += f"; all analog {words.changed_by(one.loss.centre, metric)}"
    return f"{text}."


def _predictions(
    contents: Contents, study: Judged, found: Sequence[PlannedResult], metric: Metric
) -> Figure:
    values = [_point(contents, one) for one in found]
    for value, one in zip(values, found, strict=True):
        value |= {"predicted": one.plan.predicted, "from": one.plan.low, "to": one.plan.high}
        value |= {"least": min(one.losses), "most": max(one.losses)}
    both = [value[key] for value in values for key in ("predicted", "least", "most")]
    room = _HEADROOM / 2 * (max(both) - min(both) or 1.0)
    frame = (min(both) - room, max(both) + room)
    scale = {"domain": frame, "nice": False}
    label = words.loss_label(metric)
    x = axis("predicted", f"predicted {label}", scale=scale)
    y = axis("loss", f"measured {label}", scale=scale)
    color, shape = _by_kind(values)
    same = [{"predicted": end, "loss": end} for end in frame]
    dashed = {"type": "line", "strokeDash": DASHES, "color": colour("muted")}
    promised = [
        {**v, "from": max(v["from"], frame[0]), "to": min(v["to"], frame[1])}
        for v in values
        if v["from"] is not None and v["to"] is not None
    ]
    across = {"x": {**x, "field": "from"}, "x2": {"field": "to"}}
    upright = {"y": {**y, "field": "least"}, "y2": {"field": "most"}}
    faint = {"type": "rule", "opacity": 0.3}
    href = {"field": "href"}
    message, note = _ranked(found)
    return Figure(
        name=file_name(study.scope.model, study.scope.study, "predictions", *_apart(found)),
        message=message,
        note=(
            f"On the dashed line both are equal. {note}Across: the interval promised; upright: "
            "from the least to the most that a chip lost. Predictions rest on single layers, and "
            "on random plans on other chips."
        ),
        source=source_line(contents, study, [one.result for one in found if one.count("analog")]),
        spec={
            "layer": [
                layer(same, dashed, x=x, y=y),
                layer(promised, faint, y=y, color=color, **across),
                layer(values, {"type": "rule"}, x=x, color=color, **upright),
                layer(values, points(60), x=x, y=y, color=color, shape=shape, href=href),
            ]
        },
        table=_table(contents, found, metric),
        height=320,
    )


def _ranked(found: Sequence[PlannedResult]) -> tuple[str, str]:
    """Return what is to be said of predictions, and of how well plans can be ranked at all."""
    promised = [one.as_promised for one in found if one.as_promised is not None]
    kept = f"{sum(promised)} of {words.counted(len(promised), 'plan')} lost what was promised"
    held_out = [one for one in found if one.random]
    if len(held_out) < _FEWEST_TO_RANK:
        return f"{kept}.", ""
    seed = held_out[0].result.seed
    predicted = [one.plan.predicted or 0.0 for one in held_out]
    measured = [one.loss.centre for one in held_out]
    tau, low, high = tau_interval(predicted, measured, seed=seed)
    message = (
        f"Predicted and measured losses of {len(held_out)} random plans have Kendall's τ "
        f"{ranged_text(tau, low, high)}; {kept}."
    )
    most = ceiling([one.losses for one in held_out], seed=seed)
    if most is None:
        return message, ""
    tau, low, high = most
    return message, f"Half of the chips against the other half: τ {ranged_text(tau, low, high)}. "


def _point(contents: Contents, one: PlannedResult) -> dict[str, Any]:
    loss = one.loss
    low, high = loss.bounds or (None, None)
    point = {"energy": one.nj, "loss": loss.centre, "low": low, "high": high, "kind": one.label}
    return {**point, "href": contents.link(one.result)}


def _cut(values: Sequence[dict[str, Any]], frame: tuple[float, float]) -> list[dict[str, Any]]:
    """Return the values with an interval, its ends within the frame."""
    return [
        {**value, "low": max(value["low"], frame[0]), "high": min(value["high"], frame[1])}
        for value in values
        if value["low"] is not None and value["high"] is not None
    ]


def _by_kind(values: Sequence[dict[str, Any]]) -> tuple[Spec, Spec]:
    """Return the channels that tell kinds of plans apart: colour and shape."""
    known = {kind: look for kind, look in _KINDS.items() if any(v["kind"] == kind for v in values)}
    colours, shapes = zip(*known.values(), strict=True)
    domain = list(known)
    range_ = [colour(name) for name in colours]
    legend = {"columns": 3, "symbolOpacity": 1}
    color, shape = {"range": range_}, {"range": list(shapes)}
    return (
        axis("kind", kind="nominal", scale={"domain": domain, **color}, legend=legend),
        axis("kind", kind="nominal", scale={"domain": domain, **shape}, legend=legend),
    )


def _apart(found: Sequence[PlannedResult]) -> list[str]:
    """Return what tells one group of plans of a study from another, in names of files."""
    result = next((one.result for one in found if one.count("analog")), found[0].result)
    return [words.noise_label(result.noise), words.time_label(result.drift_s), result.variant]


def _table(contents: Contents, found: Sequence[PlannedResult], metric: Metric) -> Table:
    def promised(one: PlannedResult) -> str:
        plan = one.plan
        if plan.low is None or plan.high is None:
            return ""
        return f"{words.amount(plan.low, metric)} to {words.amount(plan.high, metric)}"

    def predicted(one: PlannedResult) -> str:
        known = one.plan.predicted
        return "" if known is None else words.amount(known, metric)

    def limit(one: PlannedResult) -> str:
        return "" if one.plan.limit is None else f"{one.plan.limit:.3g}"

    return tabulate(
        found,
        [
            (Column("plan"), lambda one: linked(one.label, contents.link(one.result))),
            number("chosen for", limit),
            number("analog", lambda one: str(one.count("analog"))),
            number("INT8", lambda one: str(one.count("int8"))),
            number("FP16", lambda one: str(one.count("digital"))),
            number("predicted", predicted),
            number("promised", promised),
            number("measured", lambda one: interval_text(one.loss, metric)),
            number("nJ/token", lambda one: energy_text(one.nj)),
        ],
    )
