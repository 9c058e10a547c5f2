"""The run file's schema: a run's records to JSON and back. docs/schema.md describes each field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analog_bench.result import LayerFacts, Measurement, Metric, Result, Status
from analog_bench.store.document import LARGEST_WHOLE, DocumentError, Json, Node
from analog_bench.store.run import Manifest, Run, settled

SCHEMA_VERSION = 1


def run_to_json(run: Run) -> Json:
    """Return the run as the JSON of a run file: settled results, sorted by case id, then study."""
    order = sorted(run.results, key=_identity)
    return {
        "schema_version": SCHEMA_VERSION,
        "manifest": {
            "created": run.manifest.created,
            "seed": run.manifest.seed,
            "command": run.manifest.command,
            "commit": run.manifest.commit,
            "environment": _sorted(run.manifest.environment),
            "options": _sorted(run.manifest.options),
        },
        "metrics": {
            name: {
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "margin": metric.margin,
                "version": metric.version,
            }
            for name, metric in sorted(run.metrics.items())
        },
        "results": [_result_to_json(settled(result)) for result in order],
    }


def run_from_json(node: Node) -> Run:
    """Read the JSON of a run file.

    Args:
        node: Its top level.

    Returns:
        The run, results in the file's order.

    Raises:
        DocumentError: Anything that does not follow the schema.
    """
    check_version(node)
    node.only("schema_version", "manifest", "metrics", "results")
    metrics = {name: _metric(name, metric) for name, metric in node.field("metrics").entries()}
    results = tuple(map(_result, node.field("results").elements()))
    seen: set[tuple[str, str, str]] = set()
    for n, result in enumerate(results):
        if _identity(result) in seen:
            raise DocumentError(f"results[{n}]: the case {result.case_id!r} stands twice")
        seen.add(_identity(result))
        for name in _scored(result):
            if name not in metrics:
                raise DocumentError(f"results[{n}]: its metric {name!r} is not under 'metrics'")
    return Run(_manifest(node.field("manifest")), metrics, results)


def check_version(node: Node) -> None:
    """Make sure that a document is of the schema this release reads.

    Raises:
        DocumentError: It is not, or does not say.
    """
    version = node.field("schema_version")
    if version.whole() != SCHEMA_VERSION:
        version.fail(
            f"this release reads schema version {SCHEMA_VERSION}; "
            "use the release that wrote the file, or measure anew"
        )


def check_chips(chips: Sequence[tuple[int, Mapping[str, float]]], node: Node) -> None:
    """Make sure that no chip stands twice and all were scored by the same metrics.

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


def _identity(result: Result) -> tuple[str, str, str]:
    return result.case_id, result.study, result.protocol


def _sorted(members: Mapping[str, Json]) -> dict[str, Json]:
    return dict(sorted(members.items()))


def _scored(result: Result) -> Iterable[str]:
    return sorted(set(result.digital).union(*(chip.scores for chip in result.chips)))


def _result_to_json(result: Result) -> Json:
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
            }
            for chip in sorted(result.chips, key=lambda chip: chip.chip)
        ],
    }


def _manifest(node: Node) -> Manifest:
    node.only("created", "seed", "command", "commit", "environment", "options")
    return Manifest(
        created=node.field("created").text(),
        seed=node.field("seed").whole(-LARGEST_WHOLE),
        command=node.field("command").text(),
        environment={name: part.plain() for name, part in node.field("environment").entries()},
        commit=node.field("commit").text_or_null(),
        options={name: part.plain() for name, part in node.field("options").entries()},
    )


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


def _result(node: Node) -> Result:
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
        chips=chips,
        facts=None if facts.value is None else _facts(facts),
    )


def _measurement(node: Node) -> Measurement:
    node.only("chip", "scores", "seconds", "fingerprint", "per_example")
    return Measurement(
        chip=node.field("chip").whole(),
        scores=node.field("scores").scores(),
        per_example={name: part.numbers() for name, part in node.field("per_example").entries()},
        fingerprint=node.field("fingerprint").numbers(),
        seconds=node.field("seconds").number(),
    )


def _facts(node: Node) -> LayerFacts:
    node.only(*_FACTS_KEYS)
    return LayerFacts(
        depth=node.field("depth").whole(),
        kind=node.field("kind").text(),
        weights=node.field("weights").whole(),
        weight_std=node.field("weight_std").number(),
        weight_max=node.field("weight_max").number(),
        coverage_weights=node.field("coverage_weights").number(),
        coverage_macs=node.field("coverage_macs").number(),
    )


# Field names are the schema's keys, one to one.
_RESULT_KEYS = tuple(Result.__dataclass_fields__)
_FACTS_KEYS = tuple(LayerFacts.__dataclass_fields__)
_STATUSES: dict[str, Status] = {
    "measured": "measured",
    "skipped": "skipped",
    "broken": "broken",
}
