"""The command line, as processes of their own where the process matters."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace

from analog_bench.cli import app, main
from analog_bench.store.run_file import write_run
from tests.commands.parsing import parse
from tests.report.example_report import example_run

ROOT = Path(__file__).parents[1]
MODULE = [sys.executable, "-m", "analog_bench.cli"]
HEAVY = ("torch", "aihwkit", "transformers", "datasets", "scipy", "numpy", "rich")


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def call(*words, **more):
    return subprocess.run([*MODULE, *words], capture_output=True, text=True, timeout=120, **more)


def verbs(command=None, path=()):
    """Yield every verb and group of verbs there is, as words."""
    command = command or typer.main.get_command(app)
    yield path
    for name, verb in getattr(command, "commands", {}).items():
        yield from verbs(verb, (*path, name))


def test_help_is_fast_and_imports_nothing_heavy():
    code = f"""
import sys
from analog_bench.cli import main
codes = [main([*verb.split(), "--help"]) for verb in sys.argv[1:]]
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
sys.exit(max(codes))
"""
    words = [" ".join(verb) for verb in verbs()]
    assert {"", "zoo score", "hwa train", "generate"} <= set(words)
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    assert "analog-bench zoo score bert --data squad --examples 300" in done.stdout


@pytest.mark.parametrize("verb", list(verbs()), ids=" ".join)
def test_every_verb_shows_an_example_that_parses(verb, capsys):
    assert main([*verb, "--help"]) == 0
    shown = re.findall(r"^ +analog-bench (.+)$", capsys.readouterr().out, flags=re.M)
    assert shown
    for line in shown:
        assert line.split()[: len(verb)] == list(verb)
        assert parse(shlex.split(line)) is not None


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["dcotor"], "No such command 'dcotor'. Did you mean 'doctor'?"),
        (["doctor", "--jsno"], "No such option: --jsno (Possible options: --json)"),
        ([], "Missing command"),
        (["zoo"], "Missing command"),
        (
            ["hwa", "train", "bert", "--steps", "0"],
            "it must be a whole number of at least 1, found",
        ),
        (["report", "-o", ""], "nothing is given for -o"),
        (["hwa", "train", "bert", "--out="], "nothing is given for --out"),
        (["compare", "a.json", ""], "an argument is empty"),
        (["compare", "a", "b", "--json", "--markdown"], "--json and --markdown exclude each other"),
        (["generate", "--drift", "soon"], "Invalid value for '--drift'"),
        (["generate", "--variant", "hva"], "no variant 'hva'; did you mean 'hwa'?"),
    ],
)
def test_a_line_that_cannot_be_read(words, wrong, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert wrong in err
    assert out == ""


NUMBERS = ("-1", str(2**63), "1" + "0" * 400, "9" * 5000, "nan", "inf", "1e400", "one", "0x1")


def numeric_options():
    """Yield every option of any verb that takes a number."""
    for path in verbs():
        command = typer.main.get_command(app)
        for word in path:
            command = command.commands[word]
        arguments = ["x"] * sum(p.required for p in command.params)
        for option in command.params:
            if option.metavar in ("N", "K", "S", "X", "SECONDS"):
                yield pytest.param(
                    [*path, *arguments, option.opts[0]], id=" ".join(path) + option.name
                )


@pytest.mark.parametrize("words", list(numeric_options()))
def test_numbers_that_cannot_be(words, capsys):
    for number in NUMBERS:
        assert main([*words, number]) == 2, number
        out, err = capsys.readouterr()
        assert out == ""
        last = err.splitlines()[-1]
        assert last.startswith(f"Error: Invalid value for '{words[-1]}': it must be ")
        assert " number " in last
        assert len(last) < 200


def test_all_numeric_options_are_tried():
    assert len(list(numeric_options())) > 30


def test_an_error_is_one_line_with_code_4():
    done = call("zoo", "score", "bret")
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith(
        "analog-bench: error: no embedded model or folder 'bret'; did you mean"
    )
    assert done.stderr.count("\n") == 1


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    # A shell that starts the tests in the background has them ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = lambda path: signal.raise_signal(signal.SIGINT)  # noqa: E731
    monkeypatch.setattr("analog_bench.commands.zoo.read_lock", interrupt)
    try:
        assert main(["zoo", "list"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "analog-bench: interrupted\n"


def run_of_one_study():
    run = example_run()
    of_one = tuple(result for result in run.results if result.study == "noise_types")
    return replace(run, results=of_one)


@pytest.fixture
def _results(tmp_path):
    """Write a run into the folder that the test stands in, as a name and a history have it."""
    (tmp_path / "runs").mkdir()
    write_run(tmp_path / "runs" / "bench-a.json", run_of_one_study())


WRITING = {
    "by click": ["--help"],
    "by print": ["report", "runs/bench-a.json", "--markdown"],
    "JSON": ["history", "--json"],
    "by Rich": ["compare", "runs/bench-a.json", "runs/bench-a.json"],
    "as a table": ["history"],
    "few characters, at the end": ["zoo", "list", "--zoo", "hub"],
}


@pytest.mark.usefixtures("_results")
@pytest.mark.parametrize("words", WRITING.values(), ids=WRITING)
def test_a_full_disk_behind_the_output_is_one_line(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*MODULE, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 4
    assert done.stderr == "analog-bench: error: cannot write: No space left on device\n"


@pytest.mark.usefixtures("_results")
@pytest.mark.parametrize(
    ("words", "closed"),
    [
        *((words, ">&-") for words in WRITING.values()),
        *((WRITING[how], ">&- 2>&-") for how in ("by click", "by Rich")),
    ],
)
def test_a_closed_output_is_no_error(words, closed):
    line = f"exec {shlex.join([*MODULE, *words])} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_the_signs_gets_question_marks(tmp_path):
    write_run(tmp_path / "run.json", run_of_one_study())
    done = subprocess.run(
        [*MODULE, "report", "run.json", "--markdown"],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout


@pytest.mark.parametrize("verb", [["models"], ["energy", "bert"]])
def test_a_mistyped_choice_has_the_hint_that_a_mistyped_name_has(verb, capsys):
    assert main([*verb, "--zoo", "embeded"]) == 2
    assert "'--zoo': there is no 'embeded'; did you mean 'embedded'?" in capsys.readouterr().err
