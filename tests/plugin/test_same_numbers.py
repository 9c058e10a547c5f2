"""The same case gives the same numbers: again, alone, in any order, in any process, either way.

Exact equality of everything in the results file but the seconds, down to each example's score.
"""

import pytest

LAYERS = (
    "encoder.layer.2.attention.self.query",
    "encoder.layer.4.output.dense",
    "qa_outputs",
)
TIMES = ("1", "2592000")
# Programming noise far beyond a chip's, so that it shows in so few questions; two batches of them.
PCM = "pcm:prog=8"
FEW = ("--chips", "2", "--examples", "36", "--per-example", "on", "-p", "counting")
BACKWARDS = """
def pytest_collection_modifyitems(items):
    items.reverse()
"""
COUNTING = """
from pathlib import Path
from aihwkit.nn.modules.base import AnalogLayerBase

program = AnalogLayerBase.program_analog_weights

def counted(layer, *args, **options):
    if layer.in_features == 1536:  # the one layer, and not what finds out whether tiles work
        with Path(__file__).with_name("programmed").open("a") as file:
            file.write("x")
    return program(layer, *args, **options)

AnalogLayerBase.program_analog_weights = counted
"""


def choice(layers, noises, times):
    words = [word for layer in layers for word in ("--layer", layer)]
    words += [word for noise in noises for word in ("--noise", noise)]
    return (*words, *(word for time in times for word in ("--drift", time)), *FEW)


ALL = choice(LAYERS, (PCM, "white_output"), TIMES)


@pytest.fixture(scope="module")
def measured(results_of):
    """Return a function that measures; it returns the results and how often a chip was made."""

    def run(how, *args, folder):
        (folder / "backwards.py").write_text(BACKWARDS)
        (folder / "counting.py").write_text(COUNTING)
        done = how(*args, folder=folder, first_on_path=[folder])
        assert done.code == 0, done.out
        return results_of(folder / "results.json"), len((folder / "programmed").read_text())

    return run


@pytest.fixture(scope="module")
def reference(bench, measured, tmp_path_factory):
    """Measure in a process of its own; the others fork from one that has done its imports."""
    results, programmed = measured(bench, *ALL, folder=tmp_path_factory.mktemp("reference"))
    # A chip is programmed once for all its drift times.
    assert programmed == 2
    return results


def test_the_numbers_can_differ(reference):
    assert len(reference) == len(LAYERS) * (len(TIMES) + 1)
    chips = [chip for result in reference.values() for chip in result["chips"]]
    assert [chip["chip"] for chip in chips] == [0, 1] * len(reference)
    assert all(len(chip["per_example"]["f1"]) == 36 for chip in chips)
    assert len({tuple(chip["per_example"]["f1"]) for chip in chips}) > len(reference)
    for name, result in reference.items():
        first, second = result["chips"]
        if "/pcm:" in name:
            assert first["fingerprint"] != second["fingerprint"], name


@pytest.mark.parametrize(
    ("args", "programmed"),
    # A process of xdist measures each of its cases alone.
    [(("-p", "backwards"), 2), (("-n", "2"), 4), (("--replay", "off"), 2)],
    ids=["backwards", "two processes", "without replay"],
)
def test_the_same_numbers(warm, measured, reference, tmp_path, args, programmed):
    assert measured(warm, *ALL, *args, folder=tmp_path) == (reference, programmed)


def test_a_case_alone_has_the_numbers_it_has_after_others(warm, measured, reference, tmp_path):
    one = choice(LAYERS[1:2], (PCM,), TIMES[1:2])
    results, programmed = measured(warm, *one, folder=tmp_path)
    ((name, alone),) = results.items()
    assert list(reference).index(name) > 1
    assert alone == reference[name]
    assert programmed == 2
