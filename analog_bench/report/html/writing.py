"""What models wrote, side by side: digital, direct and HWA, as chips age."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.records import Metric, Result
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.html.cells import spelt_score
from analog_bench.report.labels import amount, metric_label, one_line, spelt_time
from analog_bench.report.texts import visible
from analog_bench.report.wording import WEIGHTS


@dataclass(frozen=True)
class Score:
    """A score of texts.

    Attributes:
        name: Of the metric.
        text: The number.
        href: Where its raw values are; empty where they stand nowhere else.
    """

    name: str
    text: str
    href: str = ""


@dataclass(frozen=True)
class Text:
    """One text.

    Attributes:
        heading: Whose it is, and when.
        same: How it begins, as far as the digital model wrote the same.
        rest: How it goes on.
        scores: Over all texts and chips.
        reason: Why there is no text; empty where there is.
        weights: `digital`, `direct` or `hwa`.
    """

    heading: str
    same: str
    rest: str
    scores: tuple[Score, ...]
    reason: str = ""
    weights: str = "digital"


@dataclass(frozen=True)
class Writing:
    """The texts under one noise.

    Attributes:
        noise: The noise.
        note: How to read it.
        digital: What the digital model wrote.
        rows: One a time, each with a text for each kind of weights.
        columns: Number of columns, the digital one included.
    """

    noise: str
    note: str
    digital: Text
    rows: tuple[tuple[Text, ...], ...]
    columns: int


def writings(contents: Contents, model: str) -> tuple[Writing, ...]:
    """Return the first text of the first chip of each case, side by side.

    Args:
        contents: The page's contents.
        model: The model.

    Returns:
        One record a noise; none where nothing was written.
    """
    return tuple(
        _writing(contents, study, [r for r in study.results if r.noise == noise])
        for study in contents.of_model(model)
        if study.writes
        for noise in dict.fromkeys(result.noise for result in study.results)
    )


def _writing(contents: Contents, study: Judged, results: Sequence[Result]) -> Writing:
    clean = next((r for r in results if r.digital_texts), results[0])
    written = clean.digital_texts[0] if clean.digital_texts else ""
    variants = [name for name in WEIGHTS if any(r.variant == name for r in results)]
    times = sorted({result.drift_s for result in results})
    at = {(result.drift_s, result.variant): result for result in results}
    chips = max((len(result.initial_chips) for result in results), default=0)
    return Writing(
        noise=one_line(results[0].noise).removeprefix("preset:name="),
        note=(
            f"The first of {len(clean.digital_texts)} texts on the first of {chips} chips; scores "
            "are means over all, ± half the 95 % interval over chips. What the digital model wrote "
            "the same is pale."
        ),
        digital=Text(
            "digital",
            "",
            visible(written.strip()),
            tuple(
                Score(metric_label(metric), amount(clean.digital[metric.name], metric))
                for metric in study.metrics
                if metric.name in clean.digital
            ),
        ),
        rows=tuple(
            tuple(
                _text(contents, at.get((time, variant)), written, variant, time, study.metrics)
                for variant in variants
            )
            for time in times
        ),
        columns=1 + len(variants),
    )


def _beginning(one: str, other: str) -> str:
    """Return how both begin, up to the last whole word."""
    pairs = zip(one, other, strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    if same == len(one) == len(other):
        return one
    return one[: one.rfind(" ", 0, same + 1) + 1]


def _text(
    contents: Contents,
    result: Result | None,
    digital: str,
    variant: str,
    time: float,
    metrics: Sequence[Metric],
) -> Text:
    heading = f"{WEIGHTS[variant]} after {spelt_time(time)}"
    if result is None:
        return Text(heading, "", "", (), "not asked for", variant)
    chips = result.initial_chips
    if not chips or not chips[0].texts:
        return Text(heading, "", "", (), one_line(f"{result.status}: {result.reason}"), variant)
    text = chips[0].texts[0].strip()
    shared = _beginning(text, digital.strip())
    scores = tuple(
        Score(metric_label(metric), spelt, contents.link(result))
        for metric in metrics
        if (spelt := spelt_score(result, metric))
    )
    return Text(heading, visible(shared), visible(text[len(shared) :]), scores, "", variant)
