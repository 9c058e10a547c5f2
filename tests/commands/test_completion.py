"""`analog-bench completion`: real shells read the script, and complete with it."""

import shutil
import subprocess

import pytest

from analog_bench.cli import build_parser, main
from analog_bench.commands.completion import script

# What readline does for a line that ends where Tab is pressed.
COMPLETE = """
source "$1"; shift
[ "$(complete -p analog-bench | sed 's/.* -F \\([^ ]*\\) .*/\\1/')" = _shtab_analog_bench ]
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_shtab_analog_bench "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Return a folder with the script of every shell."""
    folder = tmp_path_factory.mktemp("scripts")
    for shell in ("bash", "zsh", "tcsh"):
        (folder / shell).write_text(script(build_parser(), shell))
    return folder


def needed(shell):
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"no {shell} here")
    return found


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_shell_can_read_its_script(shell, scripts):
    done = subprocess.run(
        [needed(shell), "-n", scripts / shell], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_verb_prints_it(scripts, capsys):
    assert main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == (scripts / "bash").read_text() + "\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nigh",), ["nightly"]),
        (("nightly", ""), ["run", "issues"]),
        (("nightly", "run", "--hi"), ["--history"]),
        (("completion", ""), ["bash", "zsh", "tcsh"]),
        (("report", "run"), ["runs", "run.json"]),
        (("nightly", "run", "--history", "run"), ["runs"]),
        (("nightly", "run", "--bench", "run"), ["runs", "run.json"]),
        (("zoo", "score", "bert", "--lock", "run.j"), ["run.json"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bash_completes(words, expected, scripts, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "run.json").touch()
    done = subprocess.run(
        [needed("bash"), "--norc", "-e", "-c", COMPLETE, "bash", scripts / "bash",
         "analog-bench", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(expected) <= set(done.stdout.split()) <= {*expected, "-h", "--help"}


def test_an_unknown_shell(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["completion", "fish"])
    assert stopped.value.code == 2
    assert "choose from" in capsys.readouterr().err
