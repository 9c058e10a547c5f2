"""Every file that the store reads, with anything amiss in it: one clear line, or read rightly."""

import json
import os
import random
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analog_bench.errors import BaselineError, BenchError, StoreError
from analog_bench.store.baseline import DigitalEntry, Provenance
from analog_bench.store.baseline_file import (
    read_cases,
    read_digital,
    update_cases,
    update_digital,
    write_cases,
    write_digital,
)
from analog_bench.store.journal import Journal
from analog_bench.store.journal_file import connect, journal_path, newest_interrupted, read_journal
from analog_bench.store.run import Incomplete, Unmeasured
from analog_bench.store.run_file import read_run, write_run
from tests.fuzz.mutator import TRICKS, damaged, mutated
from tests.store.examples import example_run, snapshot

PROVENANCE = Provenance("2026-01-02T03:04:05+00:00", "c" * 40, "3.11.1", "2.11.0", None)
MISSING = Incomplete((Unmeasured("layer_noise", "bert/c2"),), "pytest bench --resume")
RUN = replace(example_run(2), incomplete=MISSING)
(SCOPE,) = RUN.scopes
DIGITAL = DigitalEntry("p1", "w1", 200, {"f1": 70.0, "em": 60.0}, PROVENANCE)


class House:
    """A folder with everything a run reads and writes, and things around it that it must not."""

    def __init__(self, top):
        self.top = top
        self.runs, self.baselines = top / "house" / "runs", top / "house" / "baselines"
        self.run_file, self.spare = self.runs / "run.json", self.runs / "spare.json"
        self.under_way = self.runs / "way.json"
        self.journal = journal_path(self.under_way)
        self.cases = self.baselines / "direct" / "bert" / "layer_noise.json"
        self.digital = self.baselines / "digital" / "bert.json"
        for beside in ("x", "x.json", "passwd", "house/x.json", "house/etc/passwd.json"):
            (top / beside).parent.mkdir(parents=True, exist_ok=True)
            (top / beside).write_text("not ours")
        write_run(self.run_file, RUN)
        with Journal.create(self.under_way, RUN.manifest) as journal:
            journal.select((result.study, result.case_id) for result in RUN.results)
            for result in RUN.results:
                journal.append(result, SCOPE)
        update_cases(self.baselines, RUN.results, PROVENANCE)
        update_digital(self.baselines, "bert", DIGITAL)
        self.sound = {
            path: path.read_bytes()
            for path in (self.run_file, self.journal, self.cases, self.digital)
        }
        self.around = self._around()

    def _around(self):
        ours = (str(self.runs) + os.sep, str(self.baselines) + os.sep)
        found = snapshot(self.top)
        return {path: state for path, state in found.items() if not path.startswith(ours)}

    def check_around(self):
        assert self._around() == self.around

    def restore(self):
        for folder in (self.runs, self.baselines):
            shutil.rmtree(folder)
        for path, content in self.sound.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return House(tmp_path_factory.mktemp("top"))


@pytest.fixture
def house(built):
    built.restore()
    yield built
    built.check_around()


def outcome(attempt, path, kind=BenchError):
    """Return what an attempt returns, or None where it was refused as it should be."""
    try:
        return attempt()
    except BenchError as problem:  # anything else is a defect, and fails the test
        refusal = problem
    complaint = str(refusal)
    assert type(refusal) is kind
    assert complaint.isprintable()
    assert str(path) in complaint
    assert len(complaint) < 500 + len(str(path))
    return None


def read_run_rightly(house):
    run = outcome(lambda: read_run(house.run_file), house.run_file, StoreError)
    if run is None:
        return False
    write_run(house.spare, run)
    again = read_run(house.spare)
    assert (again.manifest, again.metrics) == (run.manifest, run.metrics)
    assert sorted(again.results, key=repr) == sorted(run.results, key=repr)
    return True


def read_journal_rightly(house):
    held = outcome(lambda: read_journal(house.under_way), house.journal, StoreError)
    before = house.journal.read_bytes()
    resumed = outcome(lambda: Journal.resume(house.under_way), house.journal, StoreError)
    assert (resumed is None) == (held is None)
    assert newest_interrupted(house.runs) in (None, house.under_way)
    if resumed is None:
        assert house.journal.read_bytes() == before
        return False
    assert resumed.held == held
    if held.lost:
        assert resumed.mend().read_bytes() == before
    for entry in held.entries:
        resumed.append(entry.result, entry.scope)
    extra = replace(RUN.results[0], case_id="one more")
    resumed.append(extra, SCOPE)
    resumed.close()
    if not held.entries and not resumed.path.exists():
        return True
    again = read_journal(house.under_way)
    assert not again.lost
    assert (again.manifest, again.entries[: len(held.entries)]) == (held.manifest, held.entries)
    return not held.lost


def read_cases_rightly(house):
    where = ("direct", "bert", "layer_noise")
    found = outcome(lambda: read_cases(house.baselines, *where), house.cases, BaselineError)
    if found is None:
        before = house.cases.read_bytes()
        attempt = lambda: update_cases(house.baselines, RUN.results, PROVENANCE)  # noqa: E731
        assert outcome(attempt, house.cases, BaselineError) is None
        assert house.cases.read_bytes() == before
        return False
    write_cases(house.baselines, found)
    assert read_cases(house.baselines, *where) == found
    return True


