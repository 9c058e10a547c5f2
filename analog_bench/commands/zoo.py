"""The verbs about models: `zoo list`, `zoo add` and `zoo score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    DeviceOption,
    JsonOption,
    LockOption,
    ModelArgument,
    PrecisionOption,
    ThreadsOption,
    WeightsOption,
    ZooOption,
    find_model,
    new_app,
    refuse_together,
    show_examples,
    use_threads,
    whole_number,
)
from analog_bench.commands.output import (
    Line,
    origin_label,
    print_blocks,
    print_json,
    print_sheet,
)
from analog_bench.errors import UsageError, WeightsError, did_you_mean
from analog_bench.report import words
from analog_bench.tasks.data_folder import data_folder
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.zoo.devices import check_precision
from analog_bench.zoo.lock_file import Entry, FolderEntry, Lock, read_lock
from analog_bench.zoo.model_specs import SOURCES, ModelSpec, Source, available
from analog_bench.zoo.smollm2 import PACKAGE, packaged_file

if TYPE_CHECKING:
    from analog_bench.report.table import Table
    from analog_bench.session.digital_score import DigitalScore

_TASKS = {"qa": "answers questions", "lm": "writes text", "classification": "labels texts"}
_SCORES = {
    "qa": ("squad_dev_f1", "F1", "SQuAD dev"),
    "lm": ("wikitext_2_perplexity", "perplexity", "WikiText-2"),
    "classification": ("squad_dev_accuracy", "accuracy", "SQuAD dev"),
}
"""By task: the key of the main score in a model's record, its metric and its data."""

app = new_app("List, add and score models.", "zoo list --zoo embedded")


@app.command("list", epilog=show_examples("zoo list bert", "zoo list --zoo hub --json"))
def list_models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="tell all of these (default: a table)")
    ] = None,
    zoo: Annotated[Source | None, typer.Option(help="only these (default: all)")] = None,
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """List the models that can be asked for."""
    pinned = read_lock(lock)
    sources = [zoo] if zoo else SOURCES
    specs = [spec for source in sources for spec in available(source, pinned)]
    if name is not None and name not in (names := [spec.name for spec in specs]):
        raise UsageError(f"there is no model {name!r}; {did_you_mean(name, names)}")
    models = [_describe(spec, pinned) for spec in specs if name in (None, spec.name)]
    if as_json:
        print_json(models)
    elif name is not None:
        titles = (origin_label(facts["name"], facts["zoo"]) for facts in models)
        print_sheet(dict(zip(titles, map(_lines, models), strict=True)))
    elif models:
        print_blocks([_table(models)])
    else:
        print_nothing_locked(pinned)


