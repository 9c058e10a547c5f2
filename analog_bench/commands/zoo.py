"""`analog-bench zoo list`, `zoo lock` and `zoo score`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analog_bench.commands.arguments import (
    Verbs,
    add_json,
    add_lock,
    add_threads,
    add_verb,
    positive,
)
from analog_bench.commands.sheet import Line, print_sheet
from analog_bench.errors import UsageError, WeightsError
from analog_bench.tasks.data_folder import data_folder
from analog_bench.zoo.lock import read_lock
from analog_bench.zoo.specs import SOURCES, ModelSpec, available, find, find_embedded

if TYPE_CHECKING:
    from analog_bench.commands.scoring import Score


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs."""
    listing = add_verb(
        verbs,
        "list",
        "list the models that can be asked for",
        "analog-bench zoo list --zoo embedded\nanalog-bench zoo list --zoo hub --json",
        run_list,
    )
    listing.add_argument("--zoo", choices=SOURCES, help="only these (default: both)")
    add_lock(listing)
    add_json(listing)

    locking = add_verb(
        verbs,
        "lock",
        "pin a model or data set of the hub: its revision and the hash of every file",
        "analog-bench zoo lock distilbert/distilgpt2\n"
        "analog-bench zoo lock --dataset rajpurkar/squad",
        run_lock,
    )
    locking.add_argument("hub_id", metavar="HUB_ID", help="owner/name")
    locking.add_argument("--dataset", action="store_true", help="it is a data set")
    locking.add_argument(
        "--revision",
        default="main",
        help="branch, tag, pull request or commit (default: %(default)s)",
    )
    add_lock(locking)

    scoring = add_verb(
        verbs,
        "score",
        "measure a digital model: F1 and exact match, or bits a byte",
        "analog-bench zoo score bert --data squad --examples 300\n"
        "analog-bench zoo score bert --weights runs/zoo/bert/ship --data squad --record\n"
        "analog-bench zoo score distilgpt2 --data wikitext-2",
        run_score,
    )
    scoring.add_argument("model", metavar="MODEL", help="its name, or a locked hub id")
    scoring.add_argument(
        "--zoo", choices=SOURCES, default="embedded", help="(default: %(default)s)"
    )
    scoring.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="weights in place of the package's own"
    )
    scoring.add_argument(
        "--data",
        default="embedded",
        metavar="SOURCE",
        help="embedded, hub or a path; squad for questions, wikitext-2 or wikitext-2-raw for a "
        "language model (default: %(default)s)",
    )
    scoring.add_argument(
        "--examples",
        type=positive,
        metavar="N",
        help="a fixed sample of N questions, or blocks of text (default: all)",
    )
    scoring.add_argument(
        "--record", action="store_true", help="write the scores into the FOLDER's record.json"
    )
    add_threads(scoring)
    add_lock(scoring)
    add_json(scoring)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the models."""
    lock = read_lock(arguments.lock)
    sources = [arguments.zoo] if arguments.zoo else list(SOURCES)
    found = [(spec, _described(spec, lock)) for s in sources for spec in available(s, lock)]
    if arguments.json:
        print(json.dumps([facts for _, facts in found], indent=2))
        return 0
    if not found:
        print(
            f"nothing of the hub is locked in {lock.path}; `analog-bench zoo lock HUB_ID` does it"
        )
        return 0
    print_sheet(
        {
            f"{spec.name} ({spec.source})": [
                Line(key, str(value)) for key, value in _flat(facts).items()
            ]
            for spec, facts in found
        }
    )
    return 0


def run_lock(arguments: argparse.Namespace) -> int:
    """Pin something of the hub and print what was pinned."""
    from analog_bench.zoo.hub import lock_dataset, lock_model

    lock = lock_dataset if arguments.dataset else lock_model
    entry = lock(arguments.hub_id, arguments.lock, revision=arguments.revision)
    lines = [Line("revision", entry.revision), Line("lock file", str(arguments.lock))]
    lines += [Line(n, f"{f.size} bytes, sha256 {f.sha256}") for n, f in entry.files.items()]
    print_sheet({f"{entry.hub_id} ({entry.repo_type})": lines})
    return 0


def run_score(arguments: argparse.Namespace) -> int:
    """Score a model and print the result."""
    if arguments.weights is not None and arguments.zoo != "embedded":
        raise UsageError("--weights is for embedded models; hub models come with their own")
    if arguments.record and arguments.weights is None:
        raise UsageError("--record writes into a folder of weights; name it with --weights FOLDER")
    if arguments.weights is not None:
        spec = find_embedded(arguments.model)
    else:
        spec = find(arguments.model, arguments.zoo, read_lock(arguments.lock))
    score = _score_text(spec, arguments) if spec.task == "lm" else _score_answers(spec, arguments)
    if arguments.record:
        from analog_bench.commands.scoring import record_score

        record_score(arguments.weights, score)
    if arguments.json:
        print(json.dumps(score.as_dict(), indent=2))
        return 0
    lines = _score_lines(score)
    if arguments.record:
        lines.append(Line("recorded in", str(arguments.weights)))
    print_sheet({f"{spec.name} ({spec.source}) on {score.data}": lines})
    return 0


def _score_text(spec: ModelSpec, arguments: argparse.Namespace) -> Score:
    from analog_bench.tasks.lm_sources import load_text

    text = load_text(arguments.data, data_folder=data_folder(), lock=arguments.lock)
    from analog_bench.commands.scoring import score_text

    return score_text(
        spec,
        text,
        examples=arguments.examples,
        weights=arguments.weights,
        lock=arguments.lock,
        threads=arguments.threads,
    )


def _score_answers(spec: ModelSpec, arguments: argparse.Namespace) -> Score:
    from analog_bench.tasks.qa_sources import load_questions

    questions = load_questions(
        arguments.data,
        examples=arguments.examples,
        data_folder=data_folder(),
        lock=arguments.lock,
    )
    # Only now, since importing it takes seconds: a wrong path is told before that.
    from analog_bench.commands.scoring import score_questions

    return score_questions(
        spec,
        questions,
        weights=arguments.weights,
        lock=arguments.lock,
        threads=arguments.threads,
    )


def _score_lines(score: Score) -> list[Line]:
    means, counts = score.means, score.counts
    if score.crosschecked is None:
        first = [
            Line("cross-entropy", f"{means['cross_entropy']:.4f} nats a token"),
            Line("perplexity", f"{means['perplexity']:.2f}"),
            Line("bits a byte", f"{means['bits_per_byte']:.4f}"),
            Line("tokens", f"{counts['tokens']} in {counts['blocks']} blocks"),
        ]
        last = []
    else:
        first = [
            Line("F1", f"{means['f1']:.2f}"),
            Line("EM", f"{means['em']:.2f}"),
            Line("questions", str(counts["questions"])),
        ]
        checked = (
            "the same by the evaluate library"
            if score.crosschecked
            else "not possible here: the evaluate library's metric is not at hand"
        )
        last = [Line("cross-check", checked)]
    return [
        *first,
        Line("seconds", f"{score.seconds:.1f}"),
        Line("protocol", score.protocol),
        Line("weights", score.weights),
        *last,
    ]


def _described(spec: ModelSpec, lock: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": spec.name,
        "zoo": spec.source,
        "family": spec.family,
        "task": spec.task,
        "layers": len(spec.layers),
    }
    if spec.hub_id is not None:
        entry = lock.models[spec.hub_id]
        return {
            **facts,
            "hub_id": spec.hub_id,
            "revision": entry.revision,
            "bytes": sum(file.size for file in entry.files.values()),
        }
    from analog_bench.zoo.embedded import WEIGHTS
    from analog_bench.zoo.record import read_record

    folder = WEIGHTS / spec.name
    try:
        record = read_record(folder)
        size = sum((folder / name).stat().st_size for name in record.files)
    except WeightsError as problem:
        return {**facts, "problem": str(problem)}
    except OSError as problem:
        return {**facts, "problem": f"a shipped file is missing: {problem}"}
    return {**facts, "form": record.form, "bytes": size, "results": dict(record.results)}


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in facts.items() if key not in ("name", "zoo", "results")}
    if "results" not in facts:
        return rest
    return {**rest, **(facts["results"] or {"results": "none recorded"})}
