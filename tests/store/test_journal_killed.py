"""The journal among real processes: killed, contending, without rights, without room."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from analog_bench.store.journal import Journal
from analog_bench.store.journal_file import journal_path, newest_interrupted, read_journal
from analog_bench.store.run import Run
from analog_bench.store.run_file import read_run, write_run
from tests.store.examples import METRICS, example_run, numbered_result, scopes_of

ROOT = Path(__file__).parents[2]
MANIFEST = example_run().manifest
(SCOPE,) = example_run().scopes
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")

START = """
import os, sys, time
from pathlib import Path
from analog_bench.errors import StoreError
from analog_bench.store.journal import Journal
from tests.store.examples import METRICS, example_run, numbered_result
run_file, arguments, manifest = Path(sys.argv[1]), sys.argv[2:], example_run().manifest
(scope,) = example_run().scopes
"""
# Appends the results that are missing, and says so after each.
WRITER = """
try:
    journal = Journal.resume(run_file)
except StoreError:
    journal = Journal.create(run_file, manifest)
print("ready", flush=True)
for n in range(len(journal.held.entries), int(arguments[0])):
    journal.append(numbered_result(n), scope)
    print(n, flush=True)
"""
# Under way until it is killed: the lock stays.
HOLD_ON = "time.sleep(600)\n"
# Others get a chance before and after every taking of a lock and every deletion.
HESITANT = """
import filelock, random
def slowly(call):
    def slow(*words, **options):
        time.sleep(random.uniform(0, 0.003))
        result = call(*words, **options)
        time.sleep(random.uniform(0, 0.003))
        return result
    return slow
