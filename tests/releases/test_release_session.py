"""A whole comparison: real uv, environments and processes, with code that stands in for ours."""

import json
import os
from dataclasses import replace
from importlib import metadata

import pytest
import tiny_wheels
from stand_in import StandIn
from surveys import run, survey, with_noise

from analog_bench.errors import UsageError
from analog_bench.releases import comparison_run as session
from analog_bench.releases.comparison_run import Plan, compare
from analog_bench.releases.environment_commands import check_selection
from analog_bench.releases.release_spec import parse_releases

HERE = metadata.version("aihwkit")
TORCH = metadata.version("torch")
FAULTY = f"{HERE}+fault"


@pytest.fixture
def code(tmp_path, monkeypatch):
    """Provide the code that runs in environments, told of a sound release and a faulty one."""
    made = StandIn(tmp_path / "code")
    monkeypatch.setattr(session, "snapshot", made.snapshot)
    made.found(HERE, survey())
    made.found(FAULTY, with_noise(1.1))
    made.scored(HERE, run())
    made.scored(FAULTY, run(drop=5.0))
    return made


@pytest.fixture
def plan(index, code, tmp_path):
    """Plan to compare the release that is here with a faulty wheel of it."""
    studies = tmp_path / "studies"
    studies.mkdir()
    (studies / "test_nothing.py").write_text("def test_nothing(): pass\n")
    (studies / "pytest.ini").write_text("[pytest]\n")
    wheel = tiny_wheels.wheel(tmp_path, "aihwkit", FAULTY)
    return Plan(
        releases=parse_releases([HERE, f"{wheel}:name=faulty"], torch=TORCH),
        words=(".", "--chips", "3"),
        root=studies,
        folder=tmp_path / "out",
        constraints=None,
        rebuild=False,
        turns=6,
        resume=False,
    )


class Told(list):
    """What a comparison told, without the words of its tools."""

    def __call__(self, name, said, detail):
        if not detail:
            self.append(f"{name}: {said}")


def test_releases_are_surveyed_measured_timed_and_compared(plan, code):
    told = Told()
    found = compare(plan, told)
    assert [one.problem for one in found.measured] == ["", ""]
    (step,) = found.steps
    assert (step.old, step.new, step.fails) == (HERE, "faulty", True)
    assert {layer.name: bool(layer.changes) for layer in step.layers} == {
        "exact": True,
        "physics": True,
        "metrics": True,
    }
    assert step.packages["aihwkit"] == (HERE, FAULTY)
    assert [(timing.name, timing.verdict) for timing in step.timings] == [("product", "slower")]
    assert [one.remark for one in found.measured] == [
        "cannot be timed: spin (ValueError: it cannot)"
    ] * 2
    assert code.calls == [f"{HERE} begun off", f"{FAULTY} begun off"]
    files = {path.name for path in plan.folder.iterdir()}
    assert {f"1-{HERE}.{end}" for end in ("json", "html", "log")} <= files
    assert {f"2-faulty.{end}" for end in ("json", "html", "log")} <= files
    # What is complete is not measured again, and environments are kept.
    told.clear()
    again = compare(replace(plan, resume=True, turns=0), told)
    assert len(code.calls) == 2
    assert [one.run for one in again.measured] == [one.run for one in found.measured]
    assert sum("found," in line for line in told) == 2
    assert not any("built in" in line for line in told)


def test_what_fails_is_a_row_and_the_others_go_on(plan, code, tmp_path):
    rubbish = tmp_path / f"aihwkit-{HERE}+rubbish-py3-none-any.whl"
    rubbish.write_text("rubbish")
    crashing = tiny_wheels.wheel(tmp_path, "aihwkit", f"{HERE}+crash")
    useless = tiny_wheels.wheel(tmp_path, "aihwkit", f"{HERE}+useless")
    code.found(f"{HERE}+crash", "error")
    tiles = {"torch": "undefined symbol", "cpp": "undefined symbol"}
    code.found(f"{HERE}+useless", replace(survey(), tiles=tiles, facts=(), checks=()))
    names = [HERE, "0.0.1", *(f"{w}:name={w.name[-28:-16]}" for w in (rubbish, crashing, useless))]
    releases = parse_releases([*names, f"{HERE}:name=again"], torch=TORCH)
    found = compare(replace(plan, releases=releases, words=(), turns=0), Told())
    problems = [one.problem for one in found.measured]
    assert (problems[0], problems[5]) == ("", "")
    assert "there is no version of aihwkit==0.0.1" in problems[1]
    assert "unable to locate the end of central directory" in problems[2]
    assert problems[3] == "it cannot be surveyed: analog-bench: error: aihwkit is not there"
    assert problems[4] == "none of its tile engines works"
    # Those that could be surveyed are compared, the useless one, too: all is lost there.
    assert [bool(step.lost) for step in found.steps] == [True, False]
    assert found.steps[1].new == "again"
    assert found.fails


