import json
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analog_bench.errors import StoreError
from analog_bench.store.journal import Journal
from analog_bench.store.journal_file import (
    connect,
    is_locked,
    journal_path,
    newest_interrupted,
    read_journal,
)
from analog_bench.store.run import Incomplete, Unmeasured, storable
from analog_bench.store.run_file import write_run
from tests.store.examples import example_run, numbered_result, scopes_of
from tests.store.strategies import MANIFESTS, results

MANIFEST = example_run().manifest
RESULTS = example_run(3).results
(SCOPE,) = example_run().scopes
SELECTED = (("drift", "bert/c9"), ("layer_noise", "bert/c0"))
MISSING = Incomplete((Unmeasured("layer_noise", "bert/c1"),), "pytest bench --resume")
STOPPED = replace(example_run(1), incomplete=MISSING)
CREATED = datetime(2026, 1, 2, 3, 4, 5)


def interrupted(run_file, kept=RESULTS):
    """Leave a journal as a run that was killed does, but for the lock's file."""
    with Journal.create(run_file, MANIFEST) as journal:
        for _ in range(2):
            journal.select(SELECTED)
        for result in kept:
            journal.append(result, SCOPE)
    return journal_path(run_file)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refusal(attempt):
    with pytest.raises(StoreError) as refused:
        attempt()
    assert "\n" not in str(refused.value)
    return str(refused.value)


@given(
    manifest=MANIFESTS,
    kept=st.lists(results(), max_size=4, unique_by=lambda r: (r.case_id, r.study, r.protocol)),
)
def test_what_is_journalled_is_read_back(tmp_path_factory, manifest, kept):
    run_file = tmp_path_factory.mktemp("runs") / "run.json"
    with Journal.create(run_file, manifest) as journal:
        for n, result in enumerate(kept):
            (scope,) = scopes_of([result])
            journal.append(result, scope)
            held = read_journal(run_file)
            assert held.manifest == manifest
            assert held.results == tuple(kept[: n + 1])
            assert held.entries[n].scope == scope


def sql(path, *statement):
    """Run a statement on a journal that nobody has open, and return its rows."""
    with closing(connect(path, "rw")) as database:
        return database.execute(*statement).fetchall()


def test_an_entry_holds_exactly_what_the_run_file_will(tmp_path):
    path = interrupted(tmp_path / "run.json")
    write_run(tmp_path / "run.json", example_run(3))
    run = json.loads((tmp_path / "run.json").read_bytes())
    entries = [json.loads(e) for (e,) in sql(path, "SELECT entry FROM results ORDER BY rowid")]
    assert [entry["result"] for entry in entries] == run["results"]
    assert all([entry["scope"]] == run["scopes"] for entry in entries)
    ((manifest,),) = sql(path, "SELECT manifest FROM run")
    assert json.loads(manifest) == run["manifest"]
    assert sql(path, "PRAGMA user_version") == [(run["schema_version"],)]


def test_results_are_storable(tmp_path):
    nan = replace(RESULTS[0], digital={"f1": float("nan"), "em": 1.0}, chance={"f1": float("inf")})
    interrupted(tmp_path / "run.json", [nan])
    (back,) = read_journal(tmp_path / "run.json").results
    assert back == storable(nan)
    assert (back.status, back.chance, back.chips) == ("broken", {}, ())


def test_finishing_leaves_the_run_file_alone(tmp_path):
    run_file = tmp_path / "deep" / "run.json"
    with Journal.create(run_file, MANIFEST) as journal:
        beside = ["run.json.journal", "run.json.journal-shm", "run.json.journal-wal"]
        assert names(run_file.parent) == [*beside, "run.json.lock"]
        journal.append(RESULTS[0], SCOPE)
        write_run(run_file, example_run(1))
        journal.finish()
        journal.finish()
        assert names(run_file.parent) == ["run.json"]
        with pytest.raises(ValueError, match="closed"):
            journal.append(RESULTS[1], SCOPE)
    assert names(run_file.parent) == ["run.json"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{}", "is no results file that this release can read"),
        (b'{"title": "A thesis"}', "is no results file that this release can read"),
        (b"%PDF-1.7", "is no results file that this release can read"),
        (example_run(3), "holds the results of an earlier run (3 cases, begun 2026-01-02T03:04:05"),
        (STOPPED, "holds the results of an earlier run (1 case, begun 2026-01-02T03:04:05"),
        (b"", None),
    ],
    ids=["object", "thesis", "PDF", "complete", "incomplete", "empty"],
)
def test_what_is_there_is_not_replaced_by_another_run(tmp_path, content, complaint):
    run_file = tmp_path / "run.json"
    if isinstance(content, bytes):
        run_file.write_bytes(content)
    else:
        write_run(run_file, content)
    before = run_file.read_bytes()
    begin = lambda: Journal.create(run_file, replace(MANIFEST, created="2026-02-02"))  # noqa: E731
    if complaint is None:
        begin().close()
    else:
        assert complaint in refusal(begin)
    assert run_file.read_bytes() == before
    assert names(tmp_path) == ["run.json"]


