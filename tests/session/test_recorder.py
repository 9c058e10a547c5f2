"""The recorder: results that come again, what a stopped run lacks, what a resumed one has."""

import json
from dataclasses import replace as changed
from pathlib import Path

import pytest
from msgspec.structs import replace

from analog_bench.codec import plain
from analog_bench.errors import BenchError
from analog_bench.records import Margin, Measurement
from analog_bench.session.recorder import Recorder, run_of
from analog_bench.session.run_conclusion import store_baselines
from analog_bench.session.settings import Settings
from analog_bench.store.baseline import Provenance
from analog_bench.store.baseline_file import read_digital
from analog_bench.store.journal_file import connect, journal_path, read_journal
from analog_bench.store.run import Record
from analog_bench.store.run_file import read_run, write_run
from analog_bench.study import Choice
from tests.store.examples import example_run

RUN = example_run(4)
(SCOPE,) = RUN.scopes
CASES = [(result.study, result.case_id) for result in RUN.results]
COMMAND = "pytest bench --resume"


def settings(root, **options):
    common = Settings(
        choice=Choice(),
        zoo="embedded",
        lock=root / "zoo.lock.json",
        device="cpu",
        seed=1,
        per_example="off",
        json=root / "run.json",
        baselines=root / "baselines",
        gate="fail",
        root=root,
    )
    return changed(common, **options)


@pytest.fixture
def recorder_of(tmp_path):
    """Return a function that makes recorders, as sessions one after another have them."""
    made = []

    def make(**options):
        for before in made:
            before.close()
        made.append(Recorder(settings(tmp_path, **options), tmp_path, "pytest bench"))
        return made[-1]

    yield make
    for recorder in made:
        recorder.close()


def sent(result):
    return json.loads(json.dumps(plain(Record(result, SCOPE))))


def slower(result, **changes):
    """Return a result as it is measured again: only the clock says otherwise."""
    chips = tuple(replace(chip, seconds=chip.seconds + 1.0) for chip in result.chips)
    return replace(result, chips=chips, **changes)


def test_a_case_that_comes_again_is_one_result(recorder_of, tmp_path):
    recorder = recorder_of()
    for result in (*RUN.results, *map(slower, RUN.results)):
        recorder.add(sent(result))
    recorder.write(recorder.run(COMMAND))
    assert read_run(tmp_path / "run.json").results == RUN.results
    assert recorder.notes == []


def test_another_result_of_a_case_is_told_and_the_first_counts(recorder_of, tmp_path):
    recorder = recorder_of()
    first, second, *others = RUN.results
    chip = replace(first.chips[1], scores={"f1": 1.0, "em": 2.0})
    other = replace(first, chips=(first.chips[0], chip))
    texts = replace(second, digital_texts=("another text", ""))
    for result in (first, second, other, other, texts, *others):
        recorder.add(sent(result))
    recorder.write(recorder.run(COMMAND))
    assert read_run(tmp_path / "run.json").results == RUN.results
    assert recorder.notes == [
        f"layer_noise {result.case_id} came again, measured with other values: the first result "
        "counts"
        for result in (first, second)
    ]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("status", ["skipped", "broken"])
def test_a_measured_result_counts_before_one_that_is_not(recorder_of, tmp_path, order, status):
    recorder = recorder_of()
    measured = RUN.results[0]
    other = replace(measured, status=status, reason="so", chips=())
    for result in (measured, other)[::order]:
        recorder.add(sent(result))
    assert read_journal(tmp_path / "run.json").results == (measured,)
    assert recorder.results == [measured]


def test_what_the_resumed_run_could_not_measure_is_replaced(recorder_of, tmp_path):
    first, second = RUN.results[:2]
    skipped = replace(first, status="skipped", reason="no weights", chips=())
    before = recorder_of()
    for result in (skipped, second):
        before.add(sent(result))
    recorder = recorder_of(resume=True)
    recorder.begin()
    assert list(recorder.earlier.values()) == [skipped, second]
    # Of other weights: it could not serve, and was measured anew.
    for result in (first, replace(second, weights="other")):
        recorder.add(sent(result))
    assert read_journal(tmp_path / "run.json").results == tuple(recorder.results)
    assert recorder.results == [first, replace(second, weights="other")]
    # But what cannot be measured any more stays as it was measured.
    third = recorder_of(resume=True)
    third.begin()
    third.add(sent(skipped))
    assert third.results[0] == first
    assert "came again, skipped with other values" in third.notes[0]


