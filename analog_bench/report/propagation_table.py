"""The table of how noise travelled: a row a case, from the first block to the last."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import geometric_mean

from analog_bench.records import Metric, Result
from analog_bench.report import words
from analog_bench.report.measured_on import interval_note
from analog_bench.report.noise_travel import (
    along,
    block_count,
    final_error,
    followed,
    law_of,
    parts_at,
    source_block,
    travel_label,
)
from analog_bench.report.score_and_loss import loss
from analog_bench.report.table import Block, Column, Heading, number, tabulate

NOTE = (
    "Relative error of the residual stream, of the median token; gain: how much of it a block "
    "hands on, geometric mean over blocks; coherence: cosine between what a block makes and what "
    "it hands on, at the last block."
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
            (Column("noise", names_rows=True), travel_label),
            number("first %", lambda row: _percent(parts_at(row, _first(row)).error.centre)),
            number("last %", lambda row: _interval(row)),
            number("made there", lambda row: _share(row)),
            number("gain", lambda row: _gain(row)),
            number("coherence", lambda row: _coherence(row), priority=1),
            number(
                words.loss_label(metric), lambda row: words.loss_amount(loss(row, metric), metric)
            ),
        ],
        notes=[f"{NOTE} {interval_note(rows, ())}".rstrip(), *_law(rows, metric)],
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


def _percent(share: float) -> str:
    return words.significant(100 * share)


def _interval(row: Result) -> str:
    error = final_error(row)
    half = f" ±{100 * error.half_width:.2g}" if error.half_width is not None else ""
    return f"{_percent(error.centre)}{half}"


def _share(row: Result) -> str:
    parts = parts_at(row, block_count(row) - 1)
    return f"{100 * parts.made_here / parts.error.centre:.0f} %" if parts.error.centre > 0 else ""


def _gain(row: Result) -> str:
    gains = [gain for gain in along(row, "gain") if gain > 0]
    return f"{geometric_mean(gains):.2f}" if gains else ""


def _coherence(row: Result) -> str:
    found = along(row, "coherence")
    return words.correlation_text(found[-1]) if found else ""
