"""The same case gives the same numbers: again, alone, in any order, in any process, either way.

Exact equality of everything in the results file but the seconds, down to each example's score.
"""

import pytest

LAYERS = (
    "encoder.layer.0.attention.self.query",
    "encoder.layer.2.intermediate.dense",
    "encoder.layer.4.output.dense",
    "qa_outputs",
)
# Programming noise far beyond a chip's, so that it shows in 12 questions.
PCM = "pcm:prog=8"
FEW = ("--chips", "2", "--examples", "12", "--per-example", "on")
BACKWARDS = """
def pytest_collection_modifyitems(items):
    items.reverse()
"""


def choice(layers, noises):
    words = [word for layer in layers for word in ("--layer", layer)]
    return (*words, *(word for noise in noises for word in ("--noise", noise)), *FEW)


ALL = choice(LAYERS, (PCM, "white_output"))


@pytest.fixture(scope="module")
def reference(bench, results_of, tmp_path_factory):
    """Measure in a process of its own; the others fork from one that has done its imports."""
    folder = tmp_path_factory.mktemp("reference")
    done = bench(*ALL, folder=folder)
    assert done.code == 0, done.out
    return results_of(folder / "results.json")


def test_the_numbers_can_differ(reference):
    assert len(reference) == 2 * len(LAYERS)
    chips = [chip for result in reference.values() for chip in result["chips"]]
    assert [chip["chip"] for chip in chips] == [0, 1] * len(reference)
    assert all(len(chip["per_example"]["f1"]) == 12 for chip in chips)
    assert len({chip["scores"]["f1"] for chip in chips}) > len(LAYERS)
    for name, result in reference.items():
        first, second = result["chips"]
        if "/pcm:" in name:
            assert first["fingerprint"] != second["fingerprint"], name


@pytest.mark.parametrize(
    ("args", "plugins"),
    [((), ()), ((), ("backwards",)), (("-n", "2"), ()), (("--replay", "off"), ())],
    ids=["again", "backwards", "two processes", "without replay"],
)
def test_the_same_numbers(warm, results_of, reference, tmp_path, args, plugins):
    (tmp_path / "backwards.py").write_text(BACKWARDS)
    plugin = [word for name in plugins for word in ("-p", name)]
    done = warm(*ALL, *args, *plugin, folder=tmp_path, first_on_path=[tmp_path])
    assert done.code == 0, done.out
    assert results_of(tmp_path / "results.json") == reference


def test_a_case_alone_has_the_numbers_it_has_after_others(warm, results_of, reference, tmp_path):
    done = warm(*choice(LAYERS[2:3], (PCM,)), folder=tmp_path)
    assert done.code == 0, done.out
    ((name, alone),) = results_of(tmp_path / "results.json").items()
    assert list(reference).index(name) > 1
    assert alone == reference[name]


COUNTING = """
from pathlib import Path
from aihwkit.nn.modules.base import AnalogLayerBase

program = AnalogLayerBase.program_analog_weights

def counted(layer, *args, **options):
    if layer.in_features == 1536:  # and not the small layer that finds out whether tiles work
        with Path(__file__).with_name("programmed").open("a") as file:
            file.write("x")
    return program(layer, *args, **options)

AnalogLayerBase.program_analog_weights = counted
"""


def test_a_chip_is_programmed_once_for_all_its_drift_times(bench, results_of, tmp_path):
    times = [word for time in ("1", "86400", "2592000") for word in ("--drift", time)]
    found, programmed = [], []
    for name, options in {
        "together": times,
        "backwards": [*times, "-p", "backwards"],
        "alone": times[2:4],
        "two processes": [*times, "-n", "2"],
    }.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        (folder / "counting.py").write_text(COUNTING)
        (folder / "backwards.py").write_text(BACKWARDS)
        done = bench(*choice(LAYERS[2:3], (PCM,)), *options, folder=folder, plugins=("counting",))
        assert done.code == 0, done.out
        found.append(results_of(folder / "results.json"))
        programmed.append(len((folder / "programmed").read_text()))
    together, backwards, alone, spread = found
    assert len(together) == 3
    assert together == backwards == spread
    ((name, one),) = alone.items()
    assert together[name] == one
    # Two chips; a process of xdist measures each of its cases alone.
    assert programmed == [2, 2, 2, 6]
