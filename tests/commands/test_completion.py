"""Completion: real shells read typer's script, and bash completes with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.completion import get_completion_script

ROOT = Path(__file__).parents[2]
# What readline does for a line that ends where Tab is pressed.
COMPLETE = """
source "$1"; shift
complete -p analog-bench | grep -q -- '-o default -F _analog_bench_completion analog-bench'
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_analog_bench_completion "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Return a folder with the program and the scripts of the shells."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        script = get_completion_script(
            prog_name="analog-bench", complete_var="_ANALOG_BENCH_COMPLETE", shell=shell
        )
        (folder / shell).write_text(script)
    file = folder / "analog-bench"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -m analog_bench.cli "$@"\n')
    file.chmod(0o755)
    return folder


def needed(shell):
    return shutil.which(shell) or pytest.skip(f"no {shell} here")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_its_script(shell, program):
    done = subprocess.run(
        [needed(shell), "-n", program / shell], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nigh",), {"nightly"}),
        (("nightly", ""), {"run", "issues"}),
        (("nightly", "run", "--hi"), {"--history"}),
        (("zoo", "list", "--zoo", ""), {"embedded", "hub", "folder", "package"}),
        # Nothing of ours: bash falls back to files.
        (("report", "run"), set()),
    ],
    ids=lambda value: " ".join(value if isinstance(value, tuple) else sorted(value)),
)
def test_bash_completes(words, expected, program):
    done = subprocess.run(
        [needed("bash"), "--norc", "-e", "-c", COMPLETE, "bash", program / "bash",
         "analog-bench", *words],
        env={"PATH": f"{program}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == expected