def test_a_run_goes_on_beside_its_own_results_alone(tmp_path):
    run_file = tmp_path / "run.json"
    interrupted(run_file)
    write_run(run_file, STOPPED)
    with Journal.resume(run_file) as journal:
        assert journal.held.results == RESULTS
    others = (example_run(), replace(STOPPED, manifest=replace(MANIFEST, created="2026-02-02")))
    for other in others:
        write_run(run_file, other)
        before = run_file.read_bytes()
        assert "earlier run" in refusal(lambda: Journal.resume(run_file))
        assert run_file.read_bytes() == before


def test_an_error_in_mid_run_keeps_what_there_is(tmp_path):
    def run():
        with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
            journal.append(RESULTS[0], SCOPE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert names(tmp_path) == ["run.json.journal"]
    with Journal.resume(tmp_path / "run.json") as two:
        assert two.held.results == RESULTS[:1]
        assert two.held.manifest == MANIFEST
        two.append(RESULTS[1], SCOPE)
    assert read_journal(tmp_path / "run.json").results == RESULTS[:2]


def test_a_journal_without_results_does_not_stay(tmp_path):
    with Journal.create(tmp_path / "run.json", MANIFEST):
        pass
    assert names(tmp_path) == []


def test_a_journal_without_results_stays_beside_the_run_file_of_its_run(tmp_path):
    """As where the disk was full from the first result on: that file names the resume."""
    run_file = tmp_path / "run.json"
    for attempt in (Journal.create, lambda *_: Journal.resume(run_file)):
        with attempt(run_file, MANIFEST) as journal:
            journal.select(SELECTED)
            write_run(run_file, STOPPED)
        assert names(tmp_path) == ["run.json", "run.json.journal"]
    with Journal.resume(run_file) as journal:
        assert (journal.held.results, journal.held.selected) == ((), SELECTED)
        journal.append(RESULTS[0], SCOPE)
        write_run(run_file, example_run(1))
        journal.finish()
    assert names(tmp_path) == ["run.json"]


@pytest.mark.parametrize("kind", ["none", "empty"])
def test_a_journal_without_results_stays_beside_no_other_file(tmp_path, kind):
    if kind == "empty":
        (tmp_path / "run.json").touch()
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        journal.select(SELECTED)
    assert names(tmp_path) == (["run.json"] if kind == "empty" else [])


def test_a_journal_of_a_killed_run_is_not_overwritten(tmp_path):
    path = interrupted(tmp_path / "run.json")
    said = refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    assert "holds 3 cases" in said
    assert "--resume" in said
    assert f"{str(path)!r}" in said
    sql(path, "DELETE FROM results WHERE rowid > 1")
    assert "holds 1 case " in refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    assert names(tmp_path) == ["run.json.journal"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"not ours", "file is not a database"), (b"SQLite format 3\0" + b"\xff" * 5000, "journal ")],
)
def test_a_file_that_is_no_journal_is_left_alone(tmp_path, content, complaint):
    path = journal_path(tmp_path / "run.json")
    path.write_bytes(content)
    for attempt in (read_journal, Journal.resume, lambda file: Journal.create(file, MANIFEST)):
        assert complaint in refusal(lambda: attempt(tmp_path / "run.json"))  # noqa: B023
    assert path.read_bytes() == content
    assert names(tmp_path) == ["run.json.journal"]


def test_each_result_is_a_transaction_that_is_synced(tmp_path):
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        assert journal._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        for n, result in enumerate(RESULTS):
            assert not journal._database.in_transaction
            journal.append(result, SCOPE)
            assert len(read_journal(tmp_path / "run.json").entries) == n + 1


