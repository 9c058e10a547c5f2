"""Makes the corpus and tries inputs on it, each in a folder and a forked process of its own."""

import json
import os
import random
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field

from tests.conftest import clean_environment
from tests.fuzz import corpus
from tests.fuzz.inputs import Step
from tests.fuzz.kinds import HOUSES, KINDS
from tests.fuzz.verdict import finding_in, refusal_of
from tests.hub_stand_in import client_environment

PATIENCE_S, LONG_PATIENCE_S = 40, 6
# What stands around the folder of the user, and must stay as it is.
AROUND = ("x", "x.json", "passwd", "page.html", "etc/passwd.json")
GH = '#!/bin/sh\ncat "$GH_ANSWER"\n'


@dataclass(frozen=True)
class Finding:
    """What went wrong, and how to see it again."""

    kind: str
    number: int
    told: str
    step: str
    what: str

    def __str__(self):
        head = f"{self.what}\n    {self.told}\n    $ {self.step}\n    again: python -m tests.fuzz"
        return f"{head} --kind {self.kind!r} --only {self.number}"


@dataclass
class Tally:
    """How inputs of a kind ended."""

    inputs: int = 0
    refused: int = 0
    long: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, ended):
        """Count an input."""
        self.inputs += 1
        self.refused += ended == "refused"
        self.long += ended == "long"
        if isinstance(ended, Finding):
            self.findings.append(ended)

    def __str__(self):
        told = f"{self.inputs} inputs, {self.refused} refused, {len(self.findings)} findings"
        return told + (f", {self.long} would take long" if self.long else "")


class Trials:
    """Tries inputs; `python` is a program of `tests.conftest.warmed`, `top` a folder for all."""

    def __init__(self, python, top, hub, seed):
        self._python, self._top, self._hub, self._seed = python, top, hub, seed
        self._made = set()
        self._corpus = top / "corpus" / "house"
        self._corpus.mkdir(parents=True)

    def run(self, name, number):
        """Try one input; return how it ended: `fine`, `refused` or `long`, or a Finding."""
        kind = KINDS[name]
        for part in kind.parts:
            self._make(part)
        rng = random.Random(f"{self._seed} {name} {number}")
        folder = self._top / f"{name.replace(' ', '-')}-{number}"
        house = folder / rng.choice(HOUSES)
        house.mkdir(parents=True)
        for part in kind.parts:
            for place in corpus.PARTS[part].places:
                _copy(self._corpus / place, house / place)
        self._hub.twist = None
        tried = kind.make(house, rng, self._hub)
        for place in AROUND:
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_text("not ours")
        before = _around(folder, house)
        ended = "fine"
        for step in tried.steps:
            seconds = LONG_PATIENCE_S if tried.long else PATIENCE_S
            code, output, errors = self._execute(step, house, tried.where, seconds)
            what = finding_in(step, code, output, errors, tried.names)
            reached = (folder / "report").read_text()
            if what.startswith("hang") and tried.long:
                ended = "long"
                break
            refused = code in (2, 4)
            if not what and tried.sound and refused:
                what = f"refused though sound: {refusal_of(step.program, code, output, errors)}"
            if reached:
                what = f"reached out of its folder: {reached.splitlines()[0]}"
            if _around(folder, house) != before:
                what = "changed what is around its folder"
            if what:
                line = shlex.join((step.program, *step.args)).encode("unicode_escape").decode()
                return Finding(name, number, tried.told, line[:600], what)
            if refused:
                ended = "refused"
                break
        self._clear(folder)
        return ended

    def _make(self, part):
        if part in self._made:
            return
        self._made.add(part)
        for needed in corpus.PARTS[part].needs:
            self._make(needed)
        for maker in corpus.PARTS[part].made_by:
            if isinstance(maker, str):
                call = f"from tests.fuzz import corpus; corpus.{maker}({str(self._corpus)!r})"
                maker = ("python", call)
            code, output, errors = self._execute(Step(maker[0], maker[1:]), self._corpus)
            if code not in (0, 1) or "Traceback" in errors:
                raise RuntimeError(f"the corpus cannot be made: {output[-2000:]}{errors[-2000:]}")

    def _execute(self, step, house, said=(), seconds=PATIENCE_S):
        folder = house.parent
        for name in ("tmp", "home", "bin"):
            (folder / name).mkdir(exist_ok=True)
        if not (folder / "bin" / "gh").exists():
            (folder / "bin" / "gh").write_text(GH)
            (folder / "bin" / "gh").chmod(0o755)
        env = {
            **clean_environment(),
            **client_environment(self._hub.endpoint, house),
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            # Looking for plugins takes longer than most inputs.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "UV_OFFLINE": "1",
            "UV_CACHE_DIR": str(folder / "home" / "uv"),
            **step.env,
        }
        leash = {
            "inside": [str(house), str(folder / "tmp"), str(folder / "home")],
            "said": list(said),
            "report": str(folder / "report"),
            "seconds": seconds,
        }
        command = [self._python, "-m", "tests.fuzz.leash", json.dumps(leash), step.program]
        with (folder / "output").open("wb") as out, (folder / "errors").open("wb") as err:
            done = subprocess.run(
                [*command, *step.args],
                cwd=house,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                timeout=2 * PATIENCE_S,
                check=False,
            )
        ends = [(folder / name).read_bytes() for name in ("output", "errors")]
        return done.returncode, *(end.decode("utf-8", "backslashreplace") for end in ends)

    def _clear(self, folder):
        for path in folder.rglob("closed"):
            path.chmod(0o700)
        shutil.rmtree(folder)


def shared_out(inputs, names):
    """Return how many inputs of each kind there are, at least one."""
    total = sum(KINDS[name].share for name in names)
    return {name: max(1, round(inputs * KINDS[name].share / total)) for name in names}


def _copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _around(folder, house):
    ours = {house.name, "tmp", "home", "bin", "output", "errors", "report"}
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.relative_to(folder).parts[0] not in ours:
            found[str(path)] = path.read_bytes() if path.is_file() else None
    return found
