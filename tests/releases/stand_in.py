"""Code that stands in for the project's in an environment: no torch, and told what to do.

Real interpreters run it, and a real pytest loads its plugin. What it does stands in files beside
it, so that a test can change that between two processes.
"""

import json
from contextlib import contextmanager
from dataclasses import replace

from analog_bench.simulators.physics.survey_record import survey_as_plain
from analog_bench.store.run_file import write_run

CLI = """
import sys
from importlib.metadata import version
from pathlib import Path

assert sys.argv[1:] == ["physics", "--json"], sys.argv
here = Path(__file__).parents[1]
told = here / "survey" / version("aihwkit")
print(told.read_text())
if "error" in told.read_text():
    print("noise\\nanalog-bench: error: aihwkit is not there", file=sys.stderr)
"""
TIMING = """
import json, sys
from importlib.metadata import version
from pathlib import Path

slow = {"product": 0.02 if "fault" in version("aihwkit") else 0.01}
print("w" * 100_000, file=sys.stderr)  # more than a pipe holds
told = Path(__file__).parents[2] / "timing"
print(json.dumps({"spin": "ValueError: it cannot"}), flush=True)
for turn, _ in enumerate(sys.stdin):
    if told.exists() and turn == 2 and "fault" in version("aihwkit"):
        print(told.read_text(), flush=True) if told.read_text() else sys.exit("error: it broke")
    else:
        print(json.dumps(slow), flush=True)
"""
PLUGIN = """
import shutil, time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parents[1]

def pytest_addoption(parser):
    for name in ("--gate", "--json", "--chips"):
        parser.addoption(name)
    parser.addoption("--resume", action="store_true")

def pytest_sessionfinish(session):
    told = (HERE / "measure").read_text()
    run_file = Path(session.config.option.json)
    journal = run_file.with_name(run_file.name + ".journal")
    with (HERE / "calls").open("a") as calls:
        how = "resumed" if session.config.option.resume else "begun"
        calls.write(f"{version('aihwkit')} {how} {session.config.option.gate}\\n")
    if told == "hang":
        journal.write_text("half of it")
        print("HANGING", flush=True)
        time.sleep(60)
    if told != "nothing":
        journal.unlink(missing_ok=True)
        shutil.copy(HERE / "runs" / version("aihwkit"), run_file)
        run_file.with_suffix(".html").write_text("a page")
    if told == "fail":
        session.exitstatus = 1
    if told == "interrupted":
        session.exitstatus = 2
"""


class StandIn:
    """The folder of the code, and what it is told."""

    def __init__(self, folder):
        self.folder = folder
        package = folder / "analog_bench"
        (package / "simulators").mkdir(parents=True)
        for path, text in (
            ("__init__.py", ""),
            ("simulators/__init__.py", ""),
            ("cli.py", CLI),
            ("simulators/timing.py", TIMING),
            ("plugin.py", PLUGIN),
        ):
            (package / path).write_text(text)
        for name in ("survey", "runs"):
            (folder / name).mkdir()
        self.measure("well")

    def found(self, version, survey):
        """Let a survey of a release find this; a text is printed as it is."""
        text = survey
        if not isinstance(survey, str):
            versions = {**survey.versions, "aihwkit": version}
            text = json.dumps(survey_as_plain(replace(survey, versions=versions)))
        (self.folder / "survey" / version).write_text(text)

    def scored(self, version, run):
        """Let the cases of a release score this."""
        write_run(self.folder / "runs" / version, run)

    def measure(self, how):
        """Let pytest do `well`, `fail`, `nothing`, `hang`, or be `interrupted`."""
        (self.folder / "measure").write_text(how)

    def time(self, text):
        """Let the third turn of the faulty one say this; end there where it is empty."""
        (self.folder / "timing").write_text(text)

    @property
    def calls(self):
        """How pytest was called so far."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @contextmanager
    def snapshot(self):
        """Stand in for `snapshot`."""
        yield self.folder
