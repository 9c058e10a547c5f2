import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from analog_bench.defining_files import SourceFile
from analog_bench.errors import BaselineError
from analog_bench.file_lock import ExclusiveLock
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Measurement, Result
from analog_bench.store.baseline import Change, DigitalEntry, Provenance
from analog_bench.store.baseline_file import (
    case_path,
    digital_path,
    read_cases,
    read_digital,
    update_cases,
    update_digital,
    write_cases,
)
from analog_bench.store.run import Manifest

THEN = Provenance("2026-01-02T03:04:05+00:00", "c" * 40, "3.11.1", "2.11.0", "1.1.0")
LATER = replace(THEN, created="2026-02-02T03:04:05+00:00", commit=None, aihwkit=None)


def result(case_id="bert/c0", f1=(61.5, 62.5), protocol="p1", study="layer_noise", **changed):
    chips = tuple(
        Measurement(chip, {"f1": score, "em": 50.0}, {"f1": (0.5,)}, (0.0123456789, 2.0), 1.0)
        for chip, score in enumerate(f1)
    )
    made = Result(
        case_id, study, "bert", "c0", "white_output:std=1", 0.0, "none", "ideal", "direct", 1,
        protocol, "w1", 7, "measured", "", {"f1": 70.1234567, "em": 60.0}, {"f1": 3.5}, chips,
    )  # fmt: skip
    return replace(made, **changed)


def digital(protocol="p1", f1=70.0, provenance=THEN):
    return DigitalEntry(protocol, "w1", 200, {"f1": f1, "em": 60.0}, provenance)


def test_without_a_file_the_baseline_is_empty(tmp_path):
    assert read_cases(tmp_path, "direct", "bert", "layer_noise").entries == {}
    assert read_digital(tmp_path, "bert").entries == {}
    assert list(tmp_path.iterdir()) == []


def test_results_are_stored_and_read_back_rounded(tmp_path):
    update_cases(tmp_path, [result(f1=(61.123456789, -1e-9))], THEN)
    entry = read_cases(tmp_path, "direct", "bert", "layer_noise").find("bert/c0", "p1")
    assert [chip.scores["f1"] for chip in entry.chips] == [61.123457, 0.0]
    assert entry.chips[0].fingerprint == (0.0123456789, 2.0)
    assert entry.digital == {"em": 60.0, "f1": 70.123457}
    assert (entry.case_version, entry.weights, entry.seed) == (1, "w1", 7)
    assert entry.provenance == THEN
    assert "-0.0" not in (tmp_path / "direct/bert/layer_noise.json").read_text()


def test_the_file_reads_well(tmp_path):
    update_cases(tmp_path, [result("bert/b"), result("bert/a")], THEN)
    lines = (tmp_path / "direct" / "bert" / "layer_noise.json").read_text().splitlines()
    assert lines[1:5] == [
        ' "schema_version": 1,', ' "variant": "direct",', ' "model": "bert",',
        ' "study": "layer_noise",',
    ]  # fmt: skip
    assert [line for line in lines if '"bert/' in line] == ['  "bert/a": {', '  "bert/b": {']
    chip = '{"chip": 0, "scores": {"em": 50.0, "f1": 61.5}, "fingerprint": [0.0123456789, 2.0]}'
    assert any(line.strip(" ,") == chip for line in lines)
    assert max(map(len, lines)) <= 150


def test_an_update_merges_and_says_what_changed(tmp_path):
    added = update_cases(tmp_path, [result("bert/a"), result("bert/b")], THEN)
    assert [(c.what, c.metric, c.before, c.after) for c in added] == [
        ("bert/a", "em", None, 50.0), ("bert/a", "f1", None, 62.0),
        ("bert/b", "em", None, 50.0), ("bert/b", "f1", None, 62.0),
    ]  # fmt: skip
    assert str(added[1]) == "layer_noise bert/a f1: 62 (new)"
    changed = update_cases(tmp_path, [result("bert/b", f1=(60.5, 61.0))], LATER)
    assert [str(c) for c in changed] == [
        "layer_noise bert/b em: 50 -> 50 (+0)",
        "layer_noise bert/b f1: 62 -> 60.75 (-1.25)",
    ]
    stored = read_cases(tmp_path, "direct", "bert", "layer_noise")
    assert stored.find("bert/a", "p1").provenance == THEN
    assert stored.find("bert/b", "p1").provenance == LATER


