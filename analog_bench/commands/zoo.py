"""The verbs about models: `zoo list`, `zoo lock` and `zoo score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    DeviceOption,
    JsonOption,
    LockOption,
    ModelArgument,
    ThreadsOption,
    WeightsOption,
    ZooOption,
    find_model,
    new_app,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import Line, print_json, print_sheet
from analog_bench.errors import UsageError, WeightsError
from analog_bench.report import words
from analog_bench.tasks.data_folder import data_folder
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.zoo.lock_file import Lock, read_lock
from analog_bench.zoo.model_specs import SOURCES, ModelSpec, Source, available

if TYPE_CHECKING:
    from analog_bench.session.digital_score import DigitalScore

app = new_app("List, pin and score models.", "zoo list --zoo embedded")


@app.command("list", epilog=show_examples("zoo list --zoo embedded", "zoo list --zoo hub --json"))
def list_models(
    zoo: Annotated[Source | None, typer.Option(help="only these (default: both)")] = None,
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """List the models that can be asked for."""
    pinned = read_lock(lock)
    sources = [zoo] if zoo else SOURCES
    models = [_describe(spec, pinned) for source in sources for spec in available(source, pinned)]
    if as_json:
        print_json(models)
    elif models:
        print_sheet({f"{facts['name']} ({facts['zoo']})": _lines(facts) for facts in models})
    else:
        print_nothing_locked(pinned)


@app.command(
    "lock",
    epilog=show_examples("zoo lock distilbert/distilgpt2", "zoo lock --dataset rajpurkar/squad"),
)
def pin(
    hub_id: Annotated[str, typer.Argument(metavar="HUB_ID", help="owner/name")],
    dataset: Annotated[bool, typer.Option("--dataset", help="it is a data set")] = False,
    revision: Annotated[
        str, typer.Option(help="branch, tag, pull request or commit", metavar="REVISION")
    ] = "main",
    lock: LockOption = LOCK_FILE,
) -> None:
    """Pin a model or data set of the hub: its revision and the hash of every file."""
    from analog_bench.zoo.hub_lock_and_fetch import lock_dataset, lock_model

    entry = (lock_dataset if dataset else lock_model)(hub_id, lock, revision=revision)
    lines = [Line("revision", entry.revision), Line("lock file", str(lock))]
    lines += [Line(n, f"{f.size} bytes, sha256 {f.sha256}") for n, f in entry.files.items()]
    print_sheet({f"{entry.hub_id} ({entry.repo_type})": lines})


@app.command(
    epilog=show_examples(
        "zoo score bert --data squad --examples 300",
        "zoo score bert --weights runs/zoo/bert/ship --data squad --record",
        "zoo score distilgpt2 --data wikitext-2",
    )
)
def score(
    model: ModelArgument,
    zoo: ZooOption = "embedded",
    weights: WeightsOption = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="embedded, hub or a path; squad for questions, wikitext-2 or wikitext-2-raw for "
            "a language model",
        ),
    ] = "embedded",
    examples: Annotated[
        int | None,
        whole_number("a fixed sample of N questions, or blocks of text (default: all)"),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="write the scores into the FOLDER's record.json")
    ] = False,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """Measure a digital model on data, by the metrics of its task."""
    spec = find_model(model, zoo, lock, weights)
    if record and weights is None:
        raise UsageError("--record writes into a folder of weights; name it with --weights FOLDER")
    # Not at the top: these import torch.
    import torch

    from analog_bench.session.digital_score import record_score, score_model

    if threads is not None:
        torch.set_num_threads(threads)
    found = score_model(
        spec,
        data,
        examples=examples,
        weights=weights,
        data_folder=data_folder(),
        lock=lock,
        device=device,
    )
    recorded = []
    if record and weights is not None:
        record_score(weights, found)
        recorded = [Line("recorded in", str(weights))]
    if as_json:
        print_json(found.as_dict())
    else:
        heading = f"{spec.name} ({spec.source}) on {found.data}"
        print_sheet({heading: [*_score_lines(found), *recorded]})


def print_nothing_locked(lock: Lock) -> None:
    """Say how to lock something of the hub."""
    print(f"nothing of the hub is locked in {lock.path}; `analog-bench zoo lock HUB_ID` does it")


def _score_lines(score: DigitalScore) -> list[Line]:
    lines = [
        Line(words.unit_label(METRICS[name]), words.amount(value, METRICS[name], extra=1))
        for name, value in score.means.items()
    ]
    lines += [Line(what, str(count)) for what, count in score.counts.items()]
    lines += [
        Line("seconds", f"{score.seconds:.1f}"),
        Line("protocol", score.protocol),
        Line("weights", score.weights),
    ]
    if score.crosschecked is None:
        return lines
    checked = (
        "the same by the evaluate library"
        if score.crosschecked
        else "not possible here: the evaluate library's metric is not at hand"
    )
    return [*lines, Line("cross-check", checked)]


def _describe(spec: ModelSpec, lock: Lock) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": spec.name,
        "zoo": spec.source,
        "family": spec.family,
        "task": spec.task,
        "layers": len(spec.layers),
    }
    if spec.hub_id is not None:
        entry = lock.models[spec.hub_id]
        size = sum(file.size for file in entry.files.values())
        return {**facts, "hub_id": spec.hub_id, "revision": entry.revision, "bytes": size}
    from analog_bench.zoo.embedded_weights import WEIGHTS
    from analog_bench.zoo.weight_record import read_record

    folder = WEIGHTS / spec.name
    try:
        record = read_record(folder)
        size = sum((folder / name).stat().st_size for name in record.files)
    except WeightsError as problem:
        return {**facts, "problem": str(problem)}
    except OSError as problem:
        return {**facts, "problem": f"a shipped file is missing: {problem}"}
    return {**facts, "form": record.form, "bytes": size, "results": dict(record.results)}


def _lines(facts: dict[str, Any]) -> list[Line]:
    shown = {key: value for key, value in facts.items() if key not in ("name", "zoo", "results")}
    if "results" in facts:
        shown |= facts["results"] or {"results": "none recorded"}
    return [Line(key, str(value)) for key, value in shown.items()]
