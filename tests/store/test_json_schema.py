import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from analog_bench.codec import DocumentError, parse
from analog_bench.errors import BaselineError
from analog_bench.store.baseline import DigitalEntry, Provenance
from analog_bench.store.baseline_file import (
    read_cases,
    read_digital,
    update_cases,
    update_digital,
    write_cases,
    write_digital,
)
from analog_bench.store.journal_file import entry_content, entry_from
from analog_bench.store.json_schema import json_schema
from analog_bench.store.run import Record
from analog_bench.store.run_file import run_from_json, write_run
from tests.fuzz.mutator import NASTY, altered, renamed
from tests.store.examples import example_run, places
from tests.store.strategies import RUNS

ROOT = Path(__file__).parents[2]
VALIDATORS = {
    kind: Draft202012Validator(json_schema(kind)) for kind in ("run", "baseline", "journal")
}
PROVENANCE = Provenance("2026-01-02T03:04:05+00:00", "c" * 40, "3.11.1", "2.11.0", None)
# What only the reader refuses: its words, and a change of a run file that they are said of.
# docs/schema.md lists the same.
READER_ALONE = {
    r"stands twice": lambda run: run["results"].append(run["results"][0]),
    r"not the same metrics as the first chip's": lambda run: chip(run)["scores"].pop("em"),
    r"its metric .* is not under 'metrics'": lambda run: run["metrics"].pop("em"),
    r"chips do not go with the status": lambda run: run["results"][0].update(chips=[]),
    r"no chip below 1000": lambda run: [c.update(chip=c["chip"] + 1000) for c in chips(run)],
    r"far too many digits": lambda run: chip(run).update(seconds=10**400),
    r"expected `int( \| null)?`, got `float`": lambda run: chip(run).update(chip=1.0),
    r"this release reads .* found '\d\.0'": lambda run: run.update(schema_version=6.0),
    r"half a surrogate pair": lambda run: run["manifest"].update(created="\ud800"),
    r"cannot be a name": lambda run: run["manifest"]["options"].update({"\u202e": 1}),
    r"nested more than 6 levels": lambda run: run["manifest"]["options"].update(
        deep=[[[[[[["seven"]]]]]]]
    ),
    r"manifest: a whole number is beyond": lambda run: run["manifest"]["options"].update(n=2**63),
    r"a study and model stand twice": lambda run: run["scopes"].append(run["scopes"][0]),
    r"no scope is of its study and model": lambda run: run["scopes"].pop(),
    # Of baselines alone, which have a place and at least one chip, and of journals.
    r"is expected, as the file's path says": None,
    r"at least one chip is expected": None,
    r"it is of another study or model than the result": None,
}


def chips(run):
    return run["results"][0]["chips"]


def chip(run):
    return chips(run)[1]


def complaints(kind, document):
    return [error.message for error in VALIDATORS[kind].iter_errors(document)]


@pytest.mark.parametrize("kind", VALIDATORS)
def test_the_schemas_are_schemas(kind):
    Draft202012Validator.check_schema(json_schema(kind))
    assert complaints(kind, {}) != []
    assert complaints(kind, []) != []


def test_the_versions_are_in_the_names():
    assert json_schema("run")["$id"] == "urn:analog-bench:run:6"
    assert json_schema("baseline")["$id"] == "urn:analog-bench:baseline:1"


