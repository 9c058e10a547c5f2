import json
import os
import random
import stat
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analog_bench.errors import StoreError
from analog_bench.result import LayerFacts, Measurement, Metric, Result
from analog_bench.store.baseline import CaseEntry, DigitalEntry, Provenance
from analog_bench.store.run import Manifest, Run, settled
from analog_bench.store.run_file import check_writable, read_run, write_run

NAMES = st.text("abcdefgh.:=/_é", min_size=1, max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = ["case_id", "study", "model", "group", "noise", "tile", "hardware", "variant"]
TEXTS += ["protocol", "weights"]
METRICS = {
    "f1": Metric("f1", "points", True, 1.0),
    "em": Metric("em", "points", True, 1.5, version=2),
}
FACTS = st.builds(
    LayerFacts, st.integers(0, 99), NAMES, st.integers(0, 10**9), FLOATS, FLOATS, FLOATS, FLOATS
)


@st.composite
def measurements(draw):
    metrics = draw(st.lists(st.sampled_from(sorted(METRICS)), min_size=1, unique=True))
    examples = st.lists(FLOATS, max_size=3).map(tuple)
    return tuple(
        Measurement(
            chip=chip,
            scores={name: draw(FLOATS) for name in metrics},
            per_example={name: draw(examples) for name in metrics},
            fingerprint=draw(examples),
            seconds=draw(st.floats(0, 1e6)),
        )
        for chip in sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=3)))
    )


@st.composite
def results(draw):
    status = draw(st.sampled_from(["measured", "skipped", "broken"]))
    return Result(
        **{name: draw(NAMES) for name in TEXTS},
        drift_s=draw(st.floats(0, 1e9)),
        case_version=draw(st.integers(0, 99)),
        seed=draw(st.integers(-(2**63) + 1, 2**63 - 1)),
        status=status,
        reason="" if status == "measured" else draw(NAMES),
        digital=draw(st.dictionaries(st.sampled_from(sorted(METRICS)), FLOATS)),
        chips=draw(measurements()) if status == "measured" else (),
        facts=draw(st.none() | FACTS),
    )


RUNS = st.builds(
    Run,
    st.builds(
        Manifest,
        created=st.just("2026-01-02T03:04:05+00:00"),
        seed=st.integers(0, 2**63 - 1),
        command=st.text(st.characters(codec="utf-8")),
        environment=st.dictionaries(NAMES, st.none() | NAMES | FLOATS | st.lists(NAMES)),
        commit=st.none() | NAMES,
        options=st.dictionaries(NAMES, st.booleans() | st.integers(0, 9)),
    ),
    st.just(METRICS),
    st.lists(results(), max_size=3, unique_by=lambda r: (r.case_id, r.study, r.protocol)).map(
        tuple
    ),
)


def example_run(n=3):
    chip = Measurement(0, {"f1": 61.5, "em": 50.0}, {"f1": (1.0, 0.25)}, (0.125, 3.0), 1.5)
    result = Result(
        "bert/c0/white_output:std=1", "layer_noise", "bert", "c0", "white_output:std=1", 0.0,
        "none", "ideal", "direct", 1, "p" * 64, "w" * 64, 7, "measured", "",
        {"f1": 70.0, "em": 60.0}, (chip, replace(chip, chip=1)),
        LayerFacts(0, "matmul", 100, 0.02, 0.1, 0.5, 0.6),
    )  # fmt: skip
    manifest = Manifest("2026-01-02T03:04:05+00:00", 7, "pytest", {"torch": "2"}, None, {"k": "v"})
    return Run(manifest, METRICS, tuple(replace(result, case_id=f"bert/c{i}") for i in range(n)))


@settings(max_examples=60, deadline=None)
@given(run=RUNS, order=st.randoms(use_true_random=False))
def test_runs_round_trip(tmp_path_factory, run, order):
    path = tmp_path_factory.mktemp("runs") / "run.json"
    write_run(path, run)
    back = read_run(path)
    assert back.manifest == run.manifest
    assert dict(back.metrics) == METRICS
    key = lambda r: (r.case_id, r.study, r.protocol)  # noqa: E731
    assert list(back.results) == sorted(run.results, key=key)
    shuffled = list(run.results)
    order.shuffle(shuffled)
    before = path.read_bytes()
    write_run(path, replace(run, results=tuple(shuffled)))
    assert path.read_bytes() == before


def test_every_field_of_the_records_is_in_the_file(tmp_path):
    write_run(tmp_path / "run.json", example_run())
    document = json.loads((tmp_path / "run.json").read_bytes())
    (result, *_), metric = document["results"], document["metrics"]["f1"]
    assert result.keys() == {f.name for f in fields(Result)}
    assert result["chips"][0].keys() == {f.name for f in fields(Measurement)}
    assert result["facts"].keys() == {f.name for f in fields(LayerFacts)}
    assert metric.keys() | {"name"} == {f.name for f in fields(Metric)}
    assert document["manifest"].keys() == {f.name for f in fields(Manifest)}


def test_every_field_is_described():
    described = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
    records = (Run, Manifest, Result, LayerFacts, Measurement, Provenance, CaseEntry, DigitalEntry)
    for field in {f.name for record in records for f in fields(record)}:
        assert f"`{field}`" in described


