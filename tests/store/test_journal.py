import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analog_bench.errors import StoreError
from analog_bench.store.append_file import AppendFile
from analog_bench.store.journal import Journal
from analog_bench.store.journal_file import (
    Journalled,
    journal_path,
    newest_interrupted,
    read_journal,
)
from analog_bench.store.run import settled
from analog_bench.store.run_file import write_run
from analog_bench.store.run_lock import RunLock, is_held
from tests.store.examples import METRICS, example_run, numbered_result
from tests.store.strategies import MANIFESTS, results

MANIFEST = example_run().manifest
RECORD = {"data": "squad", "examples": 100, "main_metric": "f1", "question": "Which layer, é?"}
RESULTS = example_run(3).results
CREATED = datetime(2026, 1, 2, 3, 4, 5)


def interrupted(run_file, kept=RESULTS):
    """Leave a journal as a run that was killed does, but for the lock's file."""
    with Journal.create(run_file, MANIFEST) as journal:
        for result in kept:
            journal.append(result, METRICS, RECORD)
    return journal_path(run_file)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refusal(attempt):
    with pytest.raises(StoreError) as refused:
        attempt()
    assert "\n" not in str(refused.value)
    return str(refused.value)


@settings(max_examples=30, deadline=None)
@given(
    manifest=MANIFESTS,
    kept=st.lists(results(), max_size=4, unique_by=lambda r: (r.case_id, r.study, r.protocol)),
)
def test_what_is_journalled_is_read_back(tmp_path_factory, manifest, kept):
    run_file = tmp_path_factory.mktemp("runs") / "run.json"
    with Journal.create(run_file, manifest) as journal:
        for n, result in enumerate(kept):
            journal.append(result, METRICS, {**RECORD, "n": n})
            held = read_journal(run_file)
            assert held.manifest == manifest
            assert held.metrics == METRICS
            assert held.results == tuple(kept[: n + 1])
            assert held.entries[n].record == {**RECORD, "n": n}


def test_a_line_holds_exactly_what_the_run_file_will(tmp_path):
    path = interrupted(tmp_path / "run.json")
    write_run(tmp_path / "run.json", example_run(3))
    run = json.loads((tmp_path / "run.json").read_bytes())
    header, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert [line["result"] for line in lines] == run["results"]
    assert all(line["metrics"] == run["metrics"] for line in lines)
    assert header == {"schema_version": run["schema_version"], "manifest": run["manifest"]}


def test_results_are_settled(tmp_path):
    nan = replace(RESULTS[0], digital={"f1": float("nan"), "em": 1.0}, chance={"f1": float("inf")})
    interrupted(tmp_path / "run.json", [nan])
    (back,) = read_journal(tmp_path / "run.json").results
    assert back == settled(nan)
    assert (back.status, back.chance, back.chips) == ("broken", {}, ())


def test_finishing_leaves_the_run_file_alone(tmp_path):
    run_file = tmp_path / "deep" / "run.json"
    with Journal.create(run_file, MANIFEST) as journal:
        assert names(run_file.parent) == ["run.json.journal", "run.json.lock"]
        journal.append(RESULTS[0], METRICS, {})
        write_run(run_file, example_run(1))
        journal.finish()
        journal.finish()
        assert names(run_file.parent) == ["run.json"]
        with pytest.raises(ValueError, match="closed"):
            journal.append(RESULTS[1], METRICS, {})
    assert names(run_file.parent) == ["run.json"]
    with Journal.create(run_file, MANIFEST) as journal:  # the old run file is in nobody's way
        assert journal.path == journal_path(run_file)