@app.command(
    epilog=show_examples(
        "zoo add ./my_model --name mine",
        "zoo add distilbert/distilgpt2",
        "zoo add --dataset rajpurkar/squad",
    ),
)
def add(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PATH_OR_ID",
            help="a model's folder, or owner/name on the hub where there is no such folder",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="what to call a model (default: as its folder, its id)"),
    ] = None,
    dataset: Annotated[bool, typer.Option("--dataset", help="it is a data set")] = False,
    revision: Annotated[
        str | None,
        typer.Option(
            help="of the hub: branch, tag, pull request or commit (default: main)",
            metavar="REVISION",
        ),
    ] = None,
    lock: LockOption = LOCK_FILE,
) -> None:
    """Add a model in a folder or of the hub, or a data set of the hub, to the lock file.

    It records the hash of every file, and of models their layers, sizes and task.
    """
    refuse_together(dataset=dataset, name=name)
    from analog_bench.zoo.hub_lock_and_fetch import lock_dataset, lock_model
    from analog_bench.zoo.own_folder import add_folder, is_folder

    entry: Entry | FolderEntry
    if dataset:
        entry = lock_dataset(what, lock, revision=revision or "main")
    elif not is_folder(what):
        entry = lock_model(what, lock, revision=revision or "main", name=name)
    elif revision is not None:
        raise UsageError(f"--revision is for models of the hub, and {what} is a folder")
    else:
        entry = add_folder(Path(what), lock, name=name)
    if isinstance(entry, FolderEntry):
        title, origin = f"{entry.name} (folder)", Line("path", entry.path)
    else:
        title, origin = f"{entry.hub_id} ({entry.repo_type})", Line("revision", entry.revision)
    lines = [origin, Line("lock file", str(lock))]
    if entry.structure is not None:
        lines += [
            Line("task", entry.structure.task),
            Line("layers", str(len(entry.structure.layers))),
        ]
    lines += [Line(n, f"{f.size} bytes, sha256 {f.sha256}") for n, f in entry.files.items()]
    print_sheet({title: lines})


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
    precision: PrecisionOption = "float32",
    threads: ThreadsOption = None,
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """Measure a digital model on data, by the metrics of its task."""
    spec = find_model(model, zoo, lock, weights)
    if record and weights is None:
        raise UsageError("--record writes into a folder of weights; name it with --weights FOLDER")
    if record and precision != "float32":
        raise UsageError(f"--record keeps scores in float32, and --precision is {precision}")
    check_precision(precision, device)
    # Not at the top: it imports torch.
    from analog_bench.session.digital_score import record_score, score_model

    use_threads(threads)
    found = score_model(
        spec,
        data,
        examples=examples,
        weights=weights,
        data_folder=data_folder(),
        lock=lock,
        device=device,
        precision=precision,
    )
    recorded = []
    if record and weights is not None:
        record_score(weights, found)
        recorded = [Line("recorded in", str(weights))]
    if as_json:
        print_json(found.as_dict())
    else:
        heading = f"{origin_label(spec.name, spec.source)} on {found.data}"
        print_sheet({heading: [*_score_lines(found), *recorded]})


def print_nothing_locked(lock: Lock) -> None:
    """Say how to add a model."""
    print(f"there is no model in {lock.path}; `analog-bench zoo add PATH_OR_ID` adds one")


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
    if spec.locked is not None:
        size = sum(file.size for file in spec.locked.files.values())
        return {**facts, "path": spec.locked.path, "bytes": size}
    from analog_bench.zoo.weight_record import WEIGHTS, read_record

    folder = WEIGHTS / spec.name
    try:
        if spec.source == "package":
            file = packaged_file()
            return {**facts, "package": PACKAGE, "file": file.name, "bytes": file.stat().st_size}
        record = read_record(folder)
        size = sum((folder / name).stat().st_size for name in record.files)
    except WeightsError as problem:
        return {**facts, "problem": str(problem)}
    except OSError as problem:
        return {**facts, "problem": f"a shipped file is missing: {problem}"}
    return {**facts, "form": record.form, "bytes": size, "results": dict(record.results)}


def _table(models: list[dict[str, Any]]) -> Table:
    # Not at the top: --help and --json need no SciPy.
    from analog_bench.report.table import Column, number, tabulate

    return tabulate(
        models,
        [
            (Column("model", names_rows=True), lambda one: origin_label(one["name"], one["zoo"])),
            (Column("task"), lambda one: _TASKS.get(one["task"], one["task"])),
            number("layers", lambda one: str(one["layers"]), priority=1),
            (Column("digital score"), _main_score),
        ],
        notes=["`analog-bench models NAME` tells all of one: files, scores, protocols."],
        frame="rule",
    )


def _main_score(facts: dict[str, Any]) -> str:
    if "problem" in facts:
        return f"problem: {facts['problem']}"
    name, metric, data = _SCORES.get(facts["task"], ("", "", ""))
    value = facts.get("results", {}).get(name)
    return "" if value is None else f"{metric} {value:.1f}, {data}"


def _lines(facts: dict[str, Any]) -> list[Line]:
    shown = {key: value for key, value in facts.items() if key not in ("name", "zoo", "results")}
    if "results" in facts:
        shown |= facts["results"] or {"results": "none recorded"}
    return [Line(key, str(value)) for key, value in shown.items()]