def test_where_there_can_be_no_write_ahead_log_it_says_so_first(tmp_path, monkeypatch):
    # The dot-file locks of SQLite share no memory, like some network file systems.
    def elsewhere(path, mode):
        uri = f"{path.as_uri()}?mode={mode}&vfs=unix-dotfile"
        return sqlite3.connect(uri, uri=True, isolation_level=None)

    monkeypatch.setattr("analog_bench.store.journal.connect", elsewhere)
    said = refusal(lambda: Journal.create(tmp_path / "run.json", MANIFEST))
    assert "cannot hold a write-ahead log" in said
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a?mode=memory.json", "b%20%3f.json", "c#d.json", "é ' ;--.json"])
def test_names_are_taken_literally(tmp_path, name):
    interrupted(tmp_path / name)
    assert names(tmp_path) == [f"{name}.journal"]
    assert read_journal(tmp_path / name).results == RESULTS
    assert newest_interrupted(tmp_path) == tmp_path / name


@pytest.mark.parametrize("kind", ["no file yet", "no table yet"])
def test_a_journal_of_nothing_is_replaced_by_a_new_run_and_not_resumed(tmp_path, kind):
    path = journal_path(tmp_path / "run.json")
    path.write_bytes(b"")
    if kind == "no table yet":
        assert sql(path, "PRAGMA journal_mode = WAL") == [("wal",)]
    assert "holds nothing" in refusal(lambda: Journal.resume(tmp_path / "run.json"))
    assert read_journal(tmp_path / "run.json") is None
    assert newest_interrupted(tmp_path) is None
    interrupted(tmp_path / "run.json", RESULTS[:1])
    assert read_journal(tmp_path / "run.json").results == RESULTS[:1]


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE run SET manifest = '{}'", "manifest: "),
        ("UPDATE run SET manifest = x'ff'", "not a text in UTF-8"),
        ("UPDATE run SET manifest = 5", "manifest: "),
        ("DELETE FROM run", "not JSON"),
        ("DROP TABLE run", "it lacks run"),
        ("DROP TABLE results", "it lacks results"),
        ("PRAGMA user_version = 3", "it is of schema version 3"),
    ],
)
def test_a_journal_that_says_nothing_of_its_run_is_one_line_and_is_left_alone(
    tmp_path, statement, complaint
):
    path = interrupted(tmp_path / "run.json")
    sql(path, statement)
    before = path.read_bytes()
    for attempt in (read_journal, Journal.resume, lambda file: Journal.create(file, MANIFEST)):
        said = refusal(lambda: attempt(tmp_path / "run.json"))  # noqa: B023
        assert f"journal {str(path)!r}: " in said
        assert complaint in said
        assert "delete it to start anew" in said
    assert path.read_bytes() == before
    assert names(tmp_path) == ["run.json.journal"]


@pytest.mark.parametrize(
    ("statement", "damaged", "complaint"),
    [
        ("UPDATE results SET entry = '{' WHERE rowid = 2", {1}, "not JSON"),
        ("UPDATE results SET entry = 7 WHERE rowid = 2", {1}, "Expected `object`"),
        ("UPDATE results SET entry = replace(entry, 'seed', 'sead') WHERE rowid = 1", {0}, "sead"),
        (
            "UPDATE results SET entry = replace(entry, '61.5', '1e999') WHERE rowid != 2",
            {0, 2},
            "holds 1e999",
        ),
        ("UPDATE results SET entry = x'ff' WHERE rowid = 3", {2}, "not a text in UTF-8"),
        ("UPDATE selected SET case_id = NULL", set(), "Expected `str`"),
    ],
)
def test_a_damaged_result_costs_no_other(tmp_path, statement, damaged, complaint):
    run_file = tmp_path / "run.json"
    path = interrupted(run_file)
    sql(path, statement)
    before = path.read_bytes()
    whole = tuple(result for n, result in enumerate(RESULTS) if n not in damaged)
    held = read_journal(run_file)
    assert (held.manifest, held.results) == (MANIFEST, whole)
    assert complaint.lower() in held.lost.lower()
    assert "interrupted: continue it" in refusal(lambda: Journal.create(run_file, MANIFEST))
    with Journal.resume(run_file) as journal:
        assert journal.held == held
        kept = journal.mend()
        for n in damaged:
            journal.append(RESULTS[n], SCOPE)
    assert kept.read_bytes() == before
    again = read_journal(run_file)
    assert (again.lost, again.manifest) == ("", MANIFEST)
    assert again.results == (*whole, *(RESULTS[n] for n in damaged))