@pytest.mark.parametrize(
    ("how", "problem", "remark"),
    [("fail", "", "1 passed"), ("nothing", "1 passed", ""), ("interrupted", "1 passed", "")],
)
def test_only_complete_results_count(plan, code, how, problem, remark):
    code.measure(how)
    found = compare(replace(plan, releases=plan.releases[:1], turns=0), Told()).measured[0]
    assert (found.run is None) == bool(problem)
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)
    assert remark in found.remark
    assert bool(found.remark) == bool(remark)
    # Nor do they when the comparison is resumed: the case is measured again.
    code.measure("well")
    again = compare(
        replace(plan, releases=plan.releases[:1], turns=0, resume=True), Told()
    ).measured[0]
    assert again.run is not None
    assert len(code.calls) == (2 if problem else 1)


def test_an_interrupted_measurement_is_resumed(plan, code):
    pids = []

    def tell(name, said, detail):
        if "HANGING" in said:
            pids.append(said)
            raise KeyboardInterrupt

    code.measure("hang")
    one = replace(plan, releases=plan.releases[:1], turns=0)
    with pytest.raises(KeyboardInterrupt):
        compare(one, tell)
    assert pids
    assert not list(plan.folder.glob("*.json"))
    code.measure("well")
    assert compare(replace(one, resume=True), Told()).measured[0].run is not None
    assert code.calls == [f"{HERE} begun off", f"{HERE} resumed off"]


@pytest.mark.parametrize(("says", "why"), [("", "error: it broke"), ("hello", "it says 'hello'")])
def test_timings_that_fail_leave_the_rest(plan, code, says, why):
    code.time(says)
    found = compare(replace(plan, words=()), Told())
    assert found.steps[0].timings == ()
    assert found.steps[0].layers[0].changes
    assert {one.remark for one in found.measured} == {f"no timings: faulty cannot be timed: {why}"}


def test_names_that_are_spelt_alike_have_files_of_their_own(plan, code):
    names = ("pl/an", "pl_an")
    releases = parse_releases([f"{HERE}:name={name}" for name in names], torch=TORCH)
    compare(replace(plan, releases=releases, turns=0), Told())
    assert sorted(path.name for path in plan.folder.glob("*.json")) == [
        "1-pl_an.json",
        "2-pl_an.json",
    ]


def test_a_python_that_is_not_there_is_a_row(plan):
    releases = parse_releases([HERE, f"{HERE}:python=3.4,name=old"], torch=TORCH)
    found = compare(replace(plan, releases=releases, words=(), turns=0), Told())
    assert "no Python 3.4 was found" in found.measured[1].problem
    assert found.measured[0].problem == ""


def test_processes_of_a_release_are_alone(plan, code, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/a/summary")
    (code.folder / "analog_bench" / "cli.py").write_text(
        "import json, os, sys\n"
        "named = ('PYTHONPATH', 'GITHUB_STEP_SUMMARY')\n"
        "print(json.dumps([sys.prefix, sys.path[0], *map(os.environ.get, named)]))\n"
        "sys.stdout.flush(); os._exit(0)\n"
    )
    seen = []
    monkeypatch.setattr(session, "survey", lambda runtime: seen.append(runtime) or survey())
    compare(replace(plan, words=(), turns=0, releases=plan.releases[:1]), Told())
    with seen[0].start("analog_bench.cli") as process:
        prefix, first, path, summary = json.loads(process.communicate()[0])
    assert prefix == os.path.realpath(seen[0].environment.folder / "venv")
    assert (first, path, summary) == (str(code.folder), str(code.folder), None)


def test_studies_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"no studies at 'bench' here; .* --no-cases"):
        check_selection(("bench", "-k", "x"), tmp_path)
