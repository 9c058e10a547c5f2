"""How trends over many runs and their steps are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analog_bench.gate.significance import telling_interval
from analog_bench.gate.step_detection import Step
from analog_bench.history.score_series import RunFacts, Trend
from analog_bench.records import Metric
from analog_bench.report import estimates, words
from analog_bench.simulators.registry import DEFAULT_TILE, NO_TILE, simulators

_KINDS = {
    **{name: one.label for name, one in simulators().items()},
    **{variant: words.with_weights(variant) for variant in words.WEIGHTS},
    **{"direct": "", DEFAULT_TILE: "", NO_TILE: ""},
}
_DIGITS = {"protocol": 8, "weights": 8}
# What may tell apart trends of one case, in the order of what a reader would look for.
_APART = ("study", "protocol", "weights", "case_version", "metric_version", "drift_s")


def trend_names(trends: Sequence[Trend]) -> list[str]:
    """Return names that tell trends apart: the case, and what else differs where cases do not."""
    cases = [_case(trend) for trend in trends]
    rivals: dict[str, list[Mapping[str, object]]] = {}
    for case, trend in zip(cases, trends, strict=True):
        rivals.setdefault(case, []).append(trend.key)
    return [
        case if len(rivals[case]) == 1 else f"{case} ({_differences(trend, rivals[case])})"
        for case, trend in zip(cases, trends, strict=True)
    ]


def steps_named(
    trends: Sequence[Trend], steps: Sequence[tuple[Step, ...]]
) -> list[tuple[str, Trend, Step]]:
    """Return steps with their trends, the newest first, of one run the largest in margins."""

    def place(one: tuple[str, Trend, Step]) -> tuple[str, float]:
        _, trend, step = one
        size = abs(step.effect.change) / max(trend.metric.margin, 1e-9)
        return trend.points[step.at].run.created, size

    named = zip(trend_names(trends), trends, steps, strict=True)
    listed = [(name, trend, step) for name, trend, own in named for step in own]
    return sorted(listed, key=place, reverse=True)


def score_name(trend: Trend) -> str:
    """Return what a trend is of: `F1`, `A* at 1 d`, `F1 after a day`, `F1 over a month`."""
    metric = words.metric_label(trend.metric)
    score = trend.key["score"]
    if score == "a_star":
        return f"A* of {metric} at {words.time_label(trend.key['drift_s'])}"
    named = {"one_day": f"{metric} after a day", "avm": f"{metric} over a month (AVM)"}
    return named.get(score, metric)


def direction(step: Step, metric: Metric) -> str:
    """Return `worse` or `better`."""
    return "better" if (step.effect.change > 0) == metric.higher_is_better else "worse"


def step_text(step: Step, metric: Metric) -> str:
    """Spell a step's change with half its 95 % interval, and its direction: `-2.3 ±0.4 worse`."""
    change = estimates.estimate_text(step.effect.change, telling_interval(step.effect), metric)
    return f"{change} {direction(step, metric)}"


def changes_text(now: RunFacts, before: RunFacts) -> str:
    """Say what else changed from one run to the next: `aihwkit 1.1.0 -> 1.2.0`."""
    changes = [
        f"{name.replace('_', '-')} {_short(name, old)} -> {_short(name, new)}"
        for name, (old, new) in now.changes(before).items()
    ]
    return words.one_line(", ".join(changes)) or "nothing that the runs record"


def _case(trend: Trend) -> str:
    key = trend.key
    if key["score"] in ("plain", "a_star"):
        return words.one_line(str(key["case_id"]))
    # The id holds a drift time, and these scores are of several.
    parts = [key["model"], key["layers"], key["noise"]]
    parts += [key["hardware"]] if key["hardware"] != "ideal" else []
    parts += [word for word in (_KINDS.get(key[n], key[n]) for n in ("tile", "variant")) if word]
    return words.one_line("/".join(map(str, parts)))


def _differences(trend: Trend, rivals: Sequence[Mapping[str, object]]) -> str:
    differing = [name for name in _APART if len({str(rival[name]) for rival in rivals}) > 1]
    return ", ".join(
        f"{name.replace('_', ' ')} {words.one_line(str(trend.key[name]))[: _DIGITS.get(name)]}"
        for name in differing
    )


def _short(name: str, value: str | None) -> str:
    if not value:
        return "none"
    return words.commit_label(value) if name == "commit" else words.one_line(value)
