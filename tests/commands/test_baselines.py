"""`analog-bench baselines update`: a finished run becomes the baseline."""

import json

import pytest
from msgspec.structs import replace

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.store.run_file import write_run
from tests.report.example_report import example_run

RUN = replace(
    example_run(), results=tuple(r for r in example_run().results if r.study == "noise_types")
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run.json", RUN)
    return tmp_path / "run.json"


def test_a_run_is_stored_and_then_says_the_same(run, tmp_path, capsys):
    assert main(["baselines", "update", str(run)]) == 0
    said = capsys.readouterr().out
    for result in RUN.results:
        stored = read_cases(tmp_path / "baselines", result.variant, result.model, result.study)
        entry = stored.find(result.case_id, result.protocol)
        assert [chip.scores for chip in entry.chips] == [
            pytest.approx(chip.scores, abs=1e-6) for chip in result.chips
        ]
        assert entry.provenance.created == RUN.manifest.created
    model = RUN.results[0].model
    assert RUN.results[0].protocol in read_digital(tmp_path / "baselines", model).entries
    assert f"scores new, 0 changed: {len(RUN.results)} cases of bert (MiniLM-L6), in base" in said
    assert main(["baselines", "update", str(run)]) == 0
    assert capsys.readouterr().out == "baselines: nothing changed\n"


def test_what_changed_is_said_with_its_verdict(run, capsys):
    assert main(["baselines", "update", str(run), "--baselines", "stored"]) == 0
    first = RUN.results[0]
    worse = tuple(
        replace(chip, scores={**chip.scores, "f1": chip.scores["f1"] - 20.0})
        for chip in first.chips
    )
    write_run(run, replace(RUN, results=(replace(first, chips=worse), *RUN.results[1:])))
    capsys.readouterr()
    assert main(["baselines", "update", str(run), "--baselines", "stored"]) == 0
    said = capsys.readouterr().out
    assert "0 scores new" in said
    line = next(line for line in said.splitlines() if f"{first.case_id} f1: " in line)
    assert line.endswith("(-20) regressed")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_run_whose_digital_model_has_no_finite_score_stores_nothing(run, tmp_path, capsys, bad):
    poisoned = tuple(replace(r, digital={**r.digital, "f1": bad}) for r in RUN.results)
    write_run(run, replace(RUN, results=poisoned))
    assert main(["baselines", "update", str(run)]) == 0
    assert capsys.readouterr().out == "baselines: nothing changed\n"
    assert not list((tmp_path / "baselines").rglob("*.json"))
    # And takes nothing away.
    write_run(run, RUN)
    assert main(["baselines", "update", str(run)]) == 0
    files = {path: path.read_bytes() for path in (tmp_path / "baselines").rglob("*.json")}
    assert files
    write_run(run, replace(RUN, results=poisoned))
    assert main(["baselines", "update", str(run)]) == 0
    assert {path: path.read_bytes() for path in files} == files


def test_an_id_of_two_studies_is_told_of_each_with_its_own_verdict(run, capsys):
    first = RUN.results[0]
    chips = tuple(replace(chip, scores={"f1": 60.0, "em": 50.0}) for chip in first.chips)
    twins = tuple(replace(first, study=s, chips=chips) for s in ("drift", "noise_types"))
    write_run(run, replace(RUN, results=twins))
    assert main(["baselines", "update", str(run)]) == 0
    worse = tuple(replace(chip, scores={**chip.scores, "f1": 40.0}) for chip in chips)
    for changed, other in (twins, twins[::-1]):
        write_run(run, replace(RUN, results=(replace(changed, chips=worse), other)))
        capsys.readouterr()
        assert main(["baselines", "update", str(run)]) == 0
        lines = capsys.readouterr().out.splitlines()
        (line,) = [line for line in lines if f"{first.case_id} f1: 60 -> 40 (-20)" in line]
        assert line.strip().startswith(f"{changed.study} ")
        assert line.endswith(" regressed")


def test_of_a_folder_the_newest_protocol_speaks_for_the_digital_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scopes = tuple(replace(scope, examples=17) for scope in RUN.scopes)
    newer = tuple(replace(result, protocol="newer") for result in RUN.results)
    manifest = replace(RUN.manifest, created="2027-01-01T00:00:00+00:00")
    write_run(
        tmp_path / "runs/a.json", replace(RUN, manifest=manifest, scopes=scopes, results=newer)
    )
    write_run(tmp_path / "runs/b.json", RUN)
    assert main(["baselines", "update", "runs"]) == 0
    entries = read_digital(tmp_path / "baselines", RUN.results[0].model).entries
    assert {protocol: entry.examples for protocol, entry in entries.items()} == {"newer": 17}


def test_as_json(run, capsys):
    assert main(["baselines", "update", str(run), "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)
    assert {change["what"] for change in changes} >= {r.case_id for r in RUN.results}
    assert all(change["before"] is None for change in changes)


def test_a_file_that_is_no_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["baselines", "update", "nowhere.json"]) == BENCH_ERROR
    assert "nowhere.json" in capsys.readouterr().err
    assert not (tmp_path / "baselines").exists()