def test_a_stopped_run_names_what_it_lacks(recorder_of, tmp_path):
    recorder = recorder_of()
    recorder.select(CASES)
    recorder.add(sent(RUN.results[0]))
    recorder.settle(CASES[0], "")
    recorder.settle(CASES[1], "ValueError: so")
    recorder.settle(CASES[3], "ValueError: so")
    recorder.settle(CASES[3], "")  # a repeated test that passed, and measured nothing
    run = recorder.run(COMMAND)
    assert [(case.case_id, case.reason) for case in run.incomplete.cases] == [
        (CASES[1][1], "ValueError: so"),
        (CASES[2][1], ""),
    ]
    assert run.incomplete.stopped
    recorder.write(run)
    assert read_run(tmp_path / "run.json").incomplete == run.incomplete
    assert journal_path(tmp_path / "run.json").exists()
    recorder.settle(CASES[2], "TimeoutError")
    assert not recorder.run(COMMAND).incomplete.stopped


def test_a_run_is_complete_when_all_that_any_session_selected_is_there(recorder_of, tmp_path):
    recorder = recorder_of()
    recorder.select(CASES)
    recorder.add(sent(RUN.results[0]))
    part = recorder_of(resume=True)
    part.begin()
    part.select(CASES[:2])
    part.add(sent(RUN.results[1]))
    run = part.run(COMMAND)
    assert [(case.study, case.case_id) for case in run.incomplete.cases] == CASES[2:]
    part.write(run)
    rest = recorder_of(resume=True)
    rest.begin()
    for result in RUN.results[2:]:
        rest.add(sent(result))
    rest.write(rest.run(COMMAND))
    whole = read_run(tmp_path / "run.json")
    assert whole.results == RUN.results
    assert whole.incomplete is None
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_damaged_journal_goes_on_with_what_is_whole(recorder_of, tmp_path):
    recorder = recorder_of()
    recorder.select(CASES)
    for result in RUN.results[:3]:
        recorder.add(sent(result))
    recorder.close()
    path = journal_path(tmp_path / "run.json")
    with connect(path, "rw") as database:
        database.execute("UPDATE results SET entry = 'x' WHERE rowid = 2")
    database.close()
    again = recorder_of(resume=True)
    again.begin()
    assert again.results == [RUN.results[0], RUN.results[2]]
    (note,) = again.notes
    assert note.startswith("the journal is damaged (not JSON: ")
    assert "2 results of it are used" in note
    assert Path(note.partition("it is kept as ")[2]).exists()
    run = again.run(COMMAND)
    assert [case.case_id for case in run.incomplete.cases] == ["bert/c1", "bert/c3"]


def test_a_refused_resume_leaves_a_damaged_journal_where_it_is(recorder_of, tmp_path):
    recorder_of().add(sent(RUN.results[0]))
    recorder = recorder_of(resume=True, seed=2)
    path = journal_path(tmp_path / "run.json")
    with connect(path, "rw") as database:
        database.execute("INSERT INTO results VALUES ('a', 'b', 'c', 1, 'x')")
    database.close()
    before = path.read_bytes()
    with pytest.raises(BenchError, match="seed was 1, is 2"):
        recorder.begin()
    assert path.read_bytes() == before
    assert [name.name for name in tmp_path.iterdir()] == ["run.json.journal"]


def test_baselines_that_cannot_be_written_are_found_out_first(recorder_of, tmp_path):
    (tmp_path / "baselines").write_text("a file")
    recorder = recorder_of(update_baselines=True)
    with pytest.raises(BenchError, match="cannot write the baseline"):
        recorder.select(CASES)
    assert [path.name for path in tmp_path.iterdir()] == ["baselines"]


def test_a_broken_digital_model_is_no_baseline(tmp_path):
    (group,) = RUN.groups
    chip = Measurement(0, {"f1": 5.0, "em": 0.0}, {}, (), 1.0)
    results = tuple(replace(r, digital={"em": 1.0}, chips=(chip,)) for r in group.results)
    store_baselines([replace(group, results=results)], Provenance("2026", *[None] * 4), tmp_path)
    assert read_digital(tmp_path, "bert").entries == {}
    store_baselines([group], Provenance("2026", *[None] * 4), tmp_path)
    assert read_digital(tmp_path, "bert").entries != {}


@pytest.mark.parametrize(
    "changed",
    [
        {"margins": {"cross_entropy": Margin(0.05, "of another of its models")}},
        {"main_metric": "generation_perplexity"},
    ],
)
def test_a_metric_that_only_the_study_names_is_in_the_file(tmp_path, changed):
    """As of a study of two tasks, or where the digital model is broken and nothing has a score."""
    scope = replace(RUN.scopes[0], **changed)
    run = run_of([Record(result, scope) for result in RUN.results], RUN.manifest, {})
    write_run(tmp_path / "run.json", run)
    assert read_run(tmp_path / "run.json") == run
    assert run.groups[0].main.name == scope.main_metric
