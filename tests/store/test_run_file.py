import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analog_bench.errors import StoreError
from analog_bench.layer_facts_record import LayerFacts
from analog_bench.propagation_record import BlockNoise, Propagation, Quantiles
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Metric, Result
from analog_bench.store.baseline import CaseEntry, DigitalEntry, Provenance
from analog_bench.store.run import Manifest, Run, storable
from analog_bench.store.run_file import check_writable, read_run, write_run
from tests.store.examples import METRICS, example_run
from tests.store.strategies import RUNS


@given(run=RUNS, order=st.randoms(use_true_random=False))
def test_runs_round_trip(tmp_path_factory, run, order):
    path = tmp_path_factory.mktemp("runs") / "run.json"
    write_run(path, run)
    back = read_run(path)
    assert (back.manifest, back.incomplete) == (run.manifest, run.incomplete)
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
    assert result.keys() == set(Result.__struct_fields__)
    assert result["chips"][0].keys() == set(Measurement.__struct_fields__)
    assert result["facts"].keys() == set(LayerFacts.__struct_fields__)
    assert metric.keys() | {"name"} == set(Metric.__struct_fields__)
    assert document["manifest"].keys() == set(Manifest.__struct_fields__)


def test_every_field_is_described():
    described = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
    records = (Run, Manifest, Result, LayerFacts, Measurement, Provenance, CaseEntry, DigitalEntry)
    records += (Propagation, BlockNoise, Quantiles)
    for field in {field for record in records for field in record.__struct_fields__}:
        assert f"`{field}`" in described


@pytest.mark.parametrize(
    "where", ["scores", "per_example", "fingerprint", "propagation", "digital"]
)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nothing_but_finite_numbers_is_stored(tmp_path, where, bad):
    run = example_run(1)
    (result,) = run.results
    chip = result.chips[1]
    broken = {
        "scores": replace(chip, scores={"f1": bad, "em": 1.0}),
        "per_example": replace(chip, per_example={"f1": (1.0, bad)}),
        "fingerprint": replace(chip, fingerprint=(bad,)),
        "propagation": replace(chip, propagation=Propagation(Quantiles(0.0, bad, 1.0), ())),
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
    assert back == storable(result)
    text = (tmp_path / "run.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text


@pytest.mark.parametrize("bad", [1.01e100, -1e200, 1e308])
def test_scores_that_no_metric_has_are_neither_stored_nor_read(tmp_path, bad):
    run = example_run(1)
    (result,) = run.results
    chip = result.chips[0]
    odd = replace(chip, scores=dict.fromkeys(chip.scores, bad))
    stored = storable(replace(result, chips=(odd,)))
    assert (stored.status, stored.chips) == ("broken", ())
    assert "chip 0 scored" in stored.reason
    path = tmp_path / "run.json"
    write_run(path, run)
    document = json.loads(path.read_bytes())
    for node in (document["results"][0], document["results"][0]["chips"][0]):
        name = "digital" if "digital" in node else "scores"
        kept, node[name] = node[name], dict.fromkeys(node[name], bad)
        path.write_text(json.dumps(document))
        with pytest.raises(StoreError, match=name):
            read_run(path)
        node[name] = kept


def test_scores_of_guessing_that_are_not_finite_are_left_out():
    (result,) = example_run(1).results
    mixed = replace(result, chance={"f1": float("nan"), "em": 0.0})
    assert storable(mixed) == replace(result, chance={"em": 0.0})


def test_confirmation_chips_without_initial_ones_are_no_measurement(tmp_path):
    run = example_run(1)
    (result,) = run.results
    second = replace(result.chips[0], chip=FIRST_CONFIRMATION_CHIP)
    confirmed = replace(result, chips=(*result.chips, second))
    assert storable(confirmed) == confirmed
    broken = storable(replace(result, chips=(second,)))
    assert (broken.status, broken.reason, broken.chips) == ("broken", "no chip was measured", ())
    path = tmp_path / "run.json"
    write_run(path, replace(run, results=(confirmed,)))
    assert read_run(path).results == (confirmed,)
    document = json.loads(path.read_bytes())
    del document["results"][0]["chips"][:2]
    path.write_text(json.dumps(document))
    with pytest.raises(
        StoreError, match="no chip below 1000: confirmation chips without initial ones"
    ):
        read_run(path)


def test_facts_that_are_not_finite_are_left_out():
    (result,) = example_run(1).results
    facts = replace(result.facts, weight_std=float("nan"))
    assert storable(replace(result, facts=facts)) == replace(result, facts=None)


@pytest.mark.parametrize("version", [0, 5, 7, 10**30, "6", None, 6.0, True])
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
        "from analog_bench.atomic_file import write_atomic\n"
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
