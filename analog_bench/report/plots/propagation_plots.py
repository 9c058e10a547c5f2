"""How noise travels: errors by block, from source to sink, gains, coherence, and losses beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from analog_bench.gate.power_law import PowerLaw
from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.measured_on import source_line
from analog_bench.report.noise_travel import (
    Along,
    along,
    at_block,
    block_count,
    final_error,
    followed,
    law_of,
    parts_at,
    source_block,
)
from analog_bench.report.plots.block_maps import coherence_map, figure_table, source_map
from analog_bench.report.plots.chart import DASHES, axis, colour, layer, points
from analog_bench.report.plots.figure import Figure, file_name, loss_column
from analog_bench.report.propagation_table import law_text
from analog_bench.report.report_contents import Contents, Judged
from analog_bench.report.score_and_loss import loss, loss_interval
from analog_bench.report.table import Column, Spelling, Table, number, tabulate

_STACKS, _MAPS, _CURVE_POINTS = 3, 2, 40
# Of a law: a lower R² may come from its largest point alone.
_ONE_CURVE = 0.995
_GAINS: Mapping[Along, str] = {
    "gain": "of the noise",
    "jacobian_gain": "of the noise, to first order",
    "random_gain": "of random directions",
}


def propagation_plots(contents: Contents, model: str) -> tuple[Figure, ...]:
    """Return the plots of noise that was followed through a model's blocks, if any was.

    Errors by block are those of `_STACKS` conditions at most, and maps of `_MAPS` a study.
    """
    found: list[Figure] = []
    studies = [(study, followed(study.measured)) for study in contents.of_model(model)]
    studies = [(study, results) for study, results in studies if results]
    whole = [(s, [r for r in results if source_block(r) is None]) for s, results in studies]
    whole = [(study, results) for study, results in whole if results]
    if whole:
        study, results = max(whole, key=lambda one: len(one[1]))
        found += [_stack(contents, study, result) for result in _telling(results)]
        found.append(_gain_plot(contents, study, results))
        if len(results) > 1 and block_count(results[0]) > 1:
            found.append(coherence_map(contents, study, results))
    for study, results in studies:
        maps = _by_noise([result for result in results if source_block(result) is not None])
        found += [source_map(contents, study, own) for own in maps[:_MAPS]]
    if whole:
        study, _ = whole[0]
        same = [results for other, results in whole if other.main == study.main]
        found += _loss_plot(contents, study, [r for results in same for r in results])
    return tuple(found)


def _telling(results: Sequence[Result]) -> list[Result]:
    """Choose conditions unlike each other: presets, the most and the least coherent noise."""

    def coherence(result: Result) -> float:
        found = along(result, "coherence")
        return found[-1] if found else 0.0

    presets = [result for result in results if result.noise.startswith("preset:")]
    ordered = sorted((r for r in results if r not in presets), key=coherence, reverse=True)
    return [*presets[:1], *ordered[:1], *ordered[1:][-1:]][:_STACKS]


def _by_noise(results: Sequence[Result]) -> list[list[Result]]:
    noises: dict[tuple[str, float, str, str], list[Result]] = {}
    for result in results:
        key = (result.noise, result.drift_s, result.hardware, result.variant)
        noises.setdefault(key, []).append(result)
    return [own for own in noises.values() if len(own) > 1]


def _stack(contents: Contents, study: Judged, result: Result) -> Figure:
    values: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for block in range(block_count(result)):
        parts = parts_at(result, block)
        for part, amount in (("made here", parts.made_here), ("handed on", parts.handed_on)):
            values.append({"block": str(block), "part": part, "error": 100 * amount})
        low, high = parts.error.bounds or (parts.error.centre, parts.error.centre)
        errors.append({"block": str(block), "low": 100 * max(low, 0.0), "high": 100 * high})
    first, last = parts_at(result, 0).error.centre, final_error(result).centre
    x = axis("block", "block", "ordinal", sort=None, axis={"labelAngle": 0})
    y = axis("error", "error of the stream (%)")
    parts_scale = {
        "domain": ["made here", "handed on"],
        "range": [colour("worst"), colour("best")],
    }
    color = axis("part", kind="nominal", scale=parts_scale)
    rule = {"type": "rule", "color": colour("ink"), "strokeWidth": 1.5}
    last_made = parts_at(result, block_count(result) - 1)
    share = last_made.made_here / last if last else 0.0
    return Figure(
        name=file_name(
            study.scope.model, study.scope.study, "blocks", words.noise_label(result.noise)
        ),
        message=(
            f"{words.noise_label(result.noise)}: the error is {100 * first:.1f} % after the "
            f"first block and {100 * last:.1f} % after the last, which made {100 * share:.0f} % of "
            "it."
        ),
        note=(
            f"Noise in {words.group_label(result.group)}, median token, parts measured along the "
            "error; lines are 95 % intervals over chips."
        ),
        source=source_line(contents, study, [result]),
        spec={
            "layer": [
                layer(values, {"type": "bar"}, x=x, y=y, color=color),
                layer(errors, rule, x=x, y={**y, "field": "low"}, y2={"field": "high"}),
            ]
        },
        table=_block_table(result),
        href=contents.link(result),
    )


def _block_table(result: Result) -> Table:
    def spelt(figure: Along, scale: float = 1.0) -> Spelling[int]:
        def spell(block: int) -> str:
            found = at_block(result, block, figure)
            return "" if found is None else words.significant(scale * found.centre)

        return spell

    return tabulate(
        range(block_count(result)),
        [
            number("block", str),
            number("error %", spelt("error", 100.0)),
            number("made here %", spelt("made_here", 100.0)),
            number("handed on %", spelt("handed_on", 100.0)),
            number("across %", spelt("across", 100.0)),
            number("gain", spelt("gain")),
            number("Jacobian's gain", spelt("jacobian_gain")),
            number("random gain", spelt("random_gain")),
            number("coherence", spelt("coherence")),
        ],
    )


def _gain_plot(contents: Contents, study: Judged, results: Sequence[Result]) -> Figure:
    values: list[dict[str, Any]] = []
    for block in range(block_count(results[0])):
        for figure, name in _GAINS.items():
            found = [at_block(result, block, figure) for result in results]
            gains = [one.centre for one in found if one is not None]
            if gains:
                spread = {"gain": fmean(gains), "low": min(gains), "high": max(gains)}
                values.append({"block": str(block), "name": name, **spread})
    own = [value for value in values if value["name"] == _GAINS["gain"]]
    growing = [value for value in own if value["gain"] > 1]
    x = axis("block", "block", "ordinal", sort=None, axis={"labelAngle": 0})
    y = axis("gain", "gain", scale={"zero": True})
    range_ = [colour("direct"), colour("hwa"), colour("muted")]
    scale = {"domain": list(_GAINS.values()), "range": range_}
    legend = {"columns": 1, "symbolType": "stroke", "symbolStrokeWidth": 3, "symbolOpacity": 1}
    color = axis("name", kind="nominal", scale=scale, legend=legend)
    band = {"type": "area", "opacity": 0.16}
    one = {"type": "rule", "strokeDash": DASHES, "color": colour("muted")}
    low = {**y, "field": "low"}
    conditions = words.counted(len(results), "condition")
    more = "amplify the noise that reaches them"
    return Figure(
        name=file_name(study.scope.model, study.scope.study, "gain"),
        message=(
            f"{len(growing)} of {words.counted(len(own), 'block')} "
            f"{'amplifies the noise that reaches it' if len(growing) == 1 else more}."
        ),
        note=(
            "Gain: the error a block hands on over the error that reaches it (above 1 it grows), "
            f"median token, mean over {conditions}; bands are from the least to the most."
        ),
        source=source_line(contents, study, results),
        spec={
            "layer": [
                layer([{"gain": 1.0}], one, y=y),
                layer(values, band, x=x, y=low, y2={"field": "high"}, color=color),
                layer(values, {"type": "line", "point": True}, x=x, y=y, color=color),
            ]
        },
        table=figure_table(contents, results, "gain"),
    )


def _loss_plot(contents: Contents, study: Judged, results: Sequence[Result]) -> list[Figure]:
    metric = study.main
    known = [result for result in results if loss(result, metric) is not None]
    law = law_of(known, metric)
    if law is None:
        return []
    values: list[dict[str, Any]] = []
    for result in known:
        lost = loss_interval(result, metric)
        low, high = (lost and lost.bounds) or (None, None)
        values.append(
            {
                "error": 100 * final_error(result).centre,
                "loss": loss(result, metric),
                **{"low": low, "high": high, "family": words.noise_family(result.noise)},
                "href": contents.link(result),
            }
        )
    most = max(final_error(result).centre for result in known)
    steps = [most * n / _CURVE_POINTS for n in range(_CURVE_POINTS + 1)]
    curve = [{"error": 100 * step, "loss": law.at(step)} for step in steps]
    x = axis("error", "error of the stream behind the last block (%)", axis={"grid": False})
    y = axis("loss", words.loss_label(metric))
    end = {"field": "high"}
    families = {"scheme": "tableau10"}
    legend = {"columns": 3, "labelLimit": 150}
    color = axis("family", kind="nominal", scale=families, legend=legend)
    dashed = {"type": "line", "strokeDash": DASHES, "color": colour("muted")}
    rule = {"type": "rule", "strokeWidth": 1.5}
    return [
        Figure(
            name=file_name(study.scope.model, "loss-and-error"),
            message=_curve_message(known, metric, law),
            note=(
                f"{law_text(known, metric)} The error is that of the median token; lines are 95 % "
                "intervals over chips."
            ),
            source=source_line(contents, study, known),
            spec={
                "layer": [
                    layer(curve, dashed, x=x, y=y),
                    layer(values, rule, x=x, y={**y, "field": "low"}, y2=end, color=color),
                    layer(values, points(60, 0.9), x=x, y=y, color=color, href={"field": "href"}),
                ]
            },
            table=tabulate(
                known,
                [
                    (Column("noise"), lambda result: words.noise_label(result.noise)),
                    (Column("noise in"), lambda result: words.group_label(result.group)),
                    number("error %", lambda r: f"{100 * final_error(r).centre:.3g}"),
                    loss_column(contents, metric),
                ],
            ),
        )
    ]


def _curve_message(results: Sequence[Result], metric: Metric, law: PowerLaw) -> str:
    if law.r_squared >= _ONE_CURVE:
        return "All kinds of noise fall on one curve of loss against the stream's error."
    farthest = max(
        results, key=lambda r: abs((loss(r, metric) or 0.0) - law.at(final_error(r).centre))
    )
    found = words.changed_by(loss(farthest, metric) or 0.0, metric)
    said = words.loss_amount(law.at(final_error(farthest).centre), metric)
    return (
        "No one curve holds for all kinds of noise: "
        f"{words.noise_label(farthest.noise)} {found} where the curve says {said}."
    )
