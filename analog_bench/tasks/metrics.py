"""The metrics: their direction, unit and the change that matters. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from analog_bench.result import Metric

F1 = Metric(name="f1", unit="points", higher_is_better=True, margin=1.0)
EM = Metric(name="em", unit="points", higher_is_better=True, margin=1.5)

METRICS_OF: Mapping[Literal["qa"], tuple[Metric, ...]] = MappingProxyType({"qa": (F1, EM)})
"""The metrics of each kind of task, the main one first."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for metrics in METRICS_OF.values() for metric in metrics}
)
"""Every metric by name."""
