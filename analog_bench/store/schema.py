"""The run file's schema: a run to JSON and back. docs/schema.md describes each field.

run.schema.json says the same in the words of JSON Schema, as far as it has them.
"""

from __future__ import annotations

from collections.abc import Mapping

from analog_bench.records import Margin, Metric, Scope
from analog_bench.store.document import LARGEST_WHOLE, DocumentError, Json, Node
from analog_bench.store.result_schema import (
    check_metrics,
    metrics_from_json,
    metrics_to_json,
    result_from_json,
    result_to_json,
)
from analog_bench.store.run import Manifest, Run, settled

RUN_VERSION = 4
WITHOUT_HISTOGRAMS = 3
"""The version before: the same, but without the histograms of weights. It is still read."""


def run_to_json(run: Run) -> Json:
    """Return the run as the JSON of a run file: settled results, sorted by case id, then study."""
    order = sorted(run.results, key=lambda result: result.identity)
    return {
        "schema_version": RUN_VERSION,
        "manifest": manifest_to_json(run.manifest),
        "metrics": metrics_to_json(run.metrics),
        "scopes": [scope_to_json(scope) for scope in sorted(run.scopes, key=_place)],
        "results": [result_to_json(settled(result)) for result in order],
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
    version = check_version(node, RUN_VERSION, WITHOUT_HISTOGRAMS)
    node.only("schema_version", "manifest", "metrics", "scopes", "results")
    metrics = metrics_from_json(node.field("metrics"))
    scopes = _scopes(node.field("scopes"), metrics)
    known = set(map(_place, scopes))
    listed = node.field("results").elements()
    results = tuple(
        result_from_json(place, histograms=version != WITHOUT_HISTOGRAMS) for place in listed
    )
    seen: set[tuple[str, str, str]] = set()
    for result, place in zip(results, listed, strict=True):
        if result.identity in seen:
            raise DocumentError(f"{place.at}: the case {result.case_id!a} stands twice")
        seen.add(result.identity)
        check_metrics(result, metrics, place)
        if (result.study, result.model) not in known:
            raise DocumentError(f"{place.at}: no scope is of its study and model")
    return Run(manifest_from_json(node.field("manifest")), metrics, scopes, results)


def _scopes(node: Node, metrics: Mapping[str, Metric]) -> tuple[Scope, ...]:
    found: dict[tuple[str, str], Scope] = {}
    for place in node.elements():
        scope = scope_from_json(place)
        if _place(scope) in found:
            raise DocumentError(f"{place.at}: the scope of its study and model stands twice")
        for name in (scope.main_metric, *scope.margins):
            if name not in metrics:
                raise DocumentError(f"{place.at}: its metric {name!a} is not under 'metrics'")
        found[_place(scope)] = scope
    return tuple(found.values())


def scope_to_json(scope: Scope) -> Json:
    """Return the JSON of a scope."""
    return {
        "study": scope.study,
        "model": scope.model,
        "question": scope.question,
        "data": scope.data,
        "examples": scope.examples,
        "main_metric": scope.main_metric,
        "margins": {
            name: {"value": margin.value, "reason": margin.reason}
            for name, margin in sorted(scope.margins.items())
        },
    }


def scope_from_json(node: Node) -> Scope:
    """Read a scope.

    Raises:
        DocumentError: It does not follow the schema.
    """
    node.only("study", "model", "question", "data", "examples", "main_metric", "margins")
    return Scope(
        study=node.field("study").text(),
        model=node.field("model").text(),
        question=node.field("question").text(),
        data=node.field("data").text(),
        examples=node.field("examples").whole(),
        main_metric=node.field("main_metric").text(),
        margins={name: _margin(margin) for name, margin in node.field("margins").entries()},
    )


def _margin(node: Node) -> Margin:
    node.only("value", "reason")
    value, reason = node.field("value"), node.field("reason")
    if value.number() < 0:
        value.fail("a number of at least 0 is expected")
    if not reason.text().strip():
        reason.fail("a reason is expected")
    return Margin(value.number(), reason.text())


def _place(scope: Scope) -> tuple[str, str]:
    return scope.study, scope.model


def check_version(node: Node, *known: int) -> int:
    """Make sure that a document is of a schema this release reads.

    Args:
        node: The document's top level.
        known: The versions that this release reads.

    Returns:
        The document's version.

    Raises:
        DocumentError: It is of another one, or does not say.
    """
    version = node.field("schema_version")
    if version.whole() not in known:
        version.fail(
            f"this release reads schema version {' and '.join(map(str, sorted(known)))}; "
            "use the release that wrote the file, or measure anew"
        )
    return version.whole()


def manifest_to_json(manifest: Manifest) -> Json:
    """Return the JSON of a manifest."""
    return {
        "created": manifest.created,
        "seed": manifest.seed,
        "command": manifest.command,
        "commit": manifest.commit,
        "environment": dict(sorted(manifest.environment.items())),
        "options": dict(sorted(manifest.options.items())),
    }


def manifest_from_json(node: Node) -> Manifest:
    """Read a manifest.

    Raises:
        DocumentError: It does not follow the schema.
    """
    node.only("created", "seed", "command", "commit", "environment", "options")
    return Manifest(
        created=node.field("created").text(),
        seed=node.field("seed").whole(-LARGEST_WHOLE),
        command=node.field("command").text(),
        environment={name: part.plain() for name, part in node.field("environment").entries()},
        commit=node.field("commit").text_or_null(),
        options={name: part.plain() for name, part in node.field("options").entries()},
    )
