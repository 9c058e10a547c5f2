"""Shards: the parts into which a run is cut for many machines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec.structs import replace

from analog_bench.errors import UsageError
from analog_bench.store.run import SHARD_OPTION, Manifest
from analog_bench.value_checks import shown

_NUMBER = "([1-9][0-9]{0,5})"
_SPELT = re.compile(f"{_NUMBER}/{_NUMBER}(?:@([0-9a-f]+))?")


@dataclass(frozen=True)
class Shard:
    """One of several parts of a run, `2/8`.

    Attributes:
        number: Which part, from 1.
        of: How many parts there are.
        selection: Fingerprint of all that was selected, of which it is a part; empty where that is
            not known yet.
    """

    number: int
    of: int
    selection: str = ""

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def spelt_with(self, selection: str) -> str:
        """Return it as manifests have it, once the selection is known: `2/8@1f2e3d4c`."""
        return f"{self}@{selection}" if selection else str(self)


def parse_shard(text: str) -> Shard:
    """Read `K/N`, as `--shard` and manifests have it; raises UsageError."""
    match = _SPELT.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(
            f"--shard must be K/N with K from 1 to N, such as 2/8, found {shown(text)}"
        )
    return Shard(int(match[1]), int(match[2]), match[3] or "")


def shard_of(manifest: Manifest) -> Shard | None:
    """Return which shard a run was; None for a whole run; raises UsageError."""
    text = manifest.options.get(SHARD_OPTION)
    return None if text is None else parse_shard(str(text))


def without_shard(manifest: Manifest) -> Manifest:
    """Return the manifest with the option left out: as far as all shards of a run share it."""
    options = {name: value for name, value in manifest.options.items() if name != SHARD_OPTION}
    return replace(manifest, options=options)
