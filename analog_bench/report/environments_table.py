"""What there is to compare: the pairs that were measured, and the environments that are built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from analog_bench.releases.environment import Environment
from analog_bench.simulators.registry import label_of
from analog_bench.simulators.versions import CPP, MEASURED, TORCH, WHEELS

_GIB = 2**30


def environments_table(found: Sequence[Environment], cache: Path) -> RenderableType:
    """Draw the measured pairs and the environments in the cache.

    Args:
        found: The environments.
        cache: Where they lie.
    """
    pairs = Table(box=None, pad_edge=False, header_style="dim")
    for header in ("aihwkit", "Python", "torch", label_of(TORCH), label_of(CPP)):
        pairs.add_column(header)
    for pair in MEASURED:
        works = ("works" if tile else "no" for tile in (pair.torch_tile, pair.cpp_tile))
        pairs.add_row(pair.aihwkit, pair.python, pair.torch, *works)
    wheels = "; ".join(f"{version} for {', '.join(of)}" for version, of in WHEELS.items())
    parts: list[RenderableType] = [
        Text("Measured pairs", "bold"),
        pairs,
        Text(f"Wheels on the package index, by Python: {wheels}.\n"),
        Text("Environments", "bold"),
    ]
    if found:
        built = Table(box=None, pad_edge=False, header_style="dim")
        for header in ("release", "aihwkit", "torch", "built (UTC)", "size", "key"):
            side: JustifyMethod = "right" if header == "size" else "left"
            built.add_column(header, justify=side, overflow="fold")
        for one in found:
            versions = (one.versions.get(name, "") for name in ("aihwkit", "torch"))
            when = one.built[:16].replace("T", " ")
            size = f"{one.size / _GIB:.1f} GiB"
            built.add_row(Text(one.label), *versions, when, size, one.key)
        parts.append(built)
    total = sum(one.size for one in found)
    parts.append(
        Text(
            f"{len(found)} in {cache}, {total / _GIB:.1f} GiB, files that the installer's cache "
            "shares counted in; each is a folder that may be deleted."
        )
    )
    return Group(*parts)