def test_the_files_of_a_noise_are_stored_with_it_alone(tmp_path):
    own = (SourceFile("noise", "bench/mine.py", "a" * 64),)
    update_cases(tmp_path, [result("bert/c0"), result("bert/c1", sources=own)], THEN)
    stored = read_cases(tmp_path, "direct", "bert", "layer_noise")
    assert [stored.find(f"bert/c{n}", "p1").sources for n in (0, 1)] == [(), own]
    assert (tmp_path / "direct" / "bert" / "layer_noise.json").read_text().count("sources") == 1
    # An edit that changes no number is stored all the same: the next run compares with it.
    edited = (replace(own[0], sha256="b" * 64),)
    changes = update_cases(tmp_path, [result("bert/c1", sources=edited)], THEN)
    assert not any(change.moves for change in changes)
    stored = read_cases(tmp_path, "direct", "bert", "layer_noise")
    assert stored.find("bert/c1", "p1").sources == edited


def test_measuring_the_same_again_leaves_the_file_alone(tmp_path):
    update_cases(tmp_path, [result()], THEN)
    path = tmp_path / "direct" / "bert" / "layer_noise.json"
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert update_cases(tmp_path, [result()], LATER) == []
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def result_on(first, second=(), **changed):
    """Return a result of chips 0, 1, ... and of fresh chips 1000, 1001, ..."""
    given_result = result(f1=(*first, *second), **changed)
    indices = (
        *range(len(first)),
        *range(FIRST_CONFIRMATION_CHIP, FIRST_CONFIRMATION_CHIP + len(second)),
    )
    chips = (replace(chip, chip=n) for n, chip in zip(indices, given_result.chips, strict=True))
    return replace(given_result, chips=tuple(chips))


def test_both_sets_of_chips_are_stored_and_the_initial_ones_count(tmp_path):
    (_, change) = update_cases(tmp_path, [result_on((60.0, 62.0), (10.0, 20.0))], THEN)
    assert (change.metric, change.after) == ("f1", 61.0)
    entry = read_cases(tmp_path, "direct", "bert", "layer_noise").find("bert/c0", "p1")
    assert [chip.chip for chip in entry.chips] == [0, 1, 1000, 1001]
    assert [chip.chip for chip in entry.initial_chips] == [0, 1]
    assert [chip.chip for chip in entry.confirmation_chips] == [1000, 1001]


def test_confirmation_chips_stay_until_the_initial_ones_change(tmp_path):
    update_cases(tmp_path, [result_on((60.0, 62.0), (10.0,))], THEN)
    before = (tmp_path / "direct/bert/layer_noise.json").read_bytes()
    assert update_cases(tmp_path, [result_on((60.0, 62.0))], LATER) == []
    assert (tmp_path / "direct/bert/layer_noise.json").read_bytes() == before
    assert update_cases(tmp_path, [result_on((60.0, 62.0), (11.0,))], LATER) != []
    assert update_cases(tmp_path, [result_on((60.0, 61.0))], LATER) != []
    entry = read_cases(tmp_path, "direct", "bert", "layer_noise").find("bert/c0", "p1")
    assert [chip.scores["f1"] for chip in entry.chips] == [60.0, 61.0]


def test_confirmation_chips_alone_are_no_measurement(tmp_path):
    assert update_cases(tmp_path, [result_on((), (10.0,))], THEN) == []
    update_cases(tmp_path, [result_on((60.0,), (10.0,))], THEN)
    path = tmp_path / "direct" / "bert" / "layer_noise.json"
    path.write_text(path.read_text().replace('"chip": 0,', '"chip": 1001,'))
    with pytest.raises(BaselineError, match="no chip below 1000"):
        read_cases(tmp_path, "direct", "bert", "layer_noise")


