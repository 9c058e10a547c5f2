"""The same case gives the same numbers: again, alone, in any order, in any process, either way.

Exact equality of everything in the results file but the seconds, down to each example's score.
"""

import pytest

from tests.own_folders import saved_gpt2

# Of a language model of a few kilobytes: any bit of an output moves its scores.
LAYERS = ("h.0.attn.c_attn", "h.1.mlp.c_proj", "lm_head")
TIMES = ("1", "2592000")
BLOCKS = 12  # three batches
FEW = ("--chips", "2", "--examples", str(BLOCKS), "--per-example", "on", "-p", "counting")
BACKWARDS = """
def pytest_collection_modifyitems(items):
    items.reverse()
"""
COUNTING = """
from pathlib import Path
from aihwkit.nn.modules.base import AnalogLayerBase

program = AnalogLayerBase.program_analog_weights

def counted(layer, *args, **options):
    # The one layer, and not what finds out whether tiles work.
    if (layer.in_features, layer.out_features) == (64, 32):
        with Path(__file__).with_name("programmed").open("a") as file:
            file.write("x")
    return program(layer, *args, **options)

AnalogLayerBase.program_analog_weights = counted
"""


def choice(layers, noises, times):
    words = [word for layer in layers for word in ("--layer", layer)]
    words += [word for noise in noises for word in ("--noise", noise)]
    return (*words, *(word for time in times for word in ("--drift", time)), *FEW)


ALL = choice(LAYERS, ("pcm", "white_output"), TIMES)


@pytest.fixture(scope="module")
def measured(results_of, tmp_path_factory):
    """Return a function that measures; it returns the results and how often a chip was made."""
    model = saved_gpt2(tmp_path_factory.mktemp("models") / "tiny")

    def run(how, *args, folder):
        (folder / "backwards.py").write_text(BACKWARDS)
        (folder / "counting.py").write_text(COUNTING)
        words = ("--model", model, "--data", "embedded", *args)
        done = how(*words, folder=folder, first_on_path=[folder])
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
    losses = {tuple(chip["per_example"]["cross_entropy"]) for chip in chips}
    assert {len(loss) for loss in losses} == {BLOCKS}
    assert len(losses) == len(chips)
    for name, result in reference.items():
        first, second = result["chips"]
        if "/pcm" in name:
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
    one = choice(LAYERS[1:2], ("pcm",), TIMES[1:2])
    results, programmed = measured(warm, *one, folder=tmp_path)
    ((name, alone),) = results.items()
    assert list(reference).index(name) > 1
    assert alone == reference[name]
    assert programmed == 2
