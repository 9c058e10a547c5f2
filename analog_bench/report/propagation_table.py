"""The table of how noise travelled: a row a case, from the first block to the last."""

from __future__ import annotations

from collections.abc import Sequence

from analog_bench.gate.significance import Interval
from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.estimates import interval_text
from analog_bench.report.measured_on import interval_note
from analog_bench.report.noise_travel import (
    Along,
    at_block,
    block_count,
    final_error,
    followed,
    law_of,
    parts_at,
    source_block,
)
from analog_bench.report.score_and_loss import loss, loss_interval
from analog_bench.report.table import Block, Column, Heading, number, tabulate

NOTE = (
    "Relative error of the residual stream, of the median token; across: what of the last one lies "
    "across the stream; gain: how much of it a block hands on, least and most of the blocks; "
    "coherence: cosine between what a block makes and what it hands on, where it is farthest "
    "from 0; the last column is the same for all where losses go with the square of the error."
)


def propagation_table(results: Sequence[Result], metric: Metric) -> tuple[Block, ...]:
    """Return the table of one study on one model; nothing where no noise was followed."""
    rows = followed(results)
    if not rows:
        return ()
    several = len({row.group for row in rows}) > 1
    groups = [(Column("noise in"), lambda row: words.group_label(row.group))] if several else []
    table = tabulate(
        rows,
        [
            *groups,
            (Column("noise", names_rows=True), lambda result: words.noise_label(result.noise)),
            number("first %", lambda row: _percent(parts_at(row, _first(row)).error)),
            number("last %", lambda row: _percent(final_error(row))),
            number("across %", _across, priority=2),
            number("made there", _share),
            number("gain", _gain),
            number("coherence", _coherence, priority=1),
            number(
                words.loss_label(metric),
                lambda row: interval_text(loss_interval(row, metric), metric),
            ),
            number("loss/error²", lambda row: _over_square(row, metric), priority=1),
        ],
        notes=[f"{NOTE} {interval_note(rows, [metric])}".rstrip(), *_law(rows, metric)],
        frame="rule",
    )
    return Heading(f"{rows[0].study}, how noise travels: {words.model_label(rows[0].model)}"), table


def law_text(results: Sequence[Result], metric: Metric) -> str:
    """Say how the loss goes with the final stream's error; empty where no law can be fitted."""
    law = law_of(results, metric)
    if law is None:
        return ""
    low, high = law.powers
    return (
        f"{words.capitalised(words.loss_label(metric))} = {words.significant(law.factor)} · error^"
        f"{law.power:.2f} (power {low:.2f} to {high:.2f}, R² {law.r_squared:.2f}, "
        f"{words.counted(len(results), 'condition')})."
    )


def _law(rows: Sequence[Result], metric: Metric) -> list[str]:
    text = law_text([row for row in rows if source_block(row) is None], metric)
    return [text] if text else []


def _first(row: Result) -> int:
    """Return the first block behind which there is noise."""
    blocks = range(block_count(row))
    return next((b for b in blocks if parts_at(row, b).error.centre > 0), blocks[-1])


def _percent(share: Interval) -> str:
    half = f" ±{100 * share.half_width:.2g}" if share.half_width is not None else ""
    return f"{words.significant(100 * share.centre)}{half}"


def _across(row: Result) -> str:
    across = at_block(row, block_count(row) - 1, "across")
    return "" if across is None else words.significant(100 * across.centre)


def _share(row: Result) -> str:
    parts = parts_at(row, block_count(row) - 1)
    return f"{100 * parts.made_here / parts.error.centre:.0f} %" if parts.error.centre > 0 else ""


def _known(row: Result, figure: Along) -> list[Interval]:
    found = (at_block(row, block, figure) for block in range(block_count(row)))
    return [one for one in found if one is not None]


def _gain(row: Result) -> str:
    gains = [gain.centre for gain in _known(row, "gain")]
    return f"{min(gains):.2f} to {max(gains):.2f}" if gains else ""


def _coherence(row: Result) -> str:
    known = _known(row, "coherence")
    if not known:
        return ""
    farthest = max(known, key=lambda one: abs(one.centre))
    half = f" ±{farthest.half_width:.2f}" if farthest.half_width is not None else ""
    return f"{words.correlation_text(farthest.centre)}{half}"


def _over_square(row: Result, metric: Metric) -> str:
    lost, error = loss(row, metric), final_error(row).centre
    return words.significant(lost / error**2) if lost is not None and error > 0 else ""