@pytest.mark.parametrize("case_id", ["", "a\nb", "a\0b", "\x1b[31m", "\u202e"])
def test_what_could_not_be_read_again_is_not_stored(tmp_path, case_id):
    update_cases(tmp_path, [result()], THEN)
    before = (tmp_path / "direct/bert/layer_noise.json").read_bytes()
    unusable = [result(f1=(1.0,)), result(case_id)]
    with pytest.raises(BaselineError, match="cannot be a name") as refusal:
        update_cases(tmp_path, unusable, LATER)
    assert str(refusal.value).isprintable()
    assert (tmp_path / "direct/bert/layer_noise.json").read_bytes() == before
    with pytest.raises(BaselineError, match=r"cannot write .*bert\.json"):
        update_digital(tmp_path, "bert", digital(f1=float("nan")))
    assert not (tmp_path / "digital").exists()


def test_a_metric_that_is_gone_is_reported():
    assert (
        str(Change("bert/a", "drift", "p", "em", 50.0, None))
        == "drift bert/a em: no longer stored (was 50)"
    )


def test_skipped_and_broken_results_are_not_stored(tmp_path):
    nan = Measurement(0, {"f1": float("nan")}, {}, (), 1.0)
    unusable = [
        result("bert/a", status="skipped", reason="no tile", chips=()),
        result("bert/b", status="broken", reason="chip 0", chips=()),
        result("bert/c", chips=(nan,)),
    ]
    assert update_cases(tmp_path, unusable, THEN) == []
    assert list(tmp_path.iterdir()) == []


def test_every_variant_and_study_has_its_file(tmp_path):
    given_results = [result(), result(variant="hwa"), result(study="drift"), result(model="gpt2")]
    update_cases(tmp_path, given_results, THEN)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.json")) == [
        "direct/bert/drift.json", "direct/bert/layer_noise.json", "direct/gpt2/layer_noise.json",
        "hwa/bert/layer_noise.json",
    ]  # fmt: skip


def test_protocols_stand_side_by_side(tmp_path):
    update_cases(tmp_path, [result(protocol="p1"), result(protocol="p2", f1=(10.0,))], THEN)
    update_cases(tmp_path, [result(protocol="p3")], LATER)
    stored = read_cases(tmp_path, "direct", "bert", "layer_noise")
    assert [stored.find("bert/c0", p).protocol for p in ("p1", "p2", "p3")] == ["p1", "p2", "p3"]
    assert stored.find("bert/c0", "p9").protocol == "p3"  # the newest of the others
    assert stored.find("bert/other", "p1") is None


def test_digital_scores_of_several_protocols(tmp_path):
    update_digital(tmp_path, "bert", digital("p1"))
    update_digital(tmp_path, "bert", digital("p2", 30.0))
    assert update_digital(tmp_path, "bert", digital("p1", provenance=LATER)) == []
    changes = update_digital(tmp_path, "bert", digital("p1", 69.5, LATER))
    assert [str(change) for change in changes] == [
        "bert em: 60 -> 60 (+0)",
        "bert f1: 70 -> 69.5 (-0.5)",
    ]
    stored = read_digital(tmp_path, "bert")
    assert stored.entries["p1"] == digital("p1", 69.5, LATER)
    assert stored.entries["p2"] == digital("p2", 30.0)
    assert [p.name for p in (tmp_path / "digital").iterdir()] == ["bert.json"]


UPDATER = """
import sys
from pathlib import Path
from tests.store.test_baseline_file import THEN, digital, result, update_cases, update_digital
root, n = Path(sys.argv[1]), int(sys.argv[2])
sys.stdin.read()
update_cases(root, [result(f"bert/c{n}")], THEN)
update_digital(root, "bert", digital(f"p{n}"))
"""


