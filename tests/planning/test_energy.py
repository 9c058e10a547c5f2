"""Energy and latency against sums done by hand, and against a published system."""

import pytest
from transformers import AlbertConfig

from analog_bench.planning.energy import (
    FP16,
    INT8,
    digital_pj,
    digital_total_pj,
    model_energy,
    on_tiles,
    tile,
)
from analog_bench.planning.scenarios import SCENARIOS
from analog_bench.planning.shape_tracing import trace
from analog_bench.zoo.model_builder import runnable_outline
from analog_bench.zoo.model_shape import LayerShape, ModelShape

HERMES = SCENARIOS["hermes-4phase"]
WIDE = LayerShape("wide", "matmul", 0, inputs=257, outputs=256, vectors=10)
NORM = LayerShape("norm", "norm", 0, inputs=256, outputs=256, vectors=10)
WORDS = LayerShape("words", "embedding", None, inputs=1000, outputs=257, vectors=10)
SHAPE = ModelShape(
    tokens=10, layers=(WORDS, WIDE, NORM), attention_macs=5120, exponentials=400, cached=5120
)


@pytest.mark.parametrize(
    ("inputs", "outputs", "tiles", "utilisation"),
    [
        (256, 256, 1, 1.0),
        (257, 256, 2, 257 / 512),
        (256, 257, 2, 257 / 512),
        (768, 3072, 36, 1.0),
        (1, 1, 1, 1 / 65536),
        (384, 384, 4, 0.5625),
    ],
)
def test_whole_tiles_are_charged(inputs, outputs, tiles, utilisation):
    tiling = tile(inputs, outputs, 256, 256)
    assert tiling.tiles == tiles
    assert tiling.utilisation == pytest.approx(utilisation)


def test_a_layer_on_tiles():
    found = on_tiles(WIDE, HERMES)
    assert found.mvm_pj == 10 * 2 * HERMES.mvm_pj
    # Two tiles one above the other: a sum, a scale and a bias an output; 8 bits in and out.
    assert found.digital_pj == pytest.approx(
        10 * (256 * (0.03 + 0.07 + 0.03) + 8 * (257 + 256) * 0.249)
    )
    assert found.ns == 10 * 521.0
    assert on_tiles(WIDE, HERMES, replicas=4).ns == 10 * 521.0 / 4
    assert on_tiles(WIDE, HERMES, replicas=4).pj == found.pj


@pytest.mark.parametrize(("level", "far"), [("tile", 0.249), ("chip", 1.88), ("system", 7.03)])
@pytest.mark.parametrize("per_fetch", [1, 5, 10, 1000])
def test_a_digital_layer(level, far, per_fetch):
    fetches = 10 / min(per_fetch, 10)
    expected = 10 * 257 * 256 * 0.084 + fetches * 257 * 256 * 8 * far + 10 * 513 * 8 * 0.249
    assert digital_pj(WIDE, INT8, level, per_fetch) == pytest.approx(expected)
    # Twice the bits, other arithmetic.
    expected = 10 * 257 * 256 * 0.5 + fetches * 257 * 256 * 16 * far + 10 * 513 * 16 * 0.249
    assert digital_pj(WIDE, FP16, level, per_fetch) == pytest.approx(expected)
    assert digital_pj(NORM, INT8, level, per_fetch) == pytest.approx(10 * 256 * 1.5)
    assert digital_pj(WORDS, INT8, level, per_fetch) == pytest.approx(10 * 257 * 8 * far)


def test_a_model_is_the_sum_of_its_parts():
    found = model_energy(SHAPE, HERMES, ["wide"])
    attention = 5120 * 0.084 + 400 * 16.9 + 5120 * 8 * 1.88
    assert found.attention_pj == pytest.approx(attention)
    assert found.pj == pytest.approx(attention + sum(layer.pj for layer in found.layers))
    assert found.pj_per_token == pytest.approx(found.pj / 10)
    assert found.analog_share == pytest.approx(10 * 2 * HERMES.mvm_pj / found.pj)
    assert found.tops_per_watt == pytest.approx(2 * (10 * 257 * 256 + 5120) / found.pj)
    assert [layer.tiling is not None for layer in found.layers] == [False, True, False]


def test_nothing_on_tiles_is_the_digital_machine():
    found = model_energy(SHAPE, HERMES, [])
    assert found.pj == pytest.approx(found.int8_pj)
    assert found.int8_pj == digital_total_pj(SHAPE, INT8, "chip", 10)
    assert (found.analog_share, found.latency_ns, found.interval_ns) == (0.0, None, None)
    assert found.fp16_pj > found.int8_pj


def test_a_model_that_writes_fetches_its_weights_for_every_token():
    at_once, written = (model_energy(SHAPE, HERMES, [], per_fetch=n) for n in (10, 1))
    weights, cached = 257 * 256, 5120
    assert written.pj - at_once.pj == pytest.approx(9 * (weights + cached) * 8 * 1.88)
    # What is on tiles is fetched from nowhere.
    analog = [model_energy(SHAPE, HERMES, ["wide"], per_fetch=n) for n in (10, 1)]
    assert analog[1].pj - analog[0].pj == pytest.approx(9 * cached * 8 * 1.88)


def test_a_pipeline_is_as_slow_as_its_slowest_stage():
    shared = LayerShape("shared", "matmul", 0, inputs=8, outputs=8, vectors=30)
    shape = ModelShape(10, (WIDE, shared), 5120, 400, 5120)
    found = model_energy(shape, HERMES, ["wide", "shared"])
    assert found.latency_ns == 40 * 521.0
    assert found.interval_ns == 30 * 521.0
    untimed = model_energy(shape, SCENARIOS["ambrogio-chip"], ["wide", "shared"])
    assert (untimed.latency_ns, untimed.interval_ns) == (None, None)


def test_albert_on_the_34_tile_chip():
    """Chen et al., Nat. Commun. 2025 (doi 10.1038/s41467-025-63794-4).

    ALBERT-base: 12 layers of 7.1 million shared weights, of which the chip does 98 % of the
    operations for 64 tokens. That its system does more than 3 TOPS/W, with more than 95 % of the
    energy analog, is second-hand.
    """
    config = AlbertConfig(
        hidden_size=768, num_attention_heads=12, intermediate_size=3072, architectures=None
    )
    shape = trace(runnable_outline(config, "qa"), 64)
    blocks = [x for x in shape.layers if x.kind == "matmul" and x.block is not None]
    assert sum(layer.weights for layer in blocks) == pytest.approx(7.1e6, rel=0.005)
    assert {layer.vectors for layer in blocks} == {12 * 64}
    on_chip = sum(layer.macs for layer in blocks)
    assert on_chip / shape.macs == pytest.approx(0.98, abs=0.006)
    found = model_energy(shape, SCENARIOS["ambrogio-system"], [layer.name for layer in blocks])
    assert found.tops_per_watt > 3
    assert found.analog_share > 0.95
