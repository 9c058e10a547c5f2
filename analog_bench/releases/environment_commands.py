"""Our own commands inside a release's environment, as processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import analog_bench
from analog_bench.codec import DocumentError, parse
from analog_bench.errors import ReleaseFailed, UsageError
from analog_bench.releases.environment_recipe import PROJECT
from analog_bench.releases.release_environment import Environment
from analog_bench.releases.subprocesses import run_captured, run_logged
from analog_bench.simulators.physics.survey_record import Survey, survey_from_plain
from analog_bench.simulators.versions import package_version

# Would bring this process's packages into an environment that is to be alone, or its measurements
# into a CI job's summary, which is for the comparison.
_LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "GITHUB_STEP_SUMMARY")
_NOTHING_SELECTED, _MISUSED, _TESTS_FAILED = 5, 4, 1


@contextmanager
def snapshot() -> Iterator[Path]:
    """Yield a folder for PYTHONPATH with a copy of this project's code, and nothing else.

    Environments hold what the project depends on, and not the project: its code changes every day,
    they take gigabytes. Every release is measured by one copy of the code that runs this; edits
    made meanwhile do not enter.
    """
    package = Path(analog_bench.__file__).parent
    with TemporaryDirectory(prefix="analog-bench-") as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(package, folder / package.name, ignore=ignored)
        version = package_version(PROJECT)
        if version is not None:
            info = folder / f"{PROJECT.replace('-', '_')}-{version}.dist-info"
            info.mkdir()
            text = f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: {version}\n"
            (info / "METADATA").write_text(text, encoding="utf-8")
        yield folder


@dataclass(frozen=True)
class Runtime:
    """An environment, and the folder of our code that runs in it, as `snapshot` yields it."""

    environment: Environment
    code: Path

    def variables(self) -> dict[str, str]:
        """Return the variables of a process in it."""
        path = os.pathsep.join([str(self.environment.scripts), os.environ.get("PATH", os.defpath)])
        return {
            **{name: value for name, value in os.environ.items() if name not in _LEFT_OUT},
            "PATH": path,
            "PYTHONPATH": str(self.code),
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def start(
        self, module: str, *words: str, stderr: IO[str] | int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start a module of ours, to be talked to line by line."""
        return subprocess.Popen(
            [str(self.environment.python), "-m", module, *words],
            # `-m` looks in the current folder first, and a checkout there is not the snapshot.
            cwd=self.code,
            env=self.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            errors="replace",
        )


def survey(runtime: Runtime) -> Survey:
    """Probe a release: which tiles work, and whether its physics is what it says.

    Raises:
        ReleaseFailed: The survey crashed, which is a defect or a broken installation.
    """
    with runtime.start("analog_bench.cli", "physics", "--json") as process:
        out, problem = process.communicate()
    try:
        return survey_from_plain(parse(out.encode()))
    except DocumentError:
        why = last_words(problem, process.returncode)
        raise ReleaseFailed(f"it cannot be surveyed: {why}") from None


def bench(
    runtime: Runtime,
    words: Sequence[str],
    run_file: Path,
    root: Path,
    log: Path,
    tell: Callable[[str], None],
) -> str:
    """Measure the cases, `pytest WORDS` from `root`, in a release's environment.

    Results go to `run_file`, and pytest's output to `log` and, line by line, `tell`. Returns a
    sentence on tests that failed, which need not concern results; empty without.

    Raises:
        ReleaseFailed: There are no results, or not all; the text says why.
    """
    # Not `python -m pytest`, which would put the current folder before the snapshot.
    pytest = str(runtime.environment.scripts / "pytest")
    own = ["-p", "analog_bench.plugin", "--gate", "off", "--json", str(run_file)]
    with log.open("w", buffering=1, encoding="utf-8") as file:
        code, lines = run_logged(
            [pytest, *words, *own],
            file,
            tell,
            cwd=root,
            env={**runtime.variables(), "COLUMNS": "140"},
            # Ctrl-C is for this process: pytest would conclude the run with what it has by then,
            # and leave nothing to resume. Killed, it leaves its journal.
            alone=True,
        )
    ending = f"{last_words(chr(10).join(lines), code)} (all of it: {log})"
    if code not in (0, _TESTS_FAILED) or not os.path.isfile(run_file):
        raise ReleaseFailed(f"its cases were not measured: {ending}")
    return ending if code == _TESTS_FAILED else ""


def check_selection(words: Sequence[str], root: Path) -> None:
    """Check, before anything is built, that there are studies and pytest's words select cases.

    Raises:
        UsageError: There are no studies, the words select nothing, or cannot be read.
    """
    if not os.path.exists(root / words[0]):
        raise UsageError(
            f"there are no studies at {words[0]!r} here; name their folder with --bench, or "
            "compare without cases: --no-cases"
        )
    own = ["-p", "analog_bench.plugin", "--collect-only", "--quiet", "--gate", "off"]
    done = run_captured([sys.executable, "-m", "pytest", *words, *own], cwd=root, timeout=None)
    if done.returncode == _NOTHING_SELECTED:
        raise UsageError(f"`pytest {' '.join(words)}` selects no case; try it with --collect-only")
    if done.returncode != 0:
        output = done.stderr if done.returncode == _MISUSED else done.stdout
        raise UsageError(f"`pytest {' '.join(words)}` fails: {last_words(output, done.returncode)}")


def last_words(output: str, code: int) -> str:
    """Return the end of a process's output, or its error, as one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error:", "analog-bench: error"))]
    return " ".join(errors or lines[-3:])[-400:] or f"it ended with code {code}"