@pytest.mark.parametrize("where", ["scores", "per_example", "fingerprint", "digital"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nothing_but_finite_numbers_is_stored(tmp_path, where, bad):
    run = example_run(1)
    (result,) = run.results
    chip = result.chips[1]
    broken = {
        "scores": replace(chip, scores={"f1": bad, "em": 1.0}),
        "per_example": replace(chip, per_example={"f1": (1.0, bad)}),
        "fingerprint": replace(chip, fingerprint=(bad,)),
        "digital": chip,
    }[where]
    digital = {"f1": bad, "em": 60.0} if where == "digital" else result.digital
    result = replace(result, digital=digital, chips=(result.chips[0], broken))
    write_run(tmp_path / "run.json", replace(run, results=(result,)))
    (back,) = read_run(tmp_path / "run.json").results
    assert back.status == "broken"
    assert back.chips == ()
    assert back.reason
    assert ("chip 1" in back.reason) == (where != "digital")
    assert back == settled(result)
    text = (tmp_path / "run.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_facts_that_are_not_finite_are_left_out():
    (result,) = example_run(1).results
    facts = replace(result.facts, weight_std=float("nan"))
    assert settled(replace(result, facts=facts)) == replace(result, facts=None)


def places(node, at=()):
    yield at
    members = node.items() if isinstance(node, dict) else ()
    for key, value in enumerate(node) if isinstance(node, list) else members:
        yield from places(value, (*at, key))


NASTY = [
    None, True, -1, 0, 1.5, 10**400, 2**63, float("nan"), float("inf"), "", "x", "\ud800", "a\nb",
    [], {}, [None], [[[[[[[[[1]]]]]]]]], {"": 1}, {"a": {"b": {}}}, [1, "2"], {"f1": []},
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_mutated_file_is_refused_in_one_line_or_read_rightly(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    write_run(path, example_run(2))
    document = json.loads(path.read_bytes())
    at = data.draw(st.sampled_from([p for p in places(document) if p]), "place")
    parent = document
    for key in at[:-1]:
        parent = parent[key]
    what = data.draw(st.sampled_from(["replace", "delete", "add"]), "what")
    if what == "replace":
        parent[at[-1]] = data.draw(st.sampled_from(NASTY), "value")
    elif what == "delete":
        del parent[at[-1]]
    elif isinstance(parent, dict):
        parent["unheard_of"] = 1
    else:
        parent.append(parent[0])
    path.write_text(json.dumps(document))
    refused_or_rewritable(path)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_line_or_read_rightly(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    write_run(path, example_run(1))
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    stop = data.draw(st.integers(start, len(content)))
    content[start:stop] = data.draw(st.binary(max_size=8))
    path.write_bytes(content)
    refused_or_rewritable(path)


def refused_or_rewritable(path):
    run, complaint = None, None
    try:
        run = read_run(path)
    except StoreError as refusal:
        complaint = str(refusal)
    if run is None:
        assert "\n" not in complaint
        assert str(path) in complaint
        return
    write_run(path, run)
    again = read_run(path)
    assert again.manifest == run.manifest
    assert again.metrics == run.metrics
    assert sorted(again.results, key=repr) == sorted(run.results, key=repr)


@pytest.mark.parametrize("version", [0, 2, 10**30, "1", None, 1.0, True])
def test_another_schema_version_is_refused(tmp_path, version):
    path = tmp_path / "run.json"
    write_run(path, example_run())
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "schema_version": version}))
    with pytest.raises(StoreError, match="schema_version"):
        read_run(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(StoreError, match="no run file at"):
        read_run(tmp_path / "none.json")


@pytest.mark.parametrize(
    "path", ["/dev/null", "/proc/none/run.json", "{tmp}", "{tmp}/file/run.json", "{tmp}/\0.json",
             "{tmp}/" + "x" * 300]
)  # fmt: skip
def test_an_unwritable_place_is_refused_before_and_at_writing(tmp_path, path):
    (tmp_path / "file").write_text("kept")
    place = Path(path.replace("{tmp}", str(tmp_path)))
    for attempt in (lambda: check_writable(place), lambda: write_run(place, example_run())):
        with pytest.raises(StoreError, match="cannot write results to") as refusal:
            attempt()
        assert "\n" not in str(refusal.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert not Path("/dev/null").is_file()


def test_checking_makes_the_folder_and_leaves_an_old_file_alone(tmp_path):
    path = tmp_path / "deep" / "er" / "run.json"
    check_writable(path)
    assert list(path.parent.iterdir()) == []
    path.write_text("old")
    check_writable(path)
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="limits on file sizes are POSIX")
def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.json"
    write_run(path, example_run(1))
    before = path.read_bytes()
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from analog_bench.store.atomic_file import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_atomic(Path(sys.argv[1]), b'x' * 5000)\n"
        "except OSError:\n    sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == 7
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX")
def test_the_file_has_the_usual_mode_and_links_are_followed(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    old = os.umask(0o027)
    try:
        write_run(tmp_path / "link.json", example_run())
    finally:
        os.umask(old)
    assert (tmp_path / "link.json").is_symlink()
    assert stat.S_IMODE((tmp_path / "real.json").stat().st_mode) == 0o640


def test_a_long_run_is_written_and_read_in_seconds(tmp_path):
    rng = random.Random(0)
    scores = tuple(rng.random() for _ in range(2000))
    (result,) = example_run(1).results
    chips = tuple(replace(result.chips[0], chip=c, per_example={"f1": scores}) for c in range(10))
    run = replace(
        example_run(),
        results=tuple(replace(result, case_id=f"c{i:03}", chips=chips) for i in range(20)),
    )
    write_run(tmp_path / "run.json", run)
    assert read_run(tmp_path / "run.json") == run