def test_an_error_in_mid_run_keeps_what_there_is(tmp_path):
    def run():
        with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
            journal.append(RESULTS[0], METRICS, RECORD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert names(tmp_path) == ["run.json.journal"]
    with Journal.resume(tmp_path / "run.json") as two:
        assert two.held.results == RESULTS[:1]
        assert two.held.manifest == MANIFEST
        two.append(RESULTS[1], METRICS, RECORD)
    assert read_journal(tmp_path / "run.json").results == RESULTS[:2]


def test_a_journal_without_results_does_not_stay(tmp_path):
    with Journal.create(tmp_path / "run.json", MANIFEST):
        pass
    assert names(tmp_path) == []


def test_a_journal_of_a_killed_run_is_not_overwritten(tmp_path):
    path = interrupted(tmp_path / "run.json")
    before = path.read_bytes()
    said = refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    assert "holds 3 cases" in said
    assert "--resume" in said
    assert f"{str(path)!r}" in said
    path.write_bytes(before[: before.rindex(b"\n", 0, -1) + 9])
    assert "holds 2 cases" in refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    path.write_bytes(b"\n".join(before.split(b"\n")[:2]) + b"\n")
    assert "holds 1 case " in refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    assert names(tmp_path) == ["run.json.journal"]
    path.write_bytes(b"not ours")
    assert "line 1" in refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    assert path.read_bytes() == b"not ours"


def test_torn_at_any_byte_it_holds_every_whole_line(tmp_path):
    path = interrupted(tmp_path / "run.json", RESULTS[:2])
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    # Within the first line and the last, and about the end of the one between.
    between = range(header + 2, whole.index(b"\n", header) - 2)
    for cut in sorted({*range(len(whole))} - {*between}):
        path.write_bytes(whole[:cut])
        if cut < header:
            assert "holds nothing" in refusal(lambda: read_journal(tmp_path / "run.json"))
        else:
            kept = whole[:cut].count(b"\n") - 1
            assert read_journal(tmp_path / "run.json").results == RESULTS[:kept]


@pytest.mark.parametrize("cut", [1, 2, 100, 400, 900])
def test_a_resume_cuts_what_is_torn_and_goes_on(tmp_path, cut):
    path = interrupted(tmp_path / "run.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Journal.resume(tmp_path / "run.json") as journal:
        assert path.read_bytes() == whole[: whole[:-cut].rindex(b"\n") + 1]
        for result in RESULTS:
            journal.append(result, METRICS, RECORD)
    assert path.read_bytes() == whole


def test_each_result_is_on_the_disk_before_the_next_case_begins(tmp_path, monkeypatch):
    synced, sync = {}, os.fsync

    def noted(descriptor):
        sync(descriptor)
        synced[os.fstat(descriptor).st_ino] = os.fstat(descriptor).st_size

    monkeypatch.setattr(os, "fsync", noted)
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        for result in RESULTS:
            state = journal.path.stat()
            assert synced[state.st_ino] == state.st_size
            assert tmp_path.stat().st_ino in synced  # the journal's name, too
            journal.append(result, METRICS, RECORD)


@pytest.mark.parametrize("cut", [0, 1, 18, 19, 60])
def test_a_header_that_was_torn_is_replaced_by_a_new_run_and_not_resumed(tmp_path, cut):
    path = interrupted(tmp_path / "run.json")
    path.write_bytes(path.read_bytes()[:cut])
    assert "holds nothing" in refusal(lambda: Journal.resume(tmp_path / "run.json"))
    interrupted(tmp_path / "run.json", RESULTS[:1])
    assert read_journal(tmp_path / "run.json").results == RESULTS[:1]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[: len(line) // 2],
        lambda line: b"",
        lambda line: b"\0" * 50,
        lambda line: line.replace(b'"seed"', b'"sead"', 1),
        lambda line: line[:-1] + b', "extra": 1}',
    ],
)
def test_a_corrupt_line_is_an_error_with_its_number(tmp_path, number, damage):
    path = interrupted(tmp_path / "run.json")
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = damage(lines[number - 1])
    path.write_bytes(b"\n".join(lines))
    for attempt in (read_journal, Journal.resume, lambda file: Journal.create(file, MANIFEST)):
        said = refusal(lambda: attempt(tmp_path / "run.json"))  # noqa: B023
        assert f"line {number}: " in said
        assert str(path) in said
    assert path.read_bytes() == b"\n".join(lines)
    assert names(tmp_path) == ["run.json.journal"]


def test_a_case_comes_once_or_equal(tmp_path):
    other = replace(RESULTS[0], drift_s=1.0)
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        journal.append(RESULTS[0], METRICS, RECORD)
        size = journal.path.stat().st_size
        journal.append(RESULTS[0], METRICS, RECORD)
        assert journal.path.stat().st_size == size
        for again in (other, RESULTS[0]):
            record = RECORD if again is other else {}
            said = refusal(lambda: journal.append(again, METRICS, record))  # noqa: B023
            assert "'bert/c0' came before, with other values" in said
        assert journal.path.stat().st_size == size
        changed = {**METRICS, "f1": replace(METRICS["f1"], margin=9.0)}
        assert "metric 'f1'" in refusal(lambda: journal.append(RESULTS[1], changed, RECORD))
        journal.append(replace(RESULTS[0], protocol="other"), METRICS, RECORD)
    path = journal_path(tmp_path / "run.json")
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first + second + first)
    assert len(read_journal(tmp_path / "run.json").results) == 2
    with Journal.resume(tmp_path / "run.json") as journal:
        assert "came before" in refusal(lambda: journal.append(other, METRICS, RECORD))
    path.write_bytes(header + first + second + first.replace(b'"drift_s": 0.0', b'"drift_s": 1.0'))
    assert "line 4: the case" in refusal(lambda: read_journal(tmp_path / "run.json"))


@pytest.mark.parametrize(
    ("metrics", "record", "complaint"),
    [
        ({"f1": METRICS["f1"]}, {}, "metric 'em' is not under 'metrics'"),
        (METRICS, {"x": float("nan")}, "JSON compliant"),
        (METRICS, {"x": 2**63}, "whole number"),
        (METRICS, {"a\nb": 1}, "cannot be a name"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, metrics, record, complaint):
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        with pytest.raises(ValueError, match=complaint):
            journal.append(RESULTS[0], metrics, record)
        journal.append(RESULTS[0], METRICS, {})
    assert read_journal(tmp_path / "run.json").results == RESULTS[:1]


def test_nothing_to_resume_is_one_line_and_makes_nothing(tmp_path):
    for place in (tmp_path / "run.json", tmp_path / "no" / "such" / "run.json"):
        assert "nothing to resume" in refusal(lambda: Journal.resume(place))  # noqa: B023
        assert "nothing to resume" in refusal(lambda: read_journal(place))  # noqa: B023
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "/dev/zero", "/dev/full", "pipe"])
def test_what_is_no_ordinary_file_is_no_journal(tmp_path, kind):
    path = journal_path(tmp_path / "run.json")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(kind)
    for attempt in (read_journal, Journal.resume, lambda file: Journal.create(file, MANIFEST)):
        assert "ordinary file" in refusal(lambda: attempt(tmp_path / "run.json"))  # noqa: B023
    assert newest_interrupted(tmp_path) is None
    assert names(tmp_path) == ["run.json.journal"]