def read_digital_rightly(house):
    found = outcome(lambda: read_digital(house.baselines, "bert"), house.digital, BaselineError)
    if found is None:
        return False
    write_digital(house.baselines, found)
    assert read_digital(house.baselines, "bert") == found
    return True


KINDS = {
    "run": (lambda house: house.run_file, read_run_rightly),
    "cases": (lambda house: house.cases, read_cases_rightly),
    "digital": (lambda house: house.digital, read_digital_rightly),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_file_is_refused_in_one_line_or_read_rightly(house, kind):
    path_of, read_rightly = KINDS[kind]
    path = path_of(house)
    refused = 0
    for seed in range(150):
        path.write_bytes(mutated(house.sound[path], random.Random(f"{kind} {seed}")))
        try:
            refused += not read_rightly(house)
        except BaseException as defect:
            raise AssertionError(f"seed {seed} of {kind}") from defect
        house.spare.unlink(missing_ok=True)
    assert 75 < refused < 145


def test_a_mutated_journal_is_refused_in_one_line_or_read_rightly(house):
    refused = 0
    with closing(connect(house.journal, "rw")) as database:
        ((manifest,),) = database.execute("SELECT manifest FROM run").fetchall()
        entries = [e for (e,) in database.execute("SELECT entry FROM results ORDER BY rowid")]
    for seed in range(100):
        rng = random.Random(f"journal {seed}")
        kind = rng.choice(["bytes", "manifest", "entry", "entry"])
        if kind == "bytes":
            house.journal.write_bytes(damaged(house.sound[house.journal], rng))
        else:
            with closing(connect(house.journal, "rw")) as database:
                if kind == "manifest":
                    database.execute("UPDATE run SET manifest = ?", (mutated(manifest, rng),))
                else:
                    n = rng.randrange(len(entries))
                    changed = (mutated(entries[n], rng), n + 1)
                    database.execute("UPDATE results SET entry = ? WHERE rowid = ?", changed)
        try:
            refused += not read_journal_rightly(house)
        except BaseException as defect:
            raise AssertionError(f"seed {seed}") from defect
        house.restore()
    assert 50 < refused < 98


@given(data=st.data())
def test_whatever_hypothesis_puts_into_a_file(built, data):
    house = built
    house.restore()
    path = data.draw(st.sampled_from(sorted(house.sound)), "file")
    content = bytearray(house.sound[path])
    start = data.draw(st.integers(0, len(content) - 1), "start")
    stop = data.draw(st.integers(start, len(content)), "stop")
    content[start:stop] = data.draw(st.binary(max_size=20), "bytes")
    path.write_bytes(content)
    for read_rightly in (read_run_rightly, read_cases_rightly, read_digital_rightly):
        read_rightly(house)
    read_journal_rightly(house)
    house.check_around()


@pytest.mark.parametrize("path_of", [h for h, _ in KINDS.values()])
def test_cut_at_any_byte_it_is_refused(house, path_of):
    path = path_of(house)
    read_rightly = {house.run_file: read_run_rightly, house.cases: read_cases_rightly}
    whole = house.sound[path].rstrip()
    for cut in range(0, len(whole), 3):
        path.write_bytes(whole[:cut])
        assert not read_rightly.get(path, read_digital_rightly)(house), cut


@pytest.mark.parametrize("field", ["model", "study", "case_id", "variant", "protocol"])
@pytest.mark.parametrize("trick", TRICKS, ids=ascii)
def test_a_tricky_name_leads_nowhere(house, field, trick):
    """From a run file with a tricky name in it to the baselines, as `--update-baselines` goes."""
    document = json.loads(house.sound[house.run_file])
    document["results"][1][field] = trick
    if field in ("model", "study"):
        document["scopes"].append({**document["scopes"][0], field: trick})
    house.run_file.write_text(json.dumps(document))
    run = read_run(house.run_file)
    assert getattr(run.results[1], field) == trick
    passwd = Path("/etc/passwd").stat()
    before = snapshot(house.baselines)
    changed = [replace(result, drift_s=1.0, seed=99) for result in run.results]
    entry = replace(DIGITAL, protocol=changed[1].protocol)
    complaint = ""
    try:
        update_cases(house.baselines, changed, PROVENANCE)
        update_digital(house.baselines, changed[1].model, entry)
    except BaselineError as problem:
        complaint = str(problem)
    after = snapshot(house.baselines)
    assert complaint.isprintable()
    if complaint:
        assert after == before  # not even the results that could be stored
    else:
        result = changed[1]
        found = read_cases(house.baselines, result.variant, result.model, result.study)
        assert found.find(result.case_id, result.protocol).seed == 99
        assert result.protocol in read_digital(house.baselines, result.model).entries
    assert bool(complaint) == (
        trick not in ("direct", "digital")
        if field in ("model", "study")
        else trick != "direct"
        if field == "variant"
        else trick == "" or not trick.isprintable()
    )
    depths = {len(Path(path).relative_to(house.baselines).parts) for path in after}
    assert depths <= {0, 1, 2, 3}
    house.check_around()
    assert Path("/etc/passwd").stat() == passwd
    assert not Path("/etc/passwd.json").exists()