@given(run=RUNS)
def test_real_run_files_and_journals_follow_the_schema(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("runs") / "run.json"
    write_run(path, run)
    assert complaints("run", json.loads(path.read_bytes())) == []
    scopes = {scope.study_and_model: scope for scope in run.scopes}
    for result in run.results:
        content = entry_content(Record(result, scopes[result.study_and_model]))
        assert complaints("journal", json.loads(content)) == []


@pytest.mark.parametrize("path", sorted((ROOT / "baselines").rglob("*.json")), ids=str)
def test_the_repositorys_baselines_follow_the_schema_and_go_round_to_the_byte(path, tmp_path):
    assert complaints("baseline", json.loads(path.read_bytes())) == []
    where = path.relative_to(ROOT / "baselines").with_suffix("").parts
    if where[0] == "digital":
        stored = read_digital(ROOT / "baselines", where[1])
        again = write_digital(tmp_path, stored)
    else:
        stored = read_cases(ROOT / "baselines", *where)
        again = write_cases(tmp_path, stored)
    assert stored.entries
    assert again.read_bytes() == path.read_bytes()


@pytest.fixture
def corpus(tmp_path):
    """Documents of every kind, each with a reader that raises an error of ours or returns."""
    run = example_run(2)
    write_run(tmp_path / "run.json", run)
    update_cases(tmp_path, run.results[:1], PROVENANCE)
    entry = DigitalEntry("p1", "w1", 200, {"f1": 70.0, "em": 60.0}, PROVENANCE)
    update_digital(tmp_path, "bert", entry)
    journalled = json.loads(entry_content(Record(run.results[0], run.scopes[0])))

    def stored(path, read):
        def write_and_read(document):
            path.write_text(json.dumps(document))
            return read()

        return json.loads(path.read_bytes()), write_and_read

    cases, digital = tmp_path / "direct/bert/layer_noise.json", tmp_path / "digital/bert.json"
    return {
        "run": (
            "run",
            json.loads((tmp_path / "run.json").read_bytes()),
            lambda document: run_from_json(parse(as_bytes(document))),
        ),
        "entry": ("journal", journalled, lambda document: entry_from(as_bytes(document))),
        "cases": (
            "baseline",
            *stored(cases, lambda: read_cases(tmp_path, "direct", "bert", "layer_noise")),
        ),
        "digital": ("baseline", *stored(digital, lambda: read_digital(tmp_path, "bert"))),
    }


def as_bytes(document):
    return json.dumps(document).encode()


def agreement(kind, read, changed):
    """Return whether schema and reader refuse a document, having made sure that they agree."""
    # Only what a file can hold.
    if re.search("NaN|Infinity", json.dumps(changed)):
        return (False, False)
    by_schema, by_reader = complaints(kind, changed), ""
    try:
        read(changed)
    except (DocumentError, BaselineError) as problem:
        by_reader = str(problem)
    # Around a baseline's complaint stand its name and what to do.
    by_reader = by_reader.rpartition(".json': ")[2].partition("; restore the file")[0]
    assert by_reader or not by_schema, f"the schema alone refuses: {by_schema[0][:300]}"
    known = any(re.search(words, by_reader) for words in READER_ALONE)
    assert known or by_schema or not by_reader, f"the reader alone refuses: {by_reader}"
    return bool(by_schema), bool(by_reader)


KINDS = ["run", "entry", "cases", "digital"]


@pytest.mark.parametrize("name", KINDS)
def test_schema_and_reader_agree_on_mutations(corpus, name):
    kind, document, read = corpus[name]
    assert agreement(kind, read, document) == (False, False)
    judged = []
    for seed in range(200):
        rng = random.Random(f"{name} {seed}")
        changed = (renamed if seed % 10 == 0 else altered)(document, rng)
        judged.append(agreement(kind, read, changed))
    by_schema, by_reader = (sum(column) for column in zip(*judged, strict=True))
    assert by_reader > 100
    assert by_schema > 0.7 * by_reader


def shorten(document):
    """Leave the first of each list, which stands for all."""
    if isinstance(document, list):
        del document[1:]
    for part in document if isinstance(document, list) else document.values():
        if isinstance(part, dict | list):
            shorten(part)


@pytest.mark.parametrize("name", ["run", "cases", "digital"])
def test_schema_and_reader_agree_on_any_value_anywhere(corpus, name):
    kind, document, read = corpus[name]
    shorten(document)
    assert agreement(kind, read, document) == (False, False)
    for at in [place for place in places(document) if place]:
        parent = document
        for key in at[:-1]:
            parent = parent[key]
        kept = parent[at[-1]]
        for value in NASTY:
            parent[at[-1]] = value
            agreement(kind, read, document)
        parent[at[-1]] = kept
        if isinstance(parent, dict):
            without = {key: value for key, value in parent.items() if key != at[-1]}
            held = dict(parent)
            for change in (without, {**held, "unheard_of": 1}):
                parent.clear()
                parent.update(change)
                agreement(kind, read, document)
            parent.clear()
            parent.update(held)


@pytest.mark.parametrize("words", [words for words, change in READER_ALONE.items() if change])
def test_some_things_only_the_reader_can_see(corpus, words):
    _, document, read = corpus["run"]
    READER_ALONE[words](document)
    assert complaints("run", document) == []
    with pytest.raises(DocumentError, match=words):
        read(document)


def test_a_baseline_elsewhere_is_seen_by_the_reader_alone(corpus):
    _, document, read = corpus["cases"]
    document["study"] = "drift"
    assert complaints("baseline", document) == []
    with pytest.raises(BaselineError, match="as the file's path says"):
        read(document)


def tables():
    """Return the tables of docs/schema.md: the names in the first column of each."""
    found = []
    for line in (ROOT / "docs" / "schema.md").read_text(encoding="utf-8").splitlines():
        if line == "| key | type | meaning |":
            found.append([])
        elif line.startswith("| `"):
            found[-1] += re.findall(r"`([^`]+)`", line.split("|")[1])
    return found


DESCRIBED = [
    *("RunDocument", "ModelShape", "LayerShape", "Incomplete", "Unmeasured", "Manifest"),
    *("Sources", "Repository", "SourceFile", "Metric", "Scope", "Margin", "Result"),
    *("PlannedCase", "PrecisionTarget", "LayerFacts", "Histogram", "Measurement", "Propagation"),
    *("BlockNoise", "Quantiles", "Record", "CaseDocument", "CaseEntry", "StoredChip"),
    *("DigitalDocument", "DigitalEntry", "Provenance"),
]


def test_the_description_lists_exactly_the_fields_of_the_schemas():
    defs = {name: part for kind in VALIDATORS for name, part in json_schema(kind)["$defs"].items()}
    documented = tables()
    assert len(documented) == len(DESCRIBED)
    assert set(DESCRIBED) == set(defs)
    for names, record in zip(documented, DESCRIBED, strict=True):
        assert sorted(names) == sorted(defs[record]["properties"])
        assert defs[record]["additionalProperties"] is False


@pytest.mark.parametrize("kind", ["run", "baseline", "journal"])
def test_every_field_is_described(kind):
    schema = json_schema(kind)
    for name, part in schema["$defs"].items():
        for field, found in part.get("properties", {}).items():
            assert found["description"].endswith("."), f"{name}.{field}"