@pytest.mark.parametrize(
    "place", ["/dev/null", "/proc/none/run.json", "{tmp}", "{tmp}/file/run.json", "{tmp}/\0.json",
              "{tmp}/" + "x" * 250]
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("kept")
    run_file = Path(place.replace("{tmp}", str(tmp_path)))
    assert "cannot" in refusal(lambda: Journal.create(run_file, MANIFEST))
    refusal(lambda: Journal.resume(run_file))
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_one_line(tmp_path):
    lock = RunLock(tmp_path / "run.json")
    full = AppendFile(os.open("/dev/full", os.O_WRONLY), 0)
    journal = Journal(tmp_path / "run.json", lock, full, Journalled(MANIFEST, {}, ()))
    said = refusal(lambda: journal.append(RESULTS[0], METRICS, RECORD))
    assert "No space left on device" in said
    assert str(tmp_path / "run.json") in said
    journal.close()
    assert names(tmp_path) == []


def test_two_names_of_one_file_have_one_journal(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "other.json").symlink_to("real/run.json")
    with Journal.create(tmp_path / "link" / "run.json", MANIFEST) as journal:
        journal.append(RESULTS[0], METRICS, RECORD)
        for other in (tmp_path / "other.json", tmp_path / "real" / "run.json"):
            assert "another run" in refusal(lambda: Journal.create(other, MANIFEST))  # noqa: B023
    with Journal.resume(tmp_path / "other.json") as journal:
        assert journal.held.results == RESULTS[:1]
        assert journal.run_file == tmp_path / "real" / "run.json"


def test_runs_of_one_second_have_names_of_their_own(tmp_path):
    folder = tmp_path / "runs"
    one, two = (Journal.create_in(folder, CREATED, MANIFEST) for _ in range(2))
    assert one.run_file == folder / "bench-20260102-030405.json"
    assert two.run_file == folder / "bench-20260102-030405-2.json"
    two.append(RESULTS[0], METRICS, RECORD)
    two.close()  # interrupted: its name stays taken
    write_run(one.run_file, example_run(1))
    one.finish()  # finished: likewise
    with Journal.create_in(folder, CREATED, MANIFEST) as three:
        assert three.run_file.name == "bench-20260102-030405-3.json"
    with Journal.create_in(folder, CREATED, MANIFEST) as again:  # it left nothing
        assert again.run_file == three.run_file
    (tmp_path / "file").write_text("")
    assert "cannot write" in refusal(
        lambda: Journal.create_in(tmp_path / "file", CREATED, MANIFEST)
    )


def test_the_newest_interrupted_run_is_found(tmp_path):
    assert newest_interrupted(tmp_path / "none") is None
    assert newest_interrupted(tmp_path) is None
    for age, name in enumerate(["c.json", "a.json", "b", "empty.json", "torn.json"]):
        os.utime(interrupted(tmp_path / name), (10**9 - age, 10**9 - age))
    for name, lines in (("empty.json", 1), ("torn.json", 0)):
        path = journal_path(tmp_path / name)
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
    (tmp_path / ".journal").write_text("x\ny\n")
    (tmp_path / "c.json.lock").write_text("")  # its process was killed
    assert newest_interrupted(tmp_path) == tmp_path / "c.json"
    with Journal.resume(tmp_path / "c.json"):
        assert is_held(tmp_path / "c.json")
        assert newest_interrupted(tmp_path) == tmp_path / "a.json"
        with Journal.resume(tmp_path / "a.json") as second:
            assert newest_interrupted(tmp_path) == tmp_path / "b"
            second.finish()
    assert newest_interrupted(tmp_path) == tmp_path / "c.json"
    assert not [name for name in names(tmp_path) if name.endswith(".lock")]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="counters of Linux")
def test_an_append_neither_reads_nor_rewrites_what_is_there(tmp_path):
    interrupted(tmp_path / "run.json", map(numbered_result, range(200)))
    with Journal.resume(tmp_path / "run.json") as journal:
        assert journal.path.stat().st_size > 2_000_000
        before, size = counters(), journal.path.stat().st_size
        journal.append(replace(RESULTS[0], case_id="one more"), METRICS, RECORD)
        read, written = (b - a for a, b in zip(before, counters(), strict=True))
        assert written == journal.path.stat().st_size - size
        assert read < 10_000  # the counters themselves


def counters():
    lines = Path("/proc/self/io").read_text().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar"))]
