"""The table of a search: its best trials, with the default's among them."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from analog_bench.hwa.trial import SearchResult, Setting, Trial
from analog_bench.report.glyphs import glyphs
from analog_bench.report.layout import laid_out, plain_column

SHOWN = 10


def search_table(
    found: SearchResult, objective: str, *, title: str, shown: int = SHOWN, ascii_only: bool = False
) -> Table:
    """Draw the best trials of a search.

    Args:
        found: The search; at least one trial.
        objective: What heads the objective's column.
        title: Heading.
        shown: How many complete trials there are rows for; the default's has one in any case.
        ascii_only: Draw with ASCII alone, for streams that are not UTF-8.

    Returns:
        The table: a row a trial, best first, with its number, its value and its setting.
    """
    glyph = glyphs(ascii_only)
    rows = list(found.ranking[:shown])
    if found.default not in rows:
        rows.append(found.default)
    names = list(found.default.setting)
    columns = [
        plain_column("trial", 0, (_name(trial) for trial in rows), glyph, "left"),
        plain_column(objective, 0, (_value(trial) for trial in rows), glyph),
        *(
            plain_column(name, 0, (_spelt(trial.setting, name) for trial in rows), glyph)
            for name in names
        ),
    ]
    return laid_out(columns, title, Text(_counts(found)), ascii_only=ascii_only)


def _name(trial: Trial) -> str:
    return f"{trial.number} default" if trial.number == 0 else str(trial.number)


def _value(trial: Trial) -> str:
    return trial.state if trial.value is None else f"{trial.value:.4f}"


def _spelt(setting: Setting, name: str) -> str:
    return f"{setting[name]:.4g}"


def _counts(found: SearchResult) -> str:
    counts = {
        state: sum(trial.state == state for trial in found.trials)
        for state in ("complete", "pruned", "diverged", "failed")
    }
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    again = sum(trial.starts > 1 for trial in found.trials)
    return f"{len(found.trials)} trials: {told}" + (f"; {again} started again" if again else "")
