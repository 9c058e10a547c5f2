"""How trends and their steps are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analog_bench.gate.interval import Interval
from analog_bench.gate.significance import interval_of
from analog_bench.gate.step import Step
from analog_bench.history.trend import RunFacts, Trend
from analog_bench.records import Metric
from analog_bench.report.glyphs import Glyphs
from analog_bench.report.labels import amount, metric_label, one_line, spelt_interval, spelt_time
from analog_bench.simulators.registry import DEFAULT_TILE, NO_TILE, simulators

_KINDS = {
    **{name: one.label for name, one in simulators().items()},
    **{"hwa": "HWA weights", "direct": "", DEFAULT_TILE: "", NO_TILE: ""},
}
_COMMIT_DIGITS = 9
_DIGITS = {"protocol": 8, "weights": 8}
# What may tell apart trends of one case, in the order of what a reader would look for.
_APART = ("study", "protocol", "weights", "case_version", "metric_version", "drift_s")


def trend_names(trends: Sequence[Trend]) -> list[str]:
    """Return names that tell trends apart: the case, and what else differs where cases do not.

    Args:
        trends: The trends.
    """
    cases = [_case(trend) for trend in trends]
    rivals: dict[str, list[Mapping[str, object]]] = {}
    for case, trend in zip(cases, trends, strict=True):
        rivals.setdefault(case, []).append(trend.key)
    return [
        case if len(rivals[case]) == 1 else f"{case} ({_particulars(trend, rivals[case])})"
        for case, trend in zip(cases, trends, strict=True)
    ]


def score_name(trend: Trend) -> str:
    """Return what a trend is of: `F1`, `A* at 1 d`, `F1 after a day`, `F1 over a month`."""
    metric = metric_label(trend.metric)
    score = trend.key["score"]
    if score == "a_star":
        return f"A* of {metric} at {spelt_time(trend.key['drift_s'])}"
    return {"one_day": f"{metric} after a day", "avm": f"{metric} over a month (AVM)"}.get(
        score, metric
    )


def spelt_step(step: Step, metric: Metric, glyph: Glyphs) -> str:
    """Spell a step's change with half its 95 % interval: `-2.3 ±0.4`."""
    bounds = interval_of(step.effect)
    half_width = None if bounds is None else (bounds[1] - bounds[0]) / 2
    return spelt_interval(Interval(step.effect.change, half_width), metric, glyph, signed=True)


def spelt_p(step: Step) -> str:
    """Spell a step's p-value: `p 0.012`, `p < 0.001`."""
    return "p < 0.001" if step.p < 0.001 else f"p {step.p:.2g}"


def direction(step: Step, metric: Metric) -> str:
    """Return `worse` or `better`."""
    return "better" if (step.effect.change > 0) == metric.higher_is_better else "worse"


def spelt_digital(value: float | None, metric: Metric, glyph: Glyphs) -> str:
    """Spell the digital model's score; a sign where there is none."""
    return glyph.absent if value is None else amount(value, metric)


def spelt_changes(now: RunFacts, before: RunFacts) -> str:
    """Say what else changed from one run to another: `aihwkit 1.1.0 -> 1.2.0`.

    Args:
        now: The run with the step.
        before: The one before it.
    """
    found = [
        f"{name.replace('_', '-')} {_short(name, old or 'none')} -> {_short(name, new or 'none')}"
        for name, (old, new) in now.changes(before).items()
    ]
    return one_line(", ".join(found)) or "nothing that the runs record"


def spelt_commit(commit: str | None, glyph: Glyphs) -> str:
    """Return a commit with nine digits, and whether files were changed."""
    return glyph.absent if commit is None else _short("commit", commit)


def spelt_date(created: str) -> str:
    """Return a run's start to the minute: `2026-11-24 02:00`."""
    return one_line(created[:16].replace("T", " "))


def _case(trend: Trend) -> str:
    key = trend.key
    if key["score"] in ("plain", "a_star"):
        return one_line(str(key["case_id"]))
    # The id holds a drift time, and these scores are of several.
    parts = [key["model"], key["layers"], key["noise"]]
    parts += [key["hardware"]] if key["hardware"] != "ideal" else []
    parts += [word for word in (_KINDS.get(key[n], key[n]) for n in ("tile", "variant")) if word]
    return one_line("/".join(map(str, parts)))


def _particulars(trend: Trend, rivals: Sequence[Mapping[str, object]]) -> str:
    differing = [name for name in _APART if len({str(rival[name]) for rival in rivals}) > 1]
    return ", ".join(
        f"{name.replace('_', ' ')} {one_line(str(trend.key[name]))[: _DIGITS.get(name)]}"
        for name in differing
    )


def _short(name: str, value: str) -> str:
    if name != "commit":
        return one_line(value)
    digits, dash, dirty = value.partition("-")
    return one_line(digits[:_COMMIT_DIGITS] + dash + dirty)
