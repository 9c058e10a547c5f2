"""Runs on hardware and devices of a user's own: their names in results, and files that change."""

import json
from functools import partial

import pytest

from analog_bench.content_name import content_name

FEW = ("--layer", "qa_outputs", "--chips", "2", "--examples", "12", "--drift", "86400")
HARDWARE = """
from aihwkit.simulator.configs import TorchInferenceRPUConfig
from aihwkit.simulator.parameters import IOParameters

def mine():
    return TorchInferenceRPUConfig(forward=IOParameters(out_noise={noise}))
"""
DEVICES = "g_us,sigma_us,nu_mean\n0,0.2,0.05\n25,{spread},0.05\n"

# Ends the process after the first case, as a crash does.
STOPPER = """
import os
def pytest_runtest_logreport(report):
    if report.when == "teardown":
        os._exit(9)
"""


@pytest.fixture
def files(tmp_path):
    """Write the two files as a user has them; return what to give on the command line."""

    def write(noise=0.1, spread=1.0):
        hardware, devices = tmp_path / "my_hardware.py", tmp_path / "devices.csv"
        hardware.write_text(HARDWARE.format(noise=noise))
        devices.write_text(DEVICES.format(spread=spread))
        return "--noise", f"preset:{hardware}:mine", "--noise", f"measured:{devices}"

    return write


@pytest.fixture
def run(warm, tiny, tmp_path):
    """Return a function that measures the tiny model; `stopper` lies on the path."""
    (tmp_path / "stopper.py").write_text(STOPPER)
    return partial(warm, "--model", tiny, folder=tmp_path, first_on_path=[tmp_path])


def forget(folder):
    """Move the results out of the way of the next run."""
    for file in folder.glob("results.*"):
        file.unlink()


def run_of(folder):
    return json.loads((folder / "results.json").read_text())


def test_what_changed_is_another_case_and_no_regression(run, tmp_path, files):
    given = files()
    first = run(*given, *FEW, "--update-baselines")
    assert first.code == 0, first.out
    stamp = content_name(tmp_path / "devices.csv", (tmp_path / "devices.csv").read_bytes())
    found = run_of(tmp_path)
    ids = {result["case_id"] for result in found["results"]}
    assert {case.split("/")[2].split(",")[0] for case in ids if "measured" in case} == {
        f"measured:file={stamp}"
    }
    assert all("/qa_outputs/" in case and case.count("/") == 4 for case in ids)
    assert stamp in found["manifest"]["options"]["noise"]
    assert "my_hardware.py:mine@" in found["manifest"]["options"]["noise"]
    forget(tmp_path)
    same = run(*given, *FEW)
    assert same.code == 0, same.out
    assert same.out.count("equivalent") >= 2, same.out
    # Much worse hardware, and much worse devices: not a regression of the former ones.
    forget(tmp_path)
    worse = run(*files(noise=3.0, spread=9.0), *FEW)
    assert worse.code == 0, worse.out
    assert "regressed" not in worse.out
    assert not ids & {result["case_id"] for result in run_of(tmp_path)["results"]}


@pytest.mark.parametrize("changed", [{"noise": 0.2}, {"spread": 1.1}])
def test_a_run_is_not_resumed_on_changed_files(run, tmp_path, files, changed):
    assert run(*files(), *FEW, "-p", "stopper").code == 9
    done = run(*files(**changed), *FEW, "--resume")
    assert done.code != 0
    assert "its numbers would not go together: --noise was" in done.out, done.out
    assert "Traceback" not in done.out
    done = run(*files(), *FEW, "--resume")
    assert done.code == 0, done.out
    assert len(run_of(tmp_path)["results"]) == 2


def test_nor_on_a_changed_extension(run, tmp_path):
    """What a noise of one's own does is said in its file alone, and not in the names of cases."""
    extension = tmp_path / "my noise.py"
    given = ("--extension", extension, "--noise", "white_output", "--layer", "*0.output.dense")
    given = (*given, *FEW[2:-2], "--noise", "white_output:2")
    extension.write_text("STRENGTH = 1\n")
    assert run(*given, "-p", "stopper").code == 9
    extension.write_text("STRENGTH = 2\n")
    done = run(*given, "--resume")
    assert done.code == 4, done.out
    assert "its numbers would not go together: --extension was" in done.out, done.out
    extension.write_text("STRENGTH = 1\n")
    done = run(*given, "--resume")
    assert done.code == 0, done.out
    assert len(run_of(tmp_path)["results"]) == 2


def test_a_mistake_is_one_line_before_anything_is_measured(run, tmp_path, files):
    hardware = files()[1].removeprefix("preset:")
    for given, said in (
        (("--hardware", hardware), "would change nothing"),
        (("--hardware", f"{hardware}x", "--noise", "pcm"), "has no function 'minex'; did you mean"),
        (("--hardware", hardware, "--noise", "pcm", "--tile", "cpp"), "needs the torch tile"),
        (("--hardware", "ReRamESPreset", "--noise", "pcm"), "is for training on devices"),
        (("--noise", "measured"), "no device table; name its file: measured:FILE.csv"),
    ):
        done = run("--collect-only", "-q", *given)
        assert done.code == 4, done.out
        assert "Traceback" not in done.out
        assert [said in line for line in done.errors] == [True], done.out
