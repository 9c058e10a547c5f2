"""The part of the selected tests that a shard runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from analog_bench.plugin.fixtures import SETTINGS, case_of
from analog_bench.plugin.selection import studied_cases
from analog_bench.spelling import counted

SELECTION: pytest.StashKey[str] = pytest.StashKey()
"""Of a shard: fingerprint of all cases that were selected; there is none where none was."""
_PART: pytest.StashKey[str] = pytest.StashKey()


def keep_shard(
    config: pytest.Config, collected: Sequence[pytest.Item], items: list[pytest.Item]
) -> None:
    """Deselect what other shards run. Tests that measure no case are the first shard's.

    `collected` is in the order of the files; other plugins may have shuffled `items` since.
    """
    shard = config.stash[SETTINGS].shard
    if shard is None:
        return
    kept = set(items)
    selected = studied_cases(item for item in collected if item in kept)
    number: Mapping[tuple[str, str], int] = {}
    if selected:
        # Not at the top: nothing else at collection needs it.
        from analog_bench.session.shard_cut import cut

        whole = cut(selected, config.stash[SETTINGS], shard.of)
        number, config.stash[SELECTION] = whole.number, whole.selection
    others = {
        item: None
        for item in items
        if (number[case.study, case.id] if (case := case_of(item)) else 1) != shard.number
    }
    if others:
        config.hook.pytest_deselected(items=list(others))
        items[:] = [item for item in items if item not in others]
    own = sum(one == shard.number for one in number.values())
    config.stash[_PART] = f"shard {shard}: {own or 'none'} of {counted(len(number), 'case')}"


def shard_line(config: pytest.Config) -> list[str]:
    """Return a line on the cases of the shard; none where the run is no shard."""
    return [config.stash[_PART]] if _PART in config.stash else []