@pytest.mark.parametrize("page", [1, *range(2, 33, 3)])
def test_a_damaged_page_costs_what_was_on_it(tmp_path, page):
    run_file = tmp_path / "run.json"
    made = [numbered_result(n) for n in range(20)]
    path = interrupted(run_file, made)
    content = bytearray(path.read_bytes())
    content[4096 * page : 4096 * (page + 1)] = b"\xff" * 4096
    path.write_bytes(content)
    if page in (1, 2):  # the manifest's, and the root of all results
        assert "malformed; delete it" in refusal(lambda: Journal.resume(run_file))
        assert path.read_bytes() == content
        return
    held = read_journal(run_file)
    assert held.lost
    assert len(held.results) >= 10
    assert all(result in made for result in held.results)
    with Journal.resume(run_file) as journal:
        journal.mend()
    assert read_journal(run_file).lost == ""
    assert read_journal(run_file).results == held.results


def test_a_disk_that_is_full_while_a_journal_is_mended_leaves_it_as_it_was(tmp_path, monkeypatch):
    path = interrupted(tmp_path / "run.json")
    sql(path, "UPDATE results SET entry = '{' WHERE rowid = 2")
    before = path.read_bytes()

    def full(*words):
        raise sqlite3.OperationalError("database or disk is full")

    with Journal.resume(tmp_path / "run.json") as journal:
        monkeypatch.setattr("analog_bench.store.journal._opened", lambda *words: full())
        with pytest.raises(sqlite3.OperationalError):
            journal.mend()
    assert names(tmp_path) == ["run.json.journal"]
    assert path.read_bytes() == before


def test_a_later_result_of_a_case_takes_its_place(tmp_path):
    other = replace(RESULTS[0], drift_s=1.0)
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        for result in (*RESULTS[:2], RESULTS[0], replace(RESULTS[0], protocol="other"), other):
            journal.append(result, SCOPE)
    results = read_journal(tmp_path / "run.json").results
    assert results == (other, RESULTS[1], replace(RESULTS[0], protocol="other"))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"study": "another"}, "scope: it is of another study"),
        ({"case_version": 2**63}, "case_version"),
        ({"chance": {"a\nb": 1.0}}, "cannot be a name"),
        ({"drift_s": float("nan")}, "JSON compliant"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, changed, complaint):
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        with pytest.raises(ValueError, match=complaint):
            journal.append(replace(RESULTS[0], **changed), SCOPE)
        journal.append(RESULTS[0], SCOPE)
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


def test_two_names_of_one_file_have_one_journal(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "other.json").symlink_to("real/run.json")
    with Journal.create(tmp_path / "link" / "run.json", MANIFEST) as journal:
        journal.append(RESULTS[0], SCOPE)
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
    two.append(RESULTS[0], SCOPE)
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
    for age, name in enumerate(["c.json", "a.json", "b"]):
        path = interrupted(tmp_path / name)
        sql(path, "UPDATE results SET written = ?", (10**9 - age,))
    sql(interrupted(tmp_path / "empty.json"), "DELETE FROM results")
    (tmp_path / ".journal").write_text("x")
    (tmp_path / "c.json.lock").write_text("")  # its process was killed
    for _ in range(2):
        assert newest_interrupted(tmp_path) == tmp_path / "c.json"
    with Journal.resume(tmp_path / "c.json"):
        assert is_locked(tmp_path / "c.json")
        assert newest_interrupted(tmp_path) == tmp_path / "a.json"
        with Journal.resume(tmp_path / "a.json") as second:
            assert newest_interrupted(tmp_path) == tmp_path / "b"
            second.finish()
    assert newest_interrupted(tmp_path) == tmp_path / "c.json"
    assert not [name for name in names(tmp_path) if name.endswith(".lock")]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="counters of Linux")
def test_an_append_neither_reads_nor_rewrites_what_is_there(tmp_path):
    (scope,) = scopes_of([numbered_result(0)])
    with Journal.create(tmp_path / "run.json", MANIFEST) as journal:
        for n in range(200):
            journal.append(numbered_result(n), scope)
    with Journal.resume(tmp_path / "run.json") as journal:
        assert journal.path.stat().st_size > 2_000_000
        journal.append(replace(RESULTS[0], case_id="one more"), SCOPE)
        before = counters()
        journal.append(replace(RESULTS[0], case_id="and one"), SCOPE)
        read, written = (b - a for a, b in zip(before, counters(), strict=True))
        assert 0 < written < 60_000
        assert read < 60_000


def counters():
    lines = Path("/proc/self/io").read_text().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar"))]
