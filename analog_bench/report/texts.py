"""Texts side by side: what the digital model wrote, and what chips write as they age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import ASCII, ROUNDED
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analog_bench.gate.interval import Interval, mean_interval
from analog_bench.records import Metric, Result
from analog_bench.report.glyphs import Glyphs, glyphs
from analog_bench.report.labels import amount, metric_label, one_line, spelt_interval, spelt_time
from analog_bench.report.markdown import escaped

_HEADERS = {"direct": "direct", "hwa": "HWA"}


@dataclass(frozen=True)
class _Cell:
    """A text, and what is said of it; or only the latter, where there is no text."""

    text: str
    said: str


@dataclass(frozen=True)
class _Sheet:
    """The cells under one noise: a row a drift time, the first with the digital text."""

    noise: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[_Cell, ...]], ...]


def texts_table(
    results: Sequence[Result],
    metrics: Sequence[Metric],
    *,
    at_most: int | None = None,
    ascii_only: bool = False,
) -> RenderableType | None:
    """Draw texts side by side: digital, direct, HWA, and one row a drift time.

    Of each case the first text of its first chip is shown, above the scores over all texts and
    chips.

    Args:
        results: Results of a study of generation on one model.
        metrics: The metrics to name.
        at_most: Characters shown of a text; all where None.
        ascii_only: Draw with ASCII alone; other characters of a text are spelt out.

    Returns:
        One table a noise; None where nothing was written.
    """
    glyph = glyphs(ascii_only)
    tables: list[RenderableType] = []
    for sheet in _sheets(results, metrics, glyph):
        table = Table(
            title=Text(sheet.noise, style="bold"),
            title_justify="left",
            box=ASCII if ascii_only else ROUNDED,
            show_lines=True,
        )
        table.add_column("time", no_wrap=True)
        for header in sheet.headers:
            table.add_column(header, ratio=1, overflow="fold")
        for time, cells in sheet.rows:
            drawn = [_drawn(cell, at_most, glyph, ascii_only=ascii_only) for cell in cells]
            table.add_row(Text(time), *drawn)
        tables.append(table)
    return Group(*tables, Text(_caption(results, glyph), style="dim")) if tables else None


def texts_markdown(results: Sequence[Result], metrics: Sequence[Metric]) -> str:
    """Return the same as Markdown tables; empty where nothing was written.

    Args:
        results: As for `texts_table`.
        metrics: The metrics to name.
    """
    glyph = glyphs(ascii_only=False)
    lines: list[str] = []
    for sheet in _sheets(results, metrics, glyph):
        lines += [f"**{escaped(sheet.noise)}**", ""]
        lines += ["| " + " | ".join(("time", *sheet.headers)) + " |"]
        lines += ["|---" * (len(sheet.headers) + 1) + "|"]
        for time, cells in sheet.rows:
            lines.append("| " + " | ".join((escaped(time), *map(_marked, cells))) + " |")
        lines.append("")
    return "\n".join([*lines, escaped(_caption(results, glyph)), ""]) if lines else ""


def texts_plain(results: Sequence[Result]) -> dict[str, Any]:
    """Return texts and scores as plain values, for JSON.

    Args:
        results: Results of a study of generation on one model, at least one.
    """
    first = next((result for result in results if result.digital_texts), results[0])
    return {
        "model": first.model,
        "protocol": first.protocol,
        "seed": first.seed,
        "digital": {"scores": dict(first.digital), "texts": list(first.digital_texts)},
        "cases": [
            {
                "case_id": result.case_id,
                "variant": result.variant,
                "noise": result.noise,
                "drift_s": result.drift_s,
                "status": result.status,
                "reason": result.reason,
                "coverage": result.facts.coverage_weights if result.facts else None,
                "chips": [
                    {"chip": chip.chip, "scores": dict(chip.scores), "texts": list(chip.texts)}
                    for chip in result.chips
                ],
            }
            for result in results
        ],
    }


def visible(text: str, *, ascii_only: bool = False) -> str:
    r"""Return a text with every character that would not be seen, or would steer a terminal, spelt.

    Line breaks stay. `\x1b` then stands for an escape, `\u202e` for a change of direction.

    Args:
        text: Whatever a model wrote.
        ascii_only: Spell whatever is not ASCII, too.
    """
    return "".join(
        c
        if c == "\n" or (c.isprintable() and (c.isascii() or not ascii_only))
        else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def _sheets(
    results: Sequence[Result], metrics: Sequence[Metric], glyph: Glyphs
) -> Iterator[_Sheet]:
    if not any(result.digital_texts for result in results):
        return
    variants = [name for name in _HEADERS if any(r.variant == name for r in results)]
    for noise in dict.fromkeys(result.noise for result in results):
        members = [result for result in results if result.noise == noise]
        times = sorted({result.drift_s for result in members})
        # A file may hold it with some results only: it is the same for all.
        told = next((r for r in members if r.digital_texts), None)
        digital = _Cell("", glyph.absent) if told is None else _digital(told, metrics)
        columns = [[digital] * len(times)]
        for variant in variants:
            at = {r.drift_s: _measured(r, metrics, glyph) for r in members if r.variant == variant}
            columns.append([at.get(time, _Cell("", glyph.absent)) for time in times])
        rows = zip(*map(_once, columns), strict=True)
        yield _Sheet(
            noise=one_line(noise),
            headers=("digital", *(_HEADERS[variant] for variant in variants)),
            rows=tuple((spelt_time(time), row) for time, row in zip(times, rows, strict=True)),
        )


def _once(column: Sequence[_Cell]) -> list[_Cell]:
    """Say what does not change with time only once."""
    above = [None, *column[:-1]]
    return [
        _Cell("", "as above") if cell == before else cell
        for cell, before in zip(column, above, strict=True)
    ]


def _digital(result: Result, metrics: Sequence[Metric]) -> _Cell:
    scores = [
        f"{metric_label(metric)} {amount(result.digital[metric.name], metric)}"
        for metric in metrics
        if metric.name in result.digital
    ]
    return _Cell(result.digital_texts[0], ", ".join(scores))


def _measured(result: Result, metrics: Sequence[Metric], glyph: Glyphs) -> _Cell:
    chips = result.initial_chips
    if result.status != "measured" or not chips or not chips[0].texts:
        return _Cell("", one_line(f"{result.status}: {result.reason}"))
    scores = [
        f"{metric_label(metric)} {spelt_interval(_over(result, metric), metric, glyph)}"
        for metric in metrics
        if metric.name in chips[0].scores
    ]
    return _Cell(chips[0].texts[0], ", ".join(scores))


def _over(result: Result, metric: Metric) -> Interval:
    return mean_interval([chip.scores[metric.name] for chip in result.initial_chips])


def _caption(results: Sequence[Result], glyph: Glyphs) -> str:
    measured = [result for result in results if result.chips]
    chips = max((len(result.initial_chips) for result in measured), default=0)
    texts = max(len(result.digital_texts) for result in results)
    said = (
        f"The first of {texts} texts, of the first of {chips} chips; scores are means over all. "
        "Perplexity is that of the texts under the digital model, repetition the share of their "
        "4-grams of tokens that came before."
    )
    many = f" {glyph.plus_minus} is half the 95 % interval over chips." if chips > 1 else ""
    return said + many


def _drawn(cell: _Cell, at_most: int | None, glyph: Glyphs, *, ascii_only: bool) -> Text:
    text = cell.text.strip()
    if at_most is not None and len(text) > at_most:
        text = text[:at_most] + glyph.ellipsis
    # Built as Text, so that brackets in what a model wrote are not taken for markup.
    drawn = Text(visible(text, ascii_only=ascii_only))
    if text:
        drawn.append("\n")
    return drawn.append(visible(cell.said, ascii_only=ascii_only), style="dim")


def _marked(cell: _Cell) -> str:
    text = escaped(visible(cell.text.strip())).replace("\n", "<br>")
    said = f"*{escaped(visible(cell.said))}*" if cell.said else ""
    return f"{text}<br><br>{said}" if text else said
