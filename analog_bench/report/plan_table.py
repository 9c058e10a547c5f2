"""Plans beside each other: what was promised, what fresh chips say, and what a token takes."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from analog_bench.gate.significance import Interval
from analog_bench.planning.plan_front import Planned, VerifiedPlan
from analog_bench.planning.plan_record import Estimate, PlanEnergy
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.energy_table import energy_text
from analog_bench.report.estimates import interval_text
from analog_bench.report.table import (
    Block,
    Cell,
    Column,
    Heading,
    number,
    paragraph,
    tabulate,
)
from analog_bench.spelling import counted

_SHOWN = 5


def plan_tables(planned: Planned) -> tuple[Block, ...]:
    """Return the front beside plans with all layers alike, and the layers that lose most alone."""
    metric = planned.metric
    rows = [*planned.everything, *planned.front]
    chosen = None if planned.chosen is None else planned.front[planned.chosen]

    def named(one: VerifiedPlan) -> Cell:
        if one.limit is None:
            return Cell("all analog" if one.count("analog") else "all INT8")
        return Cell(f"{one.limit:.3g} *", "good") if one is chosen else Cell(f"{one.limit:.3g}")

    def promise(one: VerifiedPlan) -> Cell:
        kept = one.as_promised
        if kept is None:
            return Cell("")
        return Cell("yes", "good") if kept else Cell("no", "bad")

    table = tabulate(
        rows,
        [
            (Column("allowed", names_rows=True), named),
            number("analog", lambda one: str(one.count("analog"))),
            number("INT8", lambda one: str(one.count("int8")), priority=1),
            number("digital", lambda one: str(one.count("digital")), priority=2),
            number("predicted", lambda one: _estimate(one.predicted, metric)),
            number("measured", lambda one: _estimate(one.measured, metric)),
            (Column("as promised", priority=4), promise),
            number("nJ/token", lambda one: energy_text(one.energy.pj / 1e3)),
            number("digital takes", lambda one: _times(one.energy), priority=3),
        ],
        frame="rule",
    )
    heading = (
        f"{planned.model}: losses in {words.loss_label(metric)} after "
        f"{words.time_label(planned.drift_s)}, {words.noise_label(planned.noise)}, "
        f"{words.variant_label(planned.variant)}"
    )
    return Heading(heading), table, paragraph(*_notes(planned)), *_alone(planned)


def planned_as_plain(planned: Planned) -> dict[str, Any]:
    """Return what planning found as plain values; energies of a token, in pJ."""
    predictor = planned.predictor
    return {
        "model": planned.model,
        "metric": planned.metric.name,
        "max_loss": planned.max_loss,
        "data": planned.data,
        "examples": planned.examples,
        "noise": planned.noise,
        "drift_s": planned.drift_s,
        "variant": planned.variant,
        "predicted_by": planned.predicted_by,
        "slope": predictor.slope,
        "spread": predictor.spread,
        "plans_fitted": len(predictor.totals),
        "layers": [
            {"name": layer, "how": how, "loss": loss}
            for (layer, how), loss in planned.alone.items()
        ],
        "everything_analog": _plain(planned.everything_analog),
        "everything_int8": _plain(planned.everything_int8) if planned.everything_int8 else None,
        "front": [_plain(one) for one in planned.front],
        "chosen": planned.chosen,
    }


def _plain(one: VerifiedPlan) -> dict[str, Any]:
    return {
        "limit": one.limit,
        "layers": dict(one.assignment),
        "predicted": to_builtins(one.predicted),
        "measured": to_builtins(one.measured),
        "as_promised": one.as_promised,
        "energy": to_builtins(one.energy),
    }


def _times(energy: PlanEnergy) -> str:
    return f"{energy_text(energy.int8_pj / energy.pj)}x"


def _estimate(estimate: Estimate, metric: Metric) -> str:
    low, high = estimate.low, estimate.high
    half = None if low is None or high is None else (high - low) / 2
    return interval_text(Interval(estimate.loss, half), metric)


def _notes(planned: Planned) -> list[str]:
    predictor, first = planned.predictor, planned.front[0]
    energy, chips = first.energy, first.measured.chips
    fitted = (
        f"{predictor.slope:.2g} times that, as of {counted(len(predictor.totals), 'plan')}"
        if predictor.spread is not None
        else "no plans were measured to fit it to"
    )
    notes = [
        f"Measured on {counted(chips, 'fresh chip')} (seed {first.measured.seed}), "
        f"{planned.examples} {planned.data}; predicted by: {planned.predicted_by}, {fitted}. ± is "
        "half a 95 % interval.",
        f"Energy by {energy.scenario}, {energy.tokens} tokens an inference, "
        f"{energy.tokens_per_fetch} a fetch of digital weights; digital takes: how many times as "
        "much everything in INT8 does.",
    ]
    failed = [one for one in planned.front if one.as_promised is False]
    if failed:
        off = ", ".join(
            f"{planned.metric.name} {one.limit:.3g} lost "
            f"{words.loss_amount(one.measured.loss, planned.metric, 1)}"
            for one in failed
        )
        notes.append(f"The prediction failed for {off}.")
    notes.append(
        "* the cheapest that kept what was asked for on these chips."
        if planned.chosen is not None
        else f"None kept {planned.metric.name}={planned.max_loss:g} on these chips."
    )
    return notes


def _alone(planned: Planned) -> tuple[Block, ...]:
    analog = {layer: loss for (layer, how), loss in planned.alone.items() if how == "analog"}
    chosen = planned.front[planned.chosen or 0].assignment
    most = sorted(analog, key=lambda layer: -analog[layer])[:_SHOWN]
    table = tabulate(
        most,
        [
            (Column("layer alone on tiles", names_rows=True), lambda layer: layer),
            number("loses", lambda layer: words.loss_amount(analog[layer], planned.metric, 1)),
            (Column("becomes"), lambda layer: chosen[layer]),
        ],
        notes=[f"The {len(most)} that lose most, of {counted(len(analog), 'layer')}."],
        frame="rule",
    )
    return (table,)
