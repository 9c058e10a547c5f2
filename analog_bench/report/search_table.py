"""The table of a search for training settings: its best trials, with the default's among them."""

from __future__ import annotations

from optuna.trial import FrozenTrial

from analog_bench.hwa.search import SearchResult, starts_of, state_of, value_of
from analog_bench.report.table import Block, Column, Heading, Spelling, number, tabulate
from analog_bench.spelling import counted, rounded

SHOWN = 10


def search_table(
    search: SearchResult, objective: str, *, title: str, shown: int = SHOWN
) -> tuple[Block, ...]:
    """Return the best trials of a search, best first; the default's has a row in any case."""
    rows = list(search.ranking[:shown])
    if search.default not in rows:
        rows.append(search.default)

    def setting(name: str) -> Spelling[FrozenTrial]:
        return lambda trial: f"{trial.params[name]:.4g}"

    table = tabulate(
        rows,
        [
            (Column("trial"), lambda trial: f"{trial.number}{' default' * (trial.number == 0)}"),
            number(objective, _result),
            *(number(name, setting(name)) for name in search.default.params),
        ],
        notes=[_counts(search)],
        frame="rule",
    )
    return Heading(title), table


def _result(trial: FrozenTrial) -> str:
    value = value_of(trial)
    return state_of(trial) if value is None else rounded(value, 4)


def _counts(search: SearchResult) -> str:
    counts = {
        state: sum(state_of(trial) == state for trial in search.trials)
        for state in ("complete", "pruned", "diverged", "failed")
    }
    listed = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    again = sum(starts_of(trial) > 1 for trial in search.trials)
    trials = counted(len(search.trials), "trial")
    return f"{trials}: {listed}" + (f"; {again} started again" if again else "")
