"""Texts side by side: what the digital model wrote, and what chips write as they age."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analog_bench.records import Metric, Result
from analog_bench.report import estimates, words
from analog_bench.report.measured_on import interval_note
from analog_bench.report.score_and_loss import score
from analog_bench.report.table import Block, Cell, Column, Heading, Table, absent, paragraph

Link = Callable[[Result], str]


def texts_table(
    results: Sequence[Result], metrics: Sequence[Metric], *, at_most: int | None = None
) -> tuple[Block, ...]:
    """Return texts side by side, a table a noise, and how to read them.

    The results are of a study of generation on one model; of a text, at most so many characters
    are shown, all for None.
    """
    tables = texts_by_noise(results, metrics, at_most=at_most)
    if not tables:
        return ()
    blocks = (block for noise, table in tables.items() for block in (Heading(noise), table))
    return *blocks, paragraph(texts_note(results, metrics), role="muted")


def texts_by_noise(
    results: Sequence[Result],
    metrics: Sequence[Metric],
    *,
    at_most: int | None = None,
    link: Link | None = None,
) -> dict[str, Table]:
    """Return noises with their texts: digital, then each variant, and one row a drift time.

    Of each case the first text of its first chip is shown, with the scores over all texts and
    chips, and its address by `link`. Nothing where nothing was written.
    """
    if not any(result.digital_texts for result in results):
        return {}
    return {
        words.noise_label(noise): _table(
            [r for r in results if r.noise == noise], metrics, at_most, link or (lambda _: "")
        )
        for noise in dict.fromkeys(result.noise for result in results)
    }


def texts_note(results: Sequence[Result], metrics: Sequence[Metric]) -> str:
    """Say which texts are shown, and what their scores are."""
    chips = max((len(result.initial_chips) for result in results if result.chips), default=0)
    texts = max(len(result.digital_texts) for result in results)
    text = "The text" if texts == 1 else f"The first of {texts} texts"
    chip = "the one chip" if chips == 1 else f"the first of {chips} chips"
    first = f"{text}, of {chip}" if chips else text
    note = (
        f"{first}; scores are means over all. "
        "Perplexity is that of the texts under the digital model, repetition the share of their "
        "4-grams of tokens that came before."
    )
    return f"{note} {interval_note(results, metrics)}".rstrip()


def _table(
    results: Sequence[Result], metrics: Sequence[Metric], at_most: int | None, link: Link
) -> Table:
    variants = [name for name in words.WEIGHTS if any(r.variant == name for r in results)]
    times = sorted({result.drift_s for result in results})
    # Some results may lack it: it is the same for all.
    clean = next((result for result in results if result.digital_texts), None)
    digital = absent()
    if clean is not None:
        note = words.scores_text(clean.digital, metrics)
        digital = Cell(_cut(clean.digital_texts[0], at_most), note=note)
    columns = [[digital] * len(times)]
    for variant in variants:
        own = [result for result in results if result.variant == variant]
        at = {result.drift_s: _written(result, metrics, at_most, link) for result in own}
        columns.append([at.get(time, Cell("", note="not asked for")) for time in times])
    rows = zip(*map(_once, columns), strict=True)
    headers = ("digital", *(words.WEIGHTS[variant] for variant in variants))
    return Table(
        columns=(Column("time"), *(Column(header, folds=True) for header in headers)),
        rows=tuple((Cell(words.time_label(t)), *row) for t, row in zip(times, rows, strict=True)),
        frame="grid",
    )


def _once(column: Sequence[Cell]) -> list[Cell]:
    """Show only once what does not change with time."""
    above = [None, *column[:-1]]
    return [
        Cell("", note="as above") if cell == before else cell
        for cell, before in zip(column, above, strict=True)
    ]


def _written(result: Result, metrics: Sequence[Metric], at_most: int | None, link: Link) -> Cell:
    chips = result.initial_chips
    if result.status != "measured" or not chips or not chips[0].texts:
        return Cell("", note=words.one_line(f"{result.status}: {result.reason}"))
    scores = [
        f"{words.metric_label(metric)} {estimates.interval_text(score(result, metric), metric)}"
        for metric in metrics
        if metric.name in chips[0].scores
    ]
    return Cell(_cut(chips[0].texts[0], at_most), note=", ".join(scores), href=link(result))


def _cut(text: str, at_most: int | None) -> str:
    text = text.strip()
    return words.visible(text if at_most is None or len(text) <= at_most else f"{text[:at_most]}…")
