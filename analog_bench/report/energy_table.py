"""What a model costs on analog hardware: scenarios side by side, and layers under one of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analog_bench.planning.constants import LARGEST_ERROR, MEAN_ERROR
from analog_bench.planning.energy import LayerEnergy, ModelEnergy
from analog_bench.report import words
from analog_bench.report.table import Block, Column, Heading, number, paragraph, tabulate

_TIMES_NS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))
_SECOND_HAND = "†"
_SCENARIO = (
    "A row is a scenario: a chip in one of its published modes, or a tile made of components."
)
_UNCERTAINTY = (
    f"Models of this kind are off by {MEAN_ERROR:.0%} on average and by {LARGEST_ERROR:.0%} at "
    "most (CiMLoop's paper, ISPASS 2024, against NeuroSim): read ratios, not digits."
).replace("%", " %")
_DIGITAL = (
    "INT8 and FP16: how many times as much a digital machine takes at the same level, counted as "
    "arithmetic and memory at 7 nm alone; a chip's figure holds its clock and control, too."
)
_ANALOG = "analog: the tiles' share of the energy; the rest is what is digital beside them."
_USED = (
    "tiles: how many crossbars the layers fill; used: the share of their cells that hold a weight; "
    "share: of the model's energy."
)
_LEVELS = (
    "Level: what the energy covers, a tile at its peak, a chip at work or a whole system. What is "
    "digital beside it is charged at that level; compare within a level."
)
_TIME = (
    "Time: tiles alone, layer after layer; interval: from one inference to the next where layers "
    "are a pipeline. Unknown where no time was published."
)

_MARKED = f"{_SECOND_HAND} rests on a figure that was not read in its source."


@dataclass(frozen=True)
class _Row:
    """Layers that are alike, or all of one kind that are digital."""

    label: str
    layers: tuple[LayerEnergy, ...]
    pj: float


def energy_tables(
    energies: Sequence[ModelEnergy], detailed: Sequence[ModelEnergy], *, all_layers: bool = False
) -> tuple[Block, ...]:
    """Return scenarios of one model in a table, and a table of layers for each detailed one."""
    blocks: list[Block] = [scenario_table(energies)]
    for energy in detailed:
        blocks += [Heading(f"{energy.scenario.name}: {energy.scenario.title}")]
        blocks += [_layer_table(energy, all_layers=all_layers)]
    return *blocks, paragraph(_LEVELS, _TIME, _DIGITAL, _UNCERTAINTY, _MARKED)


def scenario_table(energies: Sequence[ModelEnergy]) -> Block:
    """Return a table with a row a scenario."""
    return tabulate(
        energies,
        [
            (Column("scenario", names_rows=True, notes=(_SCENARIO,)), lambda e: _named(e)),
            (Column("level", priority=2), lambda e: e.scenario.level),
            number("nJ/token", lambda e: energy_text(e.pj_per_token / 1e3)),
            number("µJ/inference", lambda e: energy_text(e.pj / 1e6), priority=5),
            number("analog", lambda e: words.percent(e.analog_share), priority=4, notes=(_ANALOG,)),
            number("TOPS/W", lambda e: words.significant(e.tops_per_watt)),
            number("time", lambda e: time_text(e.latency_ns), priority=1),
            number("interval", lambda e: time_text(e.interval_ns), priority=6),
            number("INT8", lambda e: _times(e.int8_pj / e.pj)),
            number(f"FP16 {_SECOND_HAND}", lambda e: _times(e.fp16_pj / e.pj), priority=3),
        ],
        frame="rule",
    )


def time_text(ns: float | None) -> str:
    """Spell a time with three digits: `521 ns`, `66.7 µs`; empty for None."""
    if ns is None:
        return ""
    size, unit = next(((size, unit) for size, unit in _TIMES_NS if ns >= size), (1.0, "ns"))
    return f"{words.significant(ns / size)} {unit}"


def energy_as_plain(energy: ModelEnergy) -> dict[str, Any]:
    """Return an estimate as plain values; energies of an inference, in pJ."""
    scenario = energy.scenario
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "level": scenario.level,
        "source": scenario.source,
        "second_hand": scenario.second_hand,
        "rows": scenario.rows,
        "columns": scenario.columns,
        "mvm_pj": scenario.mvm_pj,
        "mvm_ns": scenario.mvm_ns,
        "pj": energy.pj,
        "pj_per_token": energy.pj_per_token,
        "analog_share": energy.analog_share,
        "tops_per_watt": energy.tops_per_watt,
        "latency_ns": energy.latency_ns,
        "interval_ns": energy.interval_ns,
        "int8_pj": energy.int8_pj,
        "fp16_pj": energy.fp16_pj,
        "attention_pj": energy.attention_pj,
        "layers": [
            {
                "name": layer.layer.name,
                "kind": layer.layer.kind,
                "inputs": layer.layer.inputs,
                "outputs": layer.layer.outputs,
                "vectors": layer.layer.vectors,
                "tiles": layer.tiling.tiles if layer.tiling else None,
                "utilisation": layer.tiling.utilisation if layer.tiling else None,
                "mvm_pj": layer.mvm_pj,
                "pj": layer.pj,
                "ns": layer.ns,
            }
            for layer in energy.layers
        ],
    }


def energy_text(value: float) -> str:
    """Spell a number with three digits and no exponent: `0.0521`, `13,200`."""
    spelt = words.significant(value)
    return f"{float(spelt):,.0f}" if abs(value) >= 1000 else spelt


def _times(ratio: float) -> str:
    return f"{energy_text(ratio)}x"


def _layer_table(energy: ModelEnergy, *, all_layers: bool) -> Block:
    tokens = energy.shape.tokens
    return tabulate(
        [*_rows(energy, all_layers=all_layers), _Row("total", energy.layers, energy.pj)],
        [
            (Column("layers", names_rows=True), lambda row: row.label),
            number("n", lambda row: str(len(row.layers)) if row.layers else "", priority=3),
            number("in x out", lambda row: _size(row), priority=2),
            number("tiles", lambda row: str(_tiles(row) or "")),
            number("used", lambda row: _used(row), priority=1, notes=(_USED,)),
            number("nJ/token", lambda row: energy_text(row.pj / tokens / 1e3)),
            number("share", lambda row: f"{100 * row.pj / energy.pj:.1f} %"),
        ],
        frame="rule",
    )


def _rows(energy: ModelEnergy, *, all_layers: bool) -> list[_Row]:
    members: dict[tuple[str, bool], list[LayerEnergy]] = {}
    for layer in energy.layers:
        kind = layer.layer.kind
        if all_layers:
            label = layer.layer.name
        elif kind != "matmul":
            label = f"{kind}s"
        else:
            # Blocks are alike: their number alone tells such layers apart.
            label = re.sub(r"(?<=\.)\d+(?=\.)", "*", layer.layer.name, count=1)
        members.setdefault((label, layer.tiling is not None), []).append(layer)
    rows = [
        _Row(label if on or all_layers else f"{label} (digital)", tuple(layers), _sum(layers))
        for (label, on), layers in members.items()
    ]
    return [*rows, _Row("attention (digital)", (), energy.attention_pj)]


def _sum(layers: Sequence[LayerEnergy]) -> float:
    return sum(layer.pj for layer in layers)


def _size(row: _Row) -> str:
    sizes = {(layer.layer.inputs, layer.layer.outputs) for layer in row.layers}
    return f"{' x '.join(map(str, sizes.pop()))}" if len(sizes) == 1 else ""


def _tiles(row: _Row) -> int:
    return sum(layer.tiling.tiles for layer in row.layers if layer.tiling)


def _used(row: _Row) -> str:
    tiled = [layer for layer in row.layers if layer.tiling]
    tiles = _tiles(row)
    used = sum(layer.tiling.utilisation * layer.tiling.tiles for layer in tiled if layer.tiling)
    return words.percent(used / tiles) if tiles else ""


def _named(energy: ModelEnergy) -> str:
    return energy.scenario.name + (f" {_SECOND_HAND}" if energy.scenario.second_hand else "")
