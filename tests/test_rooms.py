"""The architecture: who may import whom, read from the source and from what really gets loaded."""

import ast
import graphlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import analog_bench

HOUSE = Path(analog_bench.__file__).parent
# Top floor first. A room imports from the floors below its own, and from no room beside it.
FLOORS = (
    ("plugin", "cli"),
    ("commands",),
    ("session",),
    ("report",),
    ("history", "releases"),
    ("hwa",),
    ("planning",),
    ("engine",),
    ("gate",),
    ("store",),
    ("simulators",),
    ("analog",),
    ("tasks",),
    ("study",),
    ("zoo",),
    ("case",),
    ("records", "noise", "seeds"),
    ("precision_target",),
    (
        "value_checks",
        "content_name",
        "propagation_record",
        "layer_facts_record",
        "planned_case_record",
    ),
    ("codec", "cache_folder", "defining_files", "file_lock", "spelling"),
    ("errors", "atomic_file", "regular_file"),
)
FLOOR = {room: len(FLOORS) - n for n, floor in enumerate(FLOORS) for room in floor}


@cache
def modules():
    """Return every module's name, without the package's own, and its file."""
    names = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del names[""]
    return names


@cache
def nodes(module):
    """Return all nodes of a module's source."""
    return list(ast.walk(ast.parse(modules()[module].read_text())))


@cache
def imports(module):
    """Return what a module imports, anywhere in it, by full names."""
    found = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            found.add(node.module)
            # `from package import module` imports the module.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inside(module):
    """Return which of our own modules a module imports."""
    ours = {name.removeprefix("analog_bench.") for name in imports(module)}
    return {name for name in ours if name in modules()} - {module}


def outside(module):
    return {name.split(".")[0] for name in imports(module)}


def room(module):
    return module.split(".")[0]


def test_every_module_is_in_a_room():
    assert {room(module) for module in modules()} <= set(FLOOR)


def test_imports_point_downward():
    edges = [(module, name) for module in modules() for name in inside(module)]
    across = [edge for edge in edges if room(edge[0]) != room(edge[1])]
    assert len(across) > len(FLOOR)
    assert [(a, b) for a, b in across if FLOOR[room(b)] >= FLOOR[room(a)]] == []


def test_no_imports_run_in_a_circle():
    graph = {module: inside(module) for module in modules()}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(graph)


def test_only_the_simulators_import_aihwkit():
    assert {room(module) for module in modules() if "aihwkit" in outside(module)} == {"simulators"}


def test_only_the_plugin_knows_pytest():
    assert {room(module) for module in modules() if "pytest" in outside(module)} == {"plugin"}


@pytest.mark.parametrize("name", ["gate", "store"])
def test_judging_and_storing_need_no_torch(name):
    known = {found for module in modules() if room(module) == name for found in outside(module)}
    assert known.isdisjoint({"torch", "pytest", "aihwkit", "transformers", "datasets"})


def test_the_wheel_needs_nothing_of_the_checkout():
    used = {name for module in modules() for name in outside(module)}
    assert used.isdisjoint({"training", "tests", "bench", "conftest"})


def test_modules_are_nouns_not_drawers():
    drawers = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert [module for module in modules() if drawers & set(module.split("."))] == []


def test_modules_stay_short():
    lines = {module: path.read_text().count("\n") for module, path in modules().items()}
    assert {module: count for module, count in lines.items() if count >= 300} == {}


# What opens a file by itself, and so may wait for a pipe or read /dev/zero.
OPENING = {"open", "fdopen", "read_text", "read_bytes", "fromfile", "loadtxt", "genfromtxt"}
# Libraries that open what they are given: `regular_file` has looked at it before.
GIVEN_A_PATH = {"load_file", "safe_open", "ParquetFile", "read_table", "memory_map"}
# Of the machine or of this package, and not of the user.
OWN_FILES = {
    ("regular_file", "open"),
    ("atomic_file", "open"),
    ("cli", "open"),
    ("report.page.html", "read_text"),
}


def calls(module):
    """Return name and node of every call in a module of a function or method."""
    for node in nodes(module):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def writes(call):
    """Return whether a call of `open` says that it writes."""
    words = [*call.args, *(keyword.value for keyword in call.keywords)]
    modes = [word.value for word in words if isinstance(word, ast.Constant)]
    return any(mode in ("w", "a", "x", "wb", "ab", "xb") for mode in modes)


def test_files_are_read_through_one_door():
    opening = {
        (module, name)
        for module in modules()
        for name, call in calls(module)
        if name in OPENING and not writes(call)
    }
    assert opening == OWN_FILES
    given = {m for m in modules() if any(name in GIVEN_A_PATH for name, _ in calls(m))}
    assert given
    assert [m for m in given if "analog_bench.regular_file" not in imports(m)] == []


def test_asking_what_a_path_is_raises_nothing():
    """As a path's methods do: its name is too long, a folder closed, a link a loop, `~x` nobody's.

    What `os.path` has in their place does not.
    """
    asking = {"exists", "is_file", "is_dir", "resolve", "expanduser"}
    assert [
        (module, name)
        for module in modules()
        for name, call in calls(module)
        if name in asking and not (call.args or call.keywords)
    ] == []


def test_collecting_storing_and_judging_load_no_torch():
    light = [
        *("case", "study", "noise", "errors", "records", "seeds", "zoo.model_specs"),
        *(
            "zoo.lock_file",
            "zoo.model_structure",
            "analog.compatibility",
            "simulators.registry",
            "session.cases",
            "plugin",
        ),
        *(module for module in modules() if room(module) in ("gate", "store")),
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {light!r}:\n"
        "    importlib.import_module('analog_bench.' + name)\n"
        "    heavy = {'torch', 'aihwkit', 'transformers', 'datasets'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} loads {sorted(heavy)}'\n"
        "    # Every pytest run loads the plugin, whatever it tests.\n"
        "    assert name != 'plugin' or not {'scipy', 'rich', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HOUSE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
