"""The room keeps its walls: one door to aihwkit, no torch where collection passes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import analog_bench.analog
from analog_bench.analog import effect
from analog_bench.noise import families

ROOM = Path(analog_bench.analog.__file__).parent
FILES = sorted(ROOM.rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_the_room_knows_nothing_of_the_floors_above() -> None:
    above = ("plugin", "cli", "report", "gate", "store", "engine", "hwa", "tasks")
    for path in FILES:
        for name in imported(path):
            assert not name.startswith(tuple(f"analog_bench.{room}" for room in above)), path.name
            assert not name.startswith("pytest")


def test_files_stay_short() -> None:
    assert {p.name: n for p in FILES if (n := len(p.read_text().splitlines())) >= 300} == {}


@pytest.mark.parametrize("module", ["analog.rules", "simulators.versions"])
def test_collection_needs_no_torch(module: str) -> None:
    code = (
        f"import sys, analog_bench.{module}\n"
        "print([m for m in ('torch', 'aihwkit', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_family_has_a_handler() -> None:
    import analog_bench.analog.chip
    import analog_bench.simulators.tile_noise  # noqa: F401

    assert effect.handled() == set(families().values())
