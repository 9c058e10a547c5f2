"""Baselines of several devices: a folder for each, which lends its numbers where another has none.

What the processor computes in float32 lies in the folder of baselines itself, and all else in one
below it, of the same layout: `baselines/cuda-float32/direct/bert/layer_noise.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from analog_bench.records import Computed, Precision
from analog_bench.store.baseline import CaseBaseline, CaseEntry, DigitalBaseline
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.zoo.devices import CPU, CUDA


def own_folder(root: Path, computed: Computed) -> Path:
    """Return where baselines of a device, in a precision, are kept: GPUs share a folder."""
    device, precision = computed
    return root / _folder(CPU if device == CPU else CUDA, precision)


def read_cases_for(
    root: Path, variant: str, model: str, study: str, computed: Computed
) -> CaseBaseline:
    """Read what results of a device are compared with, its own baselines first; see `read_cases`.

    All chips of other devices are initial ones, since new chips can be none of them: the gate then
    compares two samples, and the larger the better.
    """
    entries: dict[tuple[str, str], CaseEntry] = {}
    for folder in reversed(_folders(root, computed)):
        entries |= read_cases(folder, variant, model, study).entries
    seen = {key: seen_from(computed, entry) for key, entry in entries.items()}
    return CaseBaseline(variant, model, study, seen)


def read_digital_for(root: Path, model: str, computed: Computed) -> DigitalBaseline:
    """Read the digital baseline of a model, as `read_cases_for`."""
    baseline = DigitalBaseline(model, {})
    for folder in reversed(_folders(root, computed)):
        own = read_digital(folder, model)
        baseline = replace(baseline, entries={**baseline.entries, **own.entries})
    return baseline


def seen_from(computed: Computed, entry: CaseEntry) -> CaseEntry:
    """Return an entry as results of a device are compared with it; see `read_cases_for`."""
    if entry.device == computed[0]:
        return entry
    chips = tuple(replace(chip, chip=n) for n, chip in enumerate(entry.chips))
    return replace(entry, chips=chips)


def _folders(root: Path, computed: Computed) -> list[Path]:
    """Return all folders: a device's own, those of its kind, then others."""
    kind = CPU if computed[0] == CPU else CUDA
    kinds = (kind, CUDA if kind == CPU else CPU)
    others = [root / _folder(k, precision) for k in kinds for precision in get_args(Precision)]
    return list(dict.fromkeys([own_folder(root, computed), *others]))


def _folder(kind: str, precision: Precision) -> str:
    return "" if (kind, precision) == (CPU, "float32") else f"{kind}-{precision}"
