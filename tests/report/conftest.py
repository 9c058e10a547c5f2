import math

import pytest

from analog_bench.layer_facts_record import LayerFacts
from analog_bench.records import Measurement, Metric, Result
from analog_bench.report.page.document import page
from tests.report.example_report import example_contents, verdict

BLOCK = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
LAYERS = (
    *(f"embeddings.{name}_embeddings" for name in ("word", "position", "token_type")),
    "embeddings.LayerNorm",
    *(f"encoder.layer.{n}.{name}" for n in range(6) for name in BLOCK),
    "qa_outputs",
)


@pytest.fixture(scope="session")
def contents():
    """The example; its first layer improved, its second regressed."""
    return example_contents(at0=verdict("improved", 3.0), at2=verdict("regressed", -4.0))


@pytest.fixture(scope="session")
def html(contents):
    return page(contents)


@pytest.fixture(scope="session")
def metrics():
    return [Metric("f1", "points", True, 1.0), Metric("em", "points", True, 1.5)]


@pytest.fixture(scope="session")
def bert():
    """One result for each of the 53 layers of a 6-layer BERT; early layers lose most."""
    return [measured(depth, name) for depth, name in enumerate(LAYERS)]


def measured(depth, name):
    lost = 45 * math.exp(-depth / 8) if not name.endswith(("query", "key")) else 0.5
    chips = []
    for chip in range(5):
        f1 = 61.2 - lost + 0.5 * (chip - 2)
        chips.append(Measurement(chip, {"f1": f1, "em": 0.8 * f1}, {"f1": (1.0,) * 200}, (), 1.0))
    kind = "norm" if name.endswith("Norm") else "matmul" if depth > 2 else "embedding"
    return Result(
        f"bert-mini/{name}/white_output:std=1", "layer_noise", "bert-mini", name,
        "white_output:std=1", 0.0, "none", "ideal", "direct", 1, "p1", "w1", 7, "measured", "",
        {"f1": 61.2, "em": 48.96}, {}, tuple(chips),
        LayerFacts(depth, kind, 1000, 0.05 - depth / 2000, 0.5, 0.1, 0.1),
    )  # fmt: skip
