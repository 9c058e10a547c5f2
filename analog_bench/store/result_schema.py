"""Results and their metrics to JSON and back, in run files and journals alike."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from analog_bench.records import (
    FIRST_CONFIRMATION_CHIP,
    Histogram,
    LayerFacts,
    Measurement,
    Metric,
    Result,
    Status,
)
from analog_bench.store.document import LARGEST_WHOLE, DocumentError, Json, Node


def metrics_to_json(metrics: Mapping[str, Metric]) -> Json:
    """Return the JSON of metrics, sorted by name."""
    return {
        name: {
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "margin": metric.margin,
            "version": metric.version,
        }
        for name, metric in sorted(metrics.items())
    }


def metrics_from_json(node: Node) -> dict[str, Metric]:
    """Read metrics by name.

    Raises:
        DocumentError: They do not follow the schema.
    """
    return {name: _metric(name, metric) for name, metric in node.entries()}


def result_to_json(result: Result) -> Json:
    """Return the JSON of a settled result."""
    facts = result.facts
    return {
        "case_id": result.case_id,
        "study": result.study,
        "model": result.model,
        "group": result.group,
        "noise": result.noise,
        "drift_s": result.drift_s,
        "tile": result.tile,
        "hardware": result.hardware,
        "variant": result.variant,
        "case_version": result.case_version,
        "protocol": result.protocol,
        "weights": result.weights,
        "seed": result.seed,
        "status": result.status,
        "reason": result.reason,
        "digital": _sorted(result.digital),
        "digital_texts": list(result.digital_texts),
        "chance": _sorted(result.chance),
        "facts": None
        if facts is None
        else {
            "depth": facts.depth,
            "kind": facts.kind,
            "weights": facts.weights,
            "weight_std": facts.weight_std,
            "weight_max": facts.weight_max,
            "coverage_weights": facts.coverage_weights,
            "coverage_macs": facts.coverage_macs,
            "histogram": _histogram_to_json(facts.histogram),
        },
        "chips": [
            {
                "chip": chip.chip,
                "scores": _sorted(chip.scores),
                "seconds": chip.seconds,
                "fingerprint": list(chip.fingerprint),
                "per_example": {
                    name: list(scores) for name, scores in sorted(chip.per_example.items())
                },
                "texts": list(chip.texts),
            }
            for chip in sorted(result.chips, key=lambda chip: chip.chip)
        ],
    }


def result_from_json(node: Node, *, histograms: bool = True) -> Result:
    """Read a result.

    Args:
        node: The result.
        histograms: Whether facts have one, as they do from version 4 of the schema on.

    Raises:
        DocumentError: It does not follow the schema.
    """
    node.only(*_RESULT_KEYS)
    status = _STATUSES[node.field("status").text(*_STATUSES)]
    chips = tuple(_measurement(chip) for chip in node.field("chips").elements())
    check_chips([(chip.chip, chip.scores) for chip in chips], node.field("chips"))
    if (status == "measured") != bool(chips):
        node.field("status").fail(f"{len(chips)} chips do not go with the status")
    facts = node.field("facts")
    return Result(
        case_id=node.field("case_id").text(),
        study=node.field("study").text(),
        model=node.field("model").text(),
        group=node.field("group").text(),
        noise=node.field("noise").text(),
        drift_s=node.field("drift_s").number(),
        tile=node.field("tile").text(),
        hardware=node.field("hardware").text(),
        variant=node.field("variant").text(),
        case_version=node.field("case_version").whole(),
        protocol=node.field("protocol").text(),
        weights=node.field("weights").text(),
        seed=node.field("seed").whole(-LARGEST_WHOLE),
        status=status,
        reason=node.field("reason").text(),
        digital=node.field("digital").scores(),
        chance=node.field("chance").scores(),
        chips=tuple(sorted(chips, key=lambda chip: chip.chip)),
        facts=None if facts.value is None else _facts(facts, histograms=histograms),
        digital_texts=node.field("digital_texts").texts(),
    )


def check_metrics(result: Result, metrics: Container[str], node: Node) -> None:
    """Make sure that every metric that a result mentions is known.

    Args:
        result: The result.
        metrics: Names of the known metrics.
        node: Where the result stands.

    Raises:
        DocumentError: One is not.
    """
    for name in result.scored:
        if name not in metrics:
            raise DocumentError(f"{node.at}: its metric {name!a} is not under 'metrics'")


def check_chips(chips: Sequence[tuple[int, Mapping[str, float]]], node: Node) -> None:
    """Make sure that no chip stands twice, all were scored alike, and some are initial chips.

    Args:
        chips: Index and scores of each.
        node: The list they were read from.

    Raises:
        DocumentError: They are not.
    """
    if len({chip for chip, _ in chips}) != len(chips):
        raise DocumentError(f"{node.at}: a chip stands twice")
    for n, (_, scores) in enumerate(chips):
        if not scores or scores.keys() != chips[0][1].keys():
            raise DocumentError(f"{node.at}[{n}].scores: not the same metrics as the first chip's")
    if chips and all(chip >= FIRST_CONFIRMATION_CHIP for chip, _ in chips):
        raise DocumentError(
            f"{node.at}: no chip below {FIRST_CONFIRMATION_CHIP}: confirmation chips without "
            "initial ones"
        )


def _sorted(members: Mapping[str, Json]) -> dict[str, Json]:
    return dict(sorted(members.items()))


def _metric(name: str, node: Node) -> Metric:
    node.only("unit", "higher_is_better", "margin", "version")
    margin = node.field("margin")
    if margin.number() < 0:
        margin.fail("a number of at least 0 is expected")
    return Metric(
        name=name,
        unit=node.field("unit").text(),
        higher_is_better=node.field("higher_is_better").flag(),
        margin=margin.number(),
        version=node.field("version").whole(),
    )


def _measurement(node: Node) -> Measurement:
    node.only("chip", "scores", "seconds", "fingerprint", "per_example", "texts")
    return Measurement(
        chip=node.field("chip").whole(),
        scores=node.field("scores").scores(),
        per_example={name: part.numbers() for name, part in node.field("per_example").entries()},
        fingerprint=node.field("fingerprint").numbers(),
        seconds=node.field("seconds").number(),
        texts=node.field("texts").texts(),
    )


def _facts(node: Node, *, histograms: bool) -> LayerFacts:
    node.only(*(key for key in _FACTS_KEYS if histograms or key != "histogram"))
    return LayerFacts(
        depth=node.field("depth").whole(),
        kind=node.field("kind").text(),
        weights=node.field("weights").whole(),
        weight_std=node.field("weight_std").number(),
        weight_max=node.field("weight_max").number(),
        coverage_weights=node.field("coverage_weights").number(),
        coverage_macs=node.field("coverage_macs").number(),
        histogram=_histogram(node.field("histogram")) if histograms else None,
    )


def _histogram_to_json(histogram: Histogram | None) -> Json:
    if histogram is None:
        return None
    return {"low": histogram.low, "high": histogram.high, "counts": list(histogram.counts)}


def _histogram(node: Node) -> Histogram | None:
    if node.value is None:
        return None
    node.only("low", "high", "counts")
    return Histogram(
        low=node.field("low").number(),
        high=node.field("high").number(),
        counts=tuple(count.whole() for count in node.field("counts").elements()),
    )


# Field names are the schema's keys, one to one.
_RESULT_KEYS = tuple(Result.__dataclass_fields__)
_FACTS_KEYS = tuple(LayerFacts.__dataclass_fields__)
_STATUSES: dict[str, Status] = {
    "measured": "measured",
    "skipped": "skipped",
    "broken": "broken",
}
