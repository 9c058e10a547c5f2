"""Every code block of README.md and docs/ does what it says, as far as a minute allows.

A page is a user's session: its blocks run in one folder, from top to bottom. Commands that measure
only collect their cases, unless the page wants them measured, and those marked `not run` are parsed
by the program's own parser. All are real processes.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import blocks_of, parse

from analog_bench.history.rows import COLUMNS
from analog_bench.zoo.model_specs import HUB_IDS
from tests.commands.parsing import parse as parse_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CHEAP = ("--collect-only", "-q")
SMALL = ("--chips", "1", "--examples", "1", "--gate", "off", "--report", "off")
# Run with what is imported by then: torch and transformers take several seconds.
SCRIPT = "import runpy; runpy.run_path({!r}, run_name='__main__')"
DATA = ("json", "toml", "yaml", "text", "diff", "html", "markdown")
MODULES = {"pytest": "pytest", "analog-bench": "analog_bench.cli"}
# What the hub has: the model that pages lock, of a few kilobytes.
TINY = "from pathlib import Path; from tests.hub_stand_in import tiny_bert; tiny_bert(Path({!r}))"


@pytest.fixture
def session(warm, hub, clone):
    """Return a user with a fresh clone."""
    return Session(warm, hub, clone)


class Session:
    """A user who follows a page."""

    def __init__(self, warm, hub, folder):
        self.warm = warm
        self.hub = hub
        self.folder = folder

    def follow(self, block):
        if block.kind in ("file", "append"):
            path = self.folder / block.rest
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w" if block.kind == "file" else "a") as file:
                file.write(block.text + "\n\n")
            if path.suffix == ".py":
                compile(path.read_text(), str(path), "exec")
        elif block.language == "python":
            if block.kind == "not run:":
                compile(block.text, block.place, "exec")
            else:
                self.expect(block, self.warm("-c", block.text, folder=self.folder))
        elif block.language == "console":
            assert block.commands, f"{block.place}: a console block without a command"
            for line in block.commands:
                self.type(block, line)
        else:
            assert block.language in DATA, f"{block.place}: what is {block.language!r}?"

    def type(self, block, line):
        command = parse(line)
        if block.kind == "not run:":
            assert len(block.rest) > 10, f"{block.place}: a reason is missing"
            self.read_only(block, line, command)
        elif command.program == "pytest":
            how = SMALL if block.kind == "measure" else CHEAP
            done = self.run(command, [*command.words, *how])
            self.expect(block, done, line)
            # A `-k` that fits nothing would be a mistake of the page.
            assert re.search(r"\b[1-9]\d*(/\d+)? (tests? collected|passed)", done[1]), done[1]
        elif command.program == "analog-bench":
            self.expect(block, self.run(command, command.words), line)
        elif command.program == "python":
            (script,) = command.words
            self.expect(block, self.warm("-c", SCRIPT.format(script), folder=self.folder), line)
        elif command.program == "make":
            self.expect(block, self.shell(f"make -n {line.partition('make ')[2]}"), line)
        else:
            self.expect(block, self.shell(line), line)

    def read_only(self, block, line, command):
        if command.program == "analog-bench":
            assert parse_command(command.words) is not None
        elif command.program == "pytest":
            self.expect(block, self.run(command, [*command.words, "--help"]), line)
        elif command.program == "make":
            self.expect(block, self.shell(f"make -n {line.partition('make ')[2]}"), line)
        else:
            done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True)
            assert done.returncode == 0, f"{block.place}: {done.stderr}"

    def run(self, command, words):
        words = [word for given in words for word in self.expanded(given)]
        if HUB_IDS["bert"] in words:
            self.fill_hub()
        return self.warm(
            "-m", MODULES[command.program], *words, folder=self.folder, env=command.env
        )

    def fill_hub(self):
        tiny = self.folder / "tiny"
        tiny.mkdir()
        code, said = self.warm("-c", TINY.format(str(tiny)), folder=self.folder)
        assert code == 0, said
        self.hub.add(HUB_IDS["bert"], {path.name: path for path in tiny.iterdir()})

    def expanded(self, word):
        """Return what a shell makes of a word with stars: the files, or the word itself."""
        if "*" not in word or word.startswith("-") or "/" not in word:
            return [word]
        return sorted(map(str, self.folder.glob(word))) or [word]

    def shell(self, line):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-e", "-c", line],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def expect(self, block, done, line=""):
        code, said = done
        assert code == 0, f"{block.place}: {line}\n{said[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_works(page, session):
    for block in blocks_of(page):
        session.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_additions_are_short():
    """What a study, a noise, a simulator and a model take, in lines of one file each."""
    blocks = blocks_of(ROOT / "docs" / "extending.md")
    limits = {
        "bench/bench_pcm_day.py": 30,
        "dead_weight.py": 30,
        "toy_crossbar.py": 60,
        "masked_words.py": 80,
    }
    for name, limit in limits.items():
        (block,) = [b for b in blocks if b.rest == name and b.kind == "file"]
        assert len(block.text.splitlines()) < limit, block.place
    (model,) = [b for b in blocks if "zoo add csarron" in b.text]
    assert len(model.commands) == 2


def test_the_columns_of_the_history_are_those_of_the_page():
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", (ROOT / "docs/nightly.md").read_text(), re.M)
    assert set(COLUMNS) <= set(rows)
