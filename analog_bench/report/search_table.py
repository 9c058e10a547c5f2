"""The table of a search for training settings: its best trials, with the default's among them."""

from __future__ import annotations

from analog_bench.hwa.trial import SearchResult, Trial
from analog_bench.report.table import Block, Column, Heading, Spelling, number, tabulate

SHOWN = 10


def search_table(
    search: SearchResult, objective: str, *, title: str, shown: int = SHOWN
) -> tuple[Block, ...]:
    """Return the best trials of a search, best first; the default's has a row in any case."""
    rows = list(search.ranking[:shown])
    if search.default not in rows:
        rows.append(search.default)

    def setting(name: str) -> Spelling[Trial]:
        return lambda trial: f"{trial.setting[name]:.4g}"

    table = tabulate(
        rows,
        [
            (Column("trial"), lambda trial: f"{trial.number}{' default' * (trial.number == 0)}"),
            number(objective, lambda one: one.state if one.value is None else f"{one.value:.4f}"),
            *(number(name, setting(name)) for name in search.default.setting),
        ],
        notes=[_counts(search)],
        frame="rule",
    )
    return Heading(title), table


def _counts(search: SearchResult) -> str:
    counts = {
        state: sum(trial.state == state for trial in search.trials)
        for state in ("complete", "pruned", "diverged", "failed")
    }
    listed = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    again = sum(trial.starts > 1 for trial in search.trials)
    return f"{len(search.trials)} trials: {listed}" + (f"; {again} started again" if again else "")
