"""`analog-bench new`: a project that runs, shipped studies, and what a wheel holds of both."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import analog_bench
from analog_bench.cli import BENCH_ERROR, main
from tests.conftest import clean_environment

ROOT = Path(__file__).parents[2]
STUDIES = {
    "classification",
    "drift",
    "equal_error",
    "exact_preset",
    "generation",
    "hardware",
    "layer_noise",
    "noise_types",
    "one_block",
    "plan",
    "propagation",
    "waterfall",
}


@pytest.fixture
def made(tmp_path):
    assert main(["new", str(tmp_path / "demo")]) == 0
    return tmp_path / "demo"


@pytest.fixture
def measured(made, warm_python):
    """Return a function that runs `pytest bench` in the project, as small as it can be."""

    def run(*args):
        small = ("--chips", "1", "--examples", "2", "--report", "off")
        done = subprocess.run(
            [warm_python, "-m", "pytest", "bench", *small, *args],
            cwd=made,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_new_project_measures_its_noise_and_keeps_its_baselines(made, measured):
    code, first = measured("--update-baselines")
    assert code == 0, first
    assert "which layers can be stored in coarse memory cells?" in first
    stored = made / "baselines/direct/bert/coarse_cells.json"
    assert "coarse_cells:levels=7,miss=0.3" in stored.read_text()
    (run,) = (made / "runs").glob("*.json")
    assert len(json.loads(run.read_text())["results"]) == 8
    code, second = measured("-k", "bert_coarse_cells and query")
    assert code == 0, second
    assert "equivalent" in second


def test_its_noise_is_an_option_and_refuses_what_it_cannot_be(measured):
    code, said = measured("--noise", "coarse_cells:levels=0")
    assert code == BENCH_ERROR
    assert "ERROR: coarse_cells: levels must be at least 1, found 0" in said
    assert "Traceback" not in said


def test_its_hardware_is_an_option(measured):
    hardware = ("--noise", "preset:my_hardware.py:six_bits", "--drift", "86400")
    code, said = measured(*hardware, "--layer", "*.0.output.dense")
    assert code == 0, said
    assert "my_hardware.py:six_bits" in said


def test_studies_come_along_with_their_baselines(tmp_path):
    folder = tmp_path / "demo"
    assert main(["new", str(folder), "--study", "drift", "--study", "layer*"]) == 0
    pages = {path.name for path in (folder / "bench").iterdir()}
    assert pages == {"bench_coarse_cells.py", "bench_drift.py", "bench_layer_noise.py"}
    for name in (
        "digital/bert",
        "direct/bert/layer_noise",
        "direct/mobilebert/drift",
        "calibrated/bert/drift",
        "hwa/bert/drift",
    ):
        stored = Path(f"baselines/{name}.json")
        assert (folder / stored).read_bytes() == (ROOT / stored).read_bytes()
    assert not (folder / "baselines/direct/bert/hardware.json").exists()


def test_without_a_study_no_baselines_come_along(made):
    assert not (made / "baselines").exists()


def test_all_studies_are_those_of_the_readme(tmp_path):
    assert main(["new", str(tmp_path), "--study", "*"]) == 0
    pages = {path.stem.removeprefix("bench_") for path in (tmp_path / "bench").iterdir()}
    assert pages == {*STUDIES, "coarse_cells"}
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{study}` |" in readme for study in STUDIES)


@pytest.mark.parametrize(
    ("there", "words", "error"),
    [
        ("demo/mine.py", [], "demo is not empty; name a folder that is not there yet"),
        ("demo", [], "demo is not a folder; name a folder that is not there yet"),
        ("other", ["--study", "layer_nois"], "no study 'layer_nois' comes along; did you mean"),
        ("other", ["--study", "self"], "no study 'self' comes along; "),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    tmp_path, monkeypatch, capsys, there, words, error
):
    monkeypatch.chdir(tmp_path)
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("mine")
    assert main(["new", "demo", *words]) == BENCH_ERROR
    said = capsys.readouterr().err
    assert error in said
    assert len(said.splitlines()) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / there]


@pytest.fixture
def built(tmp_path):
    """Return the folder that a wheel is made of, built from a checkout with an empty package."""
    checkout = tmp_path / "checkout"
    (checkout / "analog_bench").mkdir(parents=True)
    for name in ("__init__.py", "py.typed", "expected_outputs.json"):
        (checkout / "analog_bench" / name).touch()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    for name in ("bench", "baselines", "starter"):
        shutil.copytree(ROOT / name, checkout / name)
    words = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "wheel")]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tmp_path / "wheel"


def test_a_wheel_holds_what_a_checkout_does(built, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["new", str(here), "--study", "*"]) == 0
    monkeypatch.setattr(analog_bench, "__file__", str(built / "analog_bench/__init__.py"))
    assert main(["new", str(there), "--study", "*"]) == 0
    files = [
        {path.relative_to(made): path.read_bytes() for path in made.rglob("*") if path.is_file()}
        for made in (here, there)
    ]
    assert files[0] == files[1]
    assert Path(".github/workflows/bench.yml") in files[0]
    assert {"py.typed", "expected_outputs.json"} <= {path.name for path in built.rglob("*")}


def test_what_is_built_first_holds_the_same_folders():
    """A wheel may be made from a source archive, which has what MANIFEST.in lists."""
    listed = (ROOT / "MANIFEST.in").read_text().splitlines()
    assert {"graft bench", "graft baselines", "graft starter"} <= set(listed)


@pytest.mark.parametrize(
    "name", ["demo", "a b", "-x", "--help", "it's", "$HOME", "[ab]*", "two\nlines"]
)
def test_the_next_step_can_be_copied_into_a_shell(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "--", name]) == 0
    step = capsys.readouterr().out.partition("next:\n")[2].rpartition("\n  pytest bench\n")[0]
    subprocess.run(["sh", "-ec", f"{step}\ntest -f pytest.ini"], check=True)
