"""Runs and results to store, and what tests of files need beside them."""

import random
import stat

from msgspec.structs import replace

from analog_bench.defining_files import SourceFile
from analog_bench.layer_facts_record import Histogram, LayerFacts
from analog_bench.records import Margin, Measurement, Metric, Result, Scope
from analog_bench.store.run import Manifest, Repository, Run, Sources
from analog_bench.zoo.model_shape import LayerShape, ModelShape

METRICS = {
    "f1": Metric("f1", "points", True, 1.0),
    "em": Metric("em", "points", True, 1.5, version=2),
}


def example_run(n=3):
    chip = Measurement(
        0, {"f1": 61.5, "em": 50.0}, {"f1": (1.0, 0.25)}, (0.125, 3.0), 1.5,
        ('She said: "no".\n\x1b[31m\u202e', ""),
    )  # fmt: skip
    result = Result(
        "bert/c0/white_output:std=1", "layer_noise", "bert", "c0", "white_output:std=1", 0.0,
        "none", "ideal", "direct", 1, "p" * 64, "w" * 64, 7, "measured", "",
        {"f1": 70.0, "em": 60.0}, {"f1": 3.5}, (chip, replace(chip, chip=1)),
        LayerFacts(0, "matmul", 100, 0.02, 0.1, 0.5, 0.6, Histogram(-0.1, 0.08, (1, 98, 1))),
        ("She said: “yes”.", ""), (SourceFile("noise", "bench/mine.py", "a" * 64),),
    )  # fmt: skip
    manifest = Manifest(
        "2026-01-02T03:04:05+00:00", 7, "pytest", {"torch": "2"}, None, {"k": "v"},
        Sources(
            Repository("mine", ("c" * 40, "d" * 40 + "-dirty")),
            (SourceFile("bench", "bench/bench_mine.py", "b" * 64),),
        ),
    )  # fmt: skip
    results = tuple(replace(result, case_id=f"bert/c{i}") for i in range(n))
    layer = LayerShape("c0", "matmul", 0, 10, 10, 8)
    shapes = {"bert": ModelShape(8, (layer, replace(layer, name="head", block=None)), 640, 64, 160)}
    return Run(manifest, METRICS, scopes_of([result]), results, shapes=shapes)


def scopes_of(results):
    """Return a scope for every study and model."""
    margins = {"f1": Margin(0.5, "a study of its own kind")}
    return tuple(
        Scope(study, model, "why?", "embedded", 96, "f1", margins)
        for study, model in sorted({(result.study, result.model) for result in results})
    )


def places(node, at=()):
    yield at
    members = node.items() if isinstance(node, dict) else ()
    for key, value in enumerate(node) if isinstance(node, list) else members:
        yield from places(value, (*at, key))


def numbered_result(n):
    """Return a result like no other: of n come its id, its scores, and a size up to 80 kB."""
    rng = random.Random(n)
    (result,) = example_run(1).results
    examples = tuple(rng.random() for _ in range(int(10 ** rng.uniform(0, 3.6))))
    chips = tuple(
        replace(chip, scores={"f1": rng.random(), "em": rng.random()}, per_example={"f1": examples})
        for chip in result.chips[:1]
    )
    return replace(result, case_id=f"bert/c{n}", chips=chips)


def snapshot(folder):
    """Return everything in a folder, at any depth: kinds, modes, times, contents."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        state = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else None
        # A folder's time changes with the temporary file of an atomic write.
        when = state.st_mtime_ns if content is not None else None
        found[str(path)] = (state.st_mode, when, content)
    return found
