"""`analog-bench releases`: what it says of real environments of tiny wheels, how it refuses."""

import json
from importlib import metadata
from pathlib import Path

import pytest
import tiny_wheels
from rich.console import Console
from stand_in import StandIn
from surveys import survey

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.commands import releases
from analog_bench.releases import comparison_run as session
from analog_bench.releases.release_environment import environments, environments_folder
from analog_bench.report.as_terminal import printed
from analog_bench.report.release_tables import environments_table

ROOT = Path(__file__).parents[2]
HERE = metadata.version("aihwkit")


def test_a_fault_in_a_wheel_is_found_and_named(index, tmp_path, capsys):
    """The whole way, with the real survey: 10 % more programming noise in the code of PCM."""
    wheel = tiny_wheels.faulty_aihwkit(
        tmp_path, "self.prog_noise_scale * sig_prog", "self.prog_noise_scale * 1.1 * sig_prog"
    )
    rubbish = tmp_path / f"aihwkit-{HERE}+rubbish-py3-none-any.whl"
    rubbish.write_text("rubbish")
    out = tmp_path / "out"
    words = [HERE, f"{rubbish}:name=rubbish", f"{wheel}:name=faulty", "--no-cases", "--turns", "0"]
    words += ["--torch", metadata.version("torch"), "--out", str(out), "--markdown"]
    assert main(["releases", *words]) == 1
    said, told = capsys.readouterr()
    assert f"### {HERE} -\\> faulty: changed (exact, physics): pcm programming noise" in said
    assert "rubbish could not be compared: error: Failed to read" in said
    assert "| now / before |" not in said
    assert "faulty: environment" in told
    plain = json.loads((out / "releases.json").read_text())
    (step,) = plain["steps"]
    found = {layer["name"]: layer["changes"] for layer in step["layers"]}
    assert [change["subject"] for change in found["physics"]] == ["pcm programming noise"]
    assert found["physics"][0]["description"].startswith("109 to 110 % of its closed form, was ")
    assert {
        change["subject"]: change["description"].partition(" differ")[0]
        for change in found["exact"]
    } == {
        "pcm": "fingerprints of chips programmed with one seed",
        "StandardHWATrainingTorch": "products read with one seed",
    }
    assert step["abilities"] == []
    assert step["packages"] == {"aihwkit": [HERE, f"{HERE}+fault"]}


@pytest.fixture
def small(index, tmp_path, monkeypatch):
    """Work in a folder of one's own, with code that stands in for ours."""
    code = StandIn(tmp_path / "code")
    monkeypatch.setattr(session, "snapshot", code.snapshot)
    code.found(HERE, survey())
    monkeypatch.chdir(tmp_path)
    return ["releases", HERE, f"{HERE}:name=again", "--no-cases", "--turns", "0"]


def test_nothing_changed(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(small) == 0
    said, told = capsys.readouterr()
    assert f"{HERE} -> again: nothing changed (without cases)" in said
    assert "built in" in told
    written = list((tmp_path / "runs" / "releases").glob("*/releases.json"))
    assert len(written) == 1
    assert str(written[0]) in said
    assert main([*small, "--json", "--out", "named"]) == 0
    said, told = capsys.readouterr()
    assert json.loads(said) == json.loads((tmp_path / "named" / "releases.json").read_text())
    assert "built in" not in told
    # The environments are listed: one, which both have.
    assert main(["releases", "--list"]) == 0
    listed = capsys.readouterr().out
    assert f"1 in {environments_folder()}" in listed.replace("\n", "")
    assert f"{metadata.version('torch')} " in listed
    assert main(["releases", "--list", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [one["key"] for one in plain["environments"]] == [environments()[0].key]
    assert {"aihwkit": "1.2.0", "python": "3.12", "torch": "2.15.0"}.items() <= plain["pairs"][
        -1
    ].items()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1.1.0"], "at least two releases are compared, found 1"),
        (["1.1.0", "1.2.0", "--turns", "5"], "--turns 5 are too few"),
        (["1.1.0", "1.2.0", "-k", "bert"], "leaves nothing for pytest to do with '-k'"),
        (["1.1.0", "1.2.0", "--resume"], "name it with --out FOLDER"),
        (["1.1.0", "1.2.0", "--resume", "--out", "nowhere"], "holds no comparison to resume"),
        (["1.1.0", "1.2.0", "--out", "/proc/nowhere"], "name a folder with --out"),
        (["1.1.0", "1.2.0", "--constraints", "nowhere"], "cannot read the constraints 'nowhere'"),
        (["1.1.0", "aihwkit.whl"], "there is no such file"),
        (["1.1.0", "1.1.0"], "two releases would be called '1.1.0'"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_built(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["releases", "--no-cases", *words]) == BENCH_ERROR
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("analog-bench: error: ")
    assert said in error
    assert error.count("\n") == 1


def test_options_that_select_nothing_are_found_out_beforehand(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    out = ["--out", str(tmp_path / "out")]
    assert main(["releases", "1.1.0", "1.2.0", *out, "-k", "no_such_study"]) == BENCH_ERROR
    assert "-k no_such_study` selects no case" in capsys.readouterr().err
    assert main(["releases", "1.1.0", "1.2.0", *out, "--chips", "many"]) == BENCH_ERROR
    error = capsys.readouterr().err
    assert "fails: " in error
    assert "many" in error
    monkeypatch.chdir(tmp_path)
    assert main(["releases", "1.1.0", "1.2.0", *out]) == BENCH_ERROR
    assert "no studies at 'bench' here" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_comparison_is_resumed_as_it_was_begun(small, capsys):
    first = [*small, "--out", "out"]
    assert main(first) == 0
    assert main([*first, "--resume"]) == 0
    capsys.readouterr()
    assert main([*first, "--resume", "--torch", metadata.version("torch")]) == BENCH_ERROR
    assert "holds another comparison: releases differ" in capsys.readouterr().err


def test_an_interruption_says_how_to_go_on(small, monkeypatch, capsys):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "compare", interrupted)
    (Path("bench")).mkdir()
    Path("bench/test_one.py").write_text("def test_one(): pass\n")
    words = [word for word in small if word != "--no-cases"]
    assert main([*words, "--out", "my folder"]) == 130
    error = capsys.readouterr().err
    assert "with --resume --out '" in error
    assert "my folder' goes on\nanalog-bench: interrupted\n" in error


def test_stages_are_lines_and_details_are_for_terminals():
    def told(**kind):
        console = Console(width=60, **kind)
        with console.capture() as captured, releases.show_progress(console) as tell:
            tell("1.2.0", "looking for its environment", False)
            tell("1.2.0", "Resolved [red]9[/] packages", True)
            tell("", "timing", False)
        return captured.get()

    assert told() == "1.2.0: looking for its environment\ntiming\n"
    on_terminal = told(force_terminal=True)
    assert "1.2.0: looking for its environment\n" in on_terminal


def test_no_environments_yet(tmp_path):
    text = printed(environments_table([], tmp_path), 100)
    assert "1.1.0    3.11    2.13.0  works  no" in text
    assert "0 in " in text