def test_updates_at_the_same_time_lose_nothing(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPDATER, str(tmp_path), str(n)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for n in range(8)
    ]
    for process in processes:  # all have started by the time that the last is let go
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * 8
    stored = read_cases(tmp_path, "direct", "bert", "layer_noise").entries
    assert {case for case, _ in stored} == {f"bert/c{n}" for n in range(8)}
    assert read_digital(tmp_path, "bert").entries.keys() == {f"p{n}" for n in range(8)}
    assert not (tmp_path / ".lock").exists()


def test_an_update_that_waits_too_long_says_for_what(tmp_path, monkeypatch):
    monkeypatch.setattr("analog_bench.store.baseline_file._LOCK_TIMEOUT_S", 0.05)
    with (
        ExclusiveLock(tmp_path / ".lock", 0.0),
        pytest.raises(BaselineError, match="another process has been updating"),
    ):
        update_cases(tmp_path, [result()], THEN)


def test_provenance_comes_from_the_manifest():
    versions = {"python": "3.11.1", "torch": "2.11.0", "aihwkit": None, "cpu": "x"}
    manifest = Manifest(THEN.created, 7, "pytest", versions, "c" * 40, {})
    assert Provenance.of(manifest) == replace(THEN, aihwkit=None)


def test_a_corrupt_file_spoils_no_other(tmp_path):
    update_cases(tmp_path, [result(), result(study="zzz")], THEN)
    (tmp_path / "direct" / "bert" / "zzz.json").write_text("{")
    before = (tmp_path / "direct" / "bert" / "layer_noise.json").read_bytes()
    with pytest.raises(BaselineError, match=r"zzz\.json.*not JSON.*--update-baselines"):
        update_cases(tmp_path, [result(f1=(1.0,)), result(study="zzz")], LATER)
    assert (tmp_path / "direct" / "bert" / "layer_noise.json").read_bytes() == before


def test_an_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    baseline = read_cases(tmp_path, "direct", "bert", "layer_noise")
    with pytest.raises(BaselineError, match="cannot write the baseline") as refusal:
        write_cases(tmp_path / "file", baseline)
    assert "\n" not in str(refusal.value)
    with pytest.raises(BaselineError, match="cannot be read"):
        read_cases(tmp_path / "file", "direct", "bert", "layer_noise")


TRICKS = [
    "",
    ".",
    "..",
    "../x",
    "/etc/x",
    "a/b",
    "a\\b",
    "a\0b",
    "a\nb",
    ".x",
    "-x",
    "x" * 300,
    "C:x",
]


@settings(max_examples=200)
@given(name=st.text(max_size=30) | st.sampled_from(TRICKS))
@example(name="bert-mini_v1.5+lora")
def test_names_never_leave_the_folder(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp() / "root"
    for path_of in (
        lambda: case_path(root, "direct", name, "study"),
        lambda: case_path(root, "hwa", "model", name),
        lambda: digital_path(root, name),
    ):
        path, complaint = None, ""
        try:
            path = path_of()
        except BaselineError as refusal:
            complaint = str(refusal)
        if path is None:
            assert complaint.isprintable()
        else:
            assert name.isascii()
            assert name not in TRICKS
            assert root in path.resolve().parents
            assert path.name.endswith(".json")


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "Aux.v2", "lpt9.tar.gz"])
def test_devices_of_windows_name_no_file(name):
    with pytest.raises(BaselineError, match="Windows"):
        case_path(Path("baselines"), "direct", name, "study")
    assert digital_path(Path("baselines"), f"x{name}") == Path(f"baselines/digital/x{name}.json")


@pytest.mark.parametrize("variant", ["digital", "..", "", "Direct"])
def test_variants_are_three(variant):
    with pytest.raises(BaselineError, match="of variant direct, calibrated, hwa"):
        case_path(Path("baselines"), variant, "bert", "s")


def test_a_file_in_the_wrong_place_is_refused(tmp_path):
    update_cases(tmp_path, [result()], THEN)
    (tmp_path / "direct/bert/layer_noise.json").rename(tmp_path / "direct/bert/drift.json")
    with pytest.raises(BaselineError, match="study: 'drift' is expected, as the file's path says"):
        read_cases(tmp_path, "direct", "bert", "drift")