os.unlink = slowly(os.unlink)
filelock.FileLock.acquire = slowly(filelock.FileLock.acquire)
filelock.FileLock.release = slowly(filelock.FileLock.release)
"""


def start(script, run_file, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", START + script, str(run_file), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process):
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said.split("\n")[:-1]


def check_prefix(held):
    """Make sure that a journal holds the first results of the writer, each once and whole."""
    for n, entry in enumerate(held.entries):
        assert entry.result == numbered_result(n)
        assert entry.scope == SCOPE
    assert held.manifest == MANIFEST
    return len(held.entries)


def test_a_run_killed_at_any_moment_loses_the_case_in_flight_and_no_other(tmp_path):
    run_file, rng, most, done = tmp_path / "run.json", random.Random(20), 300, 0
    for _ in range(12):
        process = start(WRITER + HOLD_ON, run_file, most)
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        # The last line that the writer said may itself be torn.
        acknowledged = [int(line) for line in said.split("\n")[:-1]]
        if not journal_path(run_file).exists() or not newest_interrupted(tmp_path):
            assert not acknowledged
            continue
        held = check_prefix(read_journal(run_file))
        least = acknowledged[-1] + 1 if acknowledged else done
        assert least <= held <= least + 1
        assert held >= done
        done = held
    assert done > 0
    finished(start(WRITER + "journal.close()", run_file, most))
    assert check_prefix(read_journal(run_file)) == most
    with Journal.resume(run_file) as journal:
        write_run(
            run_file,
            Run(
                journal.held.manifest,
                METRICS,
                scopes_of(journal.held.results),
                journal.held.results,
            ),
        )
        journal.finish()
    assert {r.case_id: r for r in read_run(run_file).results} == {
        r.case_id: r for r in map(numbered_result, range(most))
    }
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_run_killed_at_its_very_start_is_in_nobodys_way(tmp_path):
    rng = random.Random(21)
    for n in range(6):
        process = start(WRITER, tmp_path / f"{n}.json", 1)
        time.sleep(rng.uniform(0.05, 0.5))
        process.kill()
        process.communicate(timeout=60)
    for n in range(6):
        finished(start(WRITER + "journal.close()", tmp_path / f"{n}.json", 3))
        assert check_prefix(read_journal(tmp_path / f"{n}.json")) == 3


def test_a_second_run_is_refused_until_the_first_is_dead(tmp_path):
    run_file = tmp_path / "run.json"
    first = start(WRITER + HOLD_ON, run_file, 3)
    assert [first.stdout.readline() for _ in range(4)] == ["ready\n", "0\n", "1\n", "2\n"]
    contender = (
        "for attempt in (Journal.resume, lambda file: Journal.create(file, manifest)):\n"
        "    try:\n        attempt(run_file)\n"
        "    except StoreError as problem:\n        print(problem)\n"
    )
    where = repr(str(run_file))
    refused = f"another run is writing {where}; wait for it to end, or choose another file"
    assert finished(start(contender, run_file)) == [refused, refused]
    assert newest_interrupted(tmp_path) is None
    assert check_prefix(read_journal(run_file)) == 3
    first.kill()
    first.communicate(timeout=60)
    assert newest_interrupted(tmp_path) == run_file
    with Journal.resume(run_file) as journal:
        assert check_prefix(journal.held) == 3


def test_never_two_at_a_time_however_they_come_and_go(tmp_path):
    turns = (
        "mark, turns, end = run_file.with_name('mark'), 0, time.monotonic() + 1.5\n"
        "while time.monotonic() < end:\n"
        "    try:\n        journal = Journal.create(run_file, manifest)\n"
        "    except StoreError as problem:\n"
        "        assert 'another run' in str(problem), problem\n        continue\n"
        "    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))\n"
        "    journal.append(numbered_result(0), scope)\n"
        "    mark.unlink()\n"
        "    journal.finish()\n    turns += 1\n"
        "print(turns)\n"
    )
    processes = [start(HESITANT + turns, tmp_path / "run.json") for _ in range(4)]
    counts = [int(finished(process)[-1]) for process in processes]
    assert sum(counts) > 10
    assert sum(count > 0 for count in counts) > 1
    assert list(tmp_path.iterdir()) == []


def test_runs_started_in_the_same_second_do_not_meet(tmp_path):
    script = (
        "from datetime import datetime\n"
        "while not run_file.exists():\n    time.sleep(0.001)\n"
        "created = datetime(2026, 1, 2, 3, 4, 5)\n"
        "for n in range(5):\n"
        "    journal = Journal.create_in(run_file.parent / 'runs', created, manifest)\n"
        "    journal.append(numbered_result(n), scope)\n"
        "    print(journal.run_file.name)\n"
        "    if n % 2:\n        journal.close()\n"
        "    else:\n        journal.run_file.write_text('{}')\n        journal.finish()\n"
    )
    processes = [start(HESITANT + script, tmp_path / "go") for _ in range(4)]
    (tmp_path / "go").write_text("")
    named = Counter(name for process in processes for name in finished(process))
    assert len(named) == 20
    assert set(named.values()) == {1}
    left = {path.name for path in (tmp_path / "runs").iterdir()}
    assert left <= {*named, *(f"{name}.journal" for name in named)}
    assert len(left) == 20


@pytest.fixture
def open_folder():
    """A folder that any user can reach: pytest's own are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_without_the_right_to_write_is_one_line(open_folder):
    with Journal.create(open_folder / "run.json", MANIFEST) as journal:
        journal.append(numbered_result(0), SCOPE)
    open_folder.chmod(0o555)
    script = (
        "if os.getuid() == 0:\n    os.setuid(65534)\n"
        "import json, datetime\n"
        "from analog_bench.store.journal_file import newest_interrupted\n"
        "for attempt in (\n"
        "    lambda: Journal.create(run_file, manifest),\n"
        "    lambda: Journal.create_in(run_file.parent, datetime.datetime.now(), manifest),\n"
        "    lambda: Journal.resume(run_file),\n"
        "):\n"
        "    try:\n        attempt()\n"
        "    except StoreError as problem:\n        print(json.dumps(str(problem)))\n"
        "print(json.dumps(str(newest_interrupted(run_file.parent))))\n"
    )
    *refusals, found = map(json.loads, finished(start(script, open_folder / "run.json")))
    assert len(refusals) == 3
    for refusal in refusals:
        assert "Permission denied" in refusal
        assert str(open_folder) in refusal
    assert found == str(open_folder / "run.json")
    assert [path.name for path in open_folder.iterdir()] == ["run.json.journal"]


def test_a_disk_that_fills_up_spoils_nothing_that_was_written(tmp_path):
    run_file = tmp_path / "run.json"
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "def room(size):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "def attempt(call, *words):\n"
        "    try:\n        return call(*words)\n"
        "    except StoreError as problem:\n        print(problem)\n"
        "for size in (100, 6000):\n"
        "    room(size)\n"
        "    attempt(Journal.create, run_file, manifest)\n"
        "    print(os.listdir(run_file.parent))\n"
        "room(10_000_000)\n"
        "journal = Journal.create(run_file, manifest)\n"
        "journal.append(numbered_result(0), scope)\n"
        "written = journal.path.with_name('run.json.journal-wal')\n"
        "room(written.stat().st_size + 500)\n"
        "for _ in range(2):\n"
        "    attempt(journal.append, numbered_result(1), scope)\n"
        "room(10_000_000)\n"
        "journal.append(numbered_result(1), scope)\n"
        "room(written.stat().st_size + 500)\n"
        "attempt(journal.append, numbered_result(2), scope)\n"
        "os._exit(0)\n"
    )
    why = f"cannot write the journal of {str(run_file)!r}: disk I/O error; choose another file"
    assert finished(start(script, run_file)) == [why, "[]", why, "[]", why, why, why]
    assert check_prefix(read_journal(run_file)) == 2
