"""What models wrote, side by side: digital, direct and HWA, as chips age."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.scores import score


@dataclass(frozen=True)
class Text:
    """One text, with its scores by metric, over all texts and chips.

    Attributes:
        same: Its beginning, as far as the digital model wrote the same.
        rest: How it goes on.
        reason: Why there is no text; empty where there is.
    """

    heading: str
    same: str = ""
    rest: str = ""
    scores: tuple[tuple[str, str], ...] = ()
    href: str = ""
    reason: str = ""
    weights: str = "digital"


@dataclass(frozen=True)
class SideBySide:
    """The texts under one noise: a row a time, with a text for each kind of weights."""

    noise: str
    note: str
    digital: Text
    rows: tuple[tuple[Text, ...], ...]
    columns: int


def texts_side_by_side(contents: Contents, model: str) -> tuple[SideBySide, ...]:
    """Return the first text of the first chip of each case, side by side; one record a noise."""
    return tuple(
        _of_noise(contents, study, [r for r in study.results if r.noise == noise])
        for study in contents.of_model(model)
        if study.writes
        for noise in dict.fromkeys(result.noise for result in study.results)
    )


def _of_noise(contents: Contents, study: Judged, results: Sequence[Result]) -> SideBySide:
    clean = next((r for r in results if r.digital_texts), results[0])
    written = clean.digital_texts[0].strip() if clean.digital_texts else ""
    variants = [name for name in words.WEIGHTS if any(r.variant == name for r in results)]
    times = sorted({result.drift_s for result in results})
    at = {(result.drift_s, result.variant): result for result in results}
    chips = max((len(result.initial_chips) for result in results), default=0)

    def text(time: float, variant: str) -> Text:
        heading = f"{words.WEIGHTS[variant]} after {words.time_label(time)}"
        result = at.get((time, variant))
        if result is None:
            return Text(heading, reason="not asked for", weights=variant)
        return _text(contents, result, heading, written, study.metrics)

    return SideBySide(
        noise=words.noise_label(results[0].noise),
        note=(
            f"The first of {len(clean.digital_texts)} texts on the first of {chips} chips; scores "
            "are means over all, ± half the 95 % interval over chips. What the digital model wrote "
            "the same is pale."
        ),
        digital=Text(
            "digital",
            rest=words.visible(written),
            scores=tuple(
                (words.metric_label(metric), words.amount(clean.digital[metric.name], metric))
                for metric in study.metrics
                if metric.name in clean.digital
            ),
        ),
        rows=tuple(tuple(text(time, variant) for variant in variants) for time in times),
        columns=1 + len(variants),
    )


def _text(
    contents: Contents, result: Result, heading: str, digital: str, metrics: Sequence[Metric]
) -> Text:
    chips = result.initial_chips
    if not chips or not chips[0].texts:
        reason = words.one_line(f"{result.status}: {result.reason}")
        return Text(heading, reason=reason, weights=result.variant)
    text = chips[0].texts[0].strip()
    same = _common_beginning(text, digital)
    scores = tuple(
        (words.metric_label(metric), words.interval_text(mean, metric))
        for metric in metrics
        if (mean := score(result, metric)) is not None
    )
    rest = words.visible(text[len(same) :])
    link = contents.link(result)
    return Text(heading, words.visible(same), rest, scores, link, weights=result.variant)


def _common_beginning(one: str, other: str) -> str:
    """Return how both begin, up to the last whole word."""
    pairs = zip(one, other, strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    if same == len(one) == len(other):
        return one
    return one[: one.rfind(" ", 0, same + 1) + 1]
