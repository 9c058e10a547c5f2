"""What becomes of a case that changed: which test fails, on which chips, and when not."""

import json
import xml.etree.ElementTree as ET

import pytest

LAYERS = ("encoder.layer.2.intermediate.dense", "encoder.layer.4.output.dense", "qa_outputs")
CHOICE = (
    *(word for layer in LAYERS for word in ("--layer", layer)),
    *("--noise", "white_output", "--chips", "3", "--examples", "10"),
)
CHANGED = "bert/encoder.layer.2.intermediate.dense/white_output:std=1"
TEST = f"bench/bench_layer_noise.py::bench_layer_noise[{CHANGED}]"


@pytest.fixture(scope="module")
def stored(warm, tmp_path_factory):
    """Measure once, as `--update-baselines` does; return the baselines and the results."""
    folder = tmp_path_factory.mktemp("stored")
    done = warm(*CHOICE, "--update-baselines", folder=folder)
    assert done.code == 0, done.out
    assert "3 cases: 3 new" in done.out
    # These tests ask for no report.
    assert not (folder / "results.html").exists()
    return folder


@pytest.fixture
def better(stored, tmp_path):
    """Return a folder whose baseline of one case is better than what will be measured."""

    def made(by, confirmation_by=None):
        content = json.loads((stored / "stored/direct/bert/layer_noise.json").read_text())
        (entry,) = content["cases"][CHANGED].values()
        for chip in entry["chips"]:
            again = chip["chip"] >= 1000 and confirmation_by is not None
            chip["scores"]["f1"] += confirmation_by if again else by
        path = tmp_path / "stored/direct/bert/layer_noise.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
        digital = tmp_path / "stored/digital/bert.json"
        digital.parent.mkdir()
        digital.write_bytes((stored / "stored/digital/bert.json").read_bytes())
        return tmp_path

    return made


def properties(case):
    return {found.get("name"): found.get("value") for found in case.iter("property")}


def test_an_update_measures_both_sets_of_chips(stored, results_of):
    for result in results_of(stored / "results.json").values():
        chips = [chip["chip"] for chip in result["chips"]]
        assert chips == [0, 1, 2, *range(1000, 1006)]


def test_unchanged_cases_need_no_confirmation(warm, results_of, stored, tmp_path):
    done = warm(*CHOICE, "--baselines", stored / "stored", folder=tmp_path)
    assert done.code == 0, done.out
    assert "3 cases: 3 equivalent" in done.out
    before = results_of(stored / "results.json")
    for name, result in results_of(tmp_path / "results.json").items():
        assert result["chips"] == before[name]["chips"][:3]


def test_a_regression_is_confirmed_and_fails_its_own_test(warm, results_of, stored, better):
    folder = better(by=9)
    junit = folder / "junit.xml"
    done = warm(*CHOICE, "--junit-xml", junit, "--report", "on", folder=folder)
    assert done.code == 1, done.out
    assert "1 failed, 2 passed" in done.out
    assert f"FAILED {TEST}" in done.out
    assert "3 cases: 1 regressed, 2 equivalent" in done.out
    assert f"regressed layer_noise {CHANGED}: f1 changed by -9 points" in " ".join(done.out.split())
    measured = results_of(folder / "results.json")
    assert measured[CHANGED] == results_of(stored / "results.json")[CHANGED]
    assert [len(result["chips"]) for result in measured.values()].count(3) == 2
    page = (folder / "results.html").read_text()
    assert f"report: {folder / 'results.html'}" in "".join(done.out.split("\n"))
    assert "<h1>1 regressed of 3 cases</h1>" in page
    suite = ET.parse(junit).find("testsuite")
    # Each once, though pytest heard of the regression only after the test had passed.
    tests = suite.findall("testcase")
    assert (len(tests), suite.get("tests"), suite.get("failures")) == (3, "3", "1")
    failures = [case for case in tests if case.find("failure") is not None]
    assert [case.get("name") for case in failures] == [f"bench_layer_noise[{CHANGED}]"]
    assert "f1 changed by -9" in failures[0].find("failure").get("message")
    said = properties(failures[0])
    assert (said["case"], said["study"], said["metric"]) == (CHANGED, "layer_noise", "f1")
    assert (said["verdict"], said["change"], said["chips"]) == ("regressed", "-9", "9")
    initial = [chip["scores"]["f1"] for chip in measured[CHANGED]["chips"][:3]]
    assert float(said["score"]) == pytest.approx(sum(initial) / 3, rel=1e-5)
    others = [properties(case) for case in tests if case is not failures[0]]
    assert [other["verdict"] for other in others] == ["equivalent"] * 2


def test_what_fresh_chips_refute_does_not_fail(warm, better):
    done = warm(*CHOICE, folder=better(by=9, confirmation_by=0))
    assert done.code == 0, done.out
    assert "3 cases: 3 equivalent" in done.out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--gate", "warn"), 0, "3 cases: 1 regressed, 2 equivalent"),
        (("--gate", "off"), 0, "3 cases: 3 not compared with a baseline"),
        (("--max-drop", "f1=100"), 0, "3 cases: 1 regressed, 2 equivalent"),
        (("-n", "1"), 1, "3 cases: 1 regressed, 2 equivalent"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_modes(warm, better, args, code, said):
    done = warm(*CHOICE, *args, folder=better(by=9))
    assert done.code == code, done.out
    assert said in done.out


def test_an_absolute_requirement(warm, stored, tmp_path):
    done = warm(*CHOICE, "--baselines", stored / "stored", "--max-drop", "f1=2", folder=tmp_path)
    assert done.code == 1, done.out
    assert "--max-drop allows 2" in done.out
    assert f"FAILED {TEST}" in done.out


def test_a_digital_model_that_changed_fails_a_test_of_its_own(warm, stored, better):
    folder = better(by=0)
    path = folder / "stored/digital/bert.json"
    content = json.loads(path.read_text())
    (entry,) = content["protocols"].values()
    entry["scores"]["em"] += 10
    path.write_text(json.dumps(content))
    done = warm(*CHOICE, folder=folder)
    assert done.code == 1, done.out
    assert "FAILED bench/bench_layer_noise.py::digital[bert-layer_noise-em]" in done.out
    assert "3 passed" in done.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--gate", "wran"), "did you mean 'warn'?"),
        (("--max-drop", "f1"), "--max-drop must be METRIC=VALUE, such as f1=2, found 'f1'"),
        (("--max-drop", "f11=1"), "did you mean 'f1'?"),
        (
            ("--max-drop", "f1=-1"),
            "--max-drop f1 must be 0 or a number from 1e-12 to 1e+12, found '-1'",
        ),
        (("--resume",), "there is nothing to resume"),
    ],
)
def test_bad_options(warm, tmp_path, args, said):
    done = warm(*CHOICE, *args, folder=tmp_path)
    assert done.code == 4, done.out
    (error,) = done.errors
    assert said in error
