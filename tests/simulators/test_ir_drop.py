"""Time-dependent IR drop against aihwkit's own class, and against the circuit's node voltages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.noise import IrDrop
from analog_bench.simulators import ir_drop
from analog_bench.simulators.ir_drop import Wire, charges, pulse_lengths
from analog_bench.simulators.registry import find_simulator

STEPS = 128


def inputs(rows: int) -> Tensor:
    torch.manual_seed(6)
    x = (torch.randn(5, rows) / 2).clamp(-1, 1)
    x[0, :4] = torch.tensor([0.0, 1.0, -1.0, 1 / 127])
    return (x * 127).round() / 127


@pytest.mark.parametrize("trapezoidal", [False, True])
@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0, 50.0])
@pytest.mark.parametrize("rows", [40, 64])
def test_the_closed_form_is_aihwkits_model(rows: int, scale: float, trapezoidal: bool) -> None:
    kit = pytest.importorskip("analog_bench.simulators.aihwkit")
    from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
    from aihwkit.simulator.parameters.io import IOParametersIRDropT
    from aihwkit.simulator.tiles.analog_mvm_irdrop_t import AnalogMVMIRDropT

    x = inputs(rows)
    weight = torch.randn(6, rows)
    io = IOParametersIRDropT(
        inp_res=1 / 254, adc_quantization=False, ir_drop_integration_sum=not trapezoidal
    )
    how = {
        "ir_drop": scale,
        "t_max": 1.0,
        "time_steps": STEPS,
        "phys_input_size": 64,
        "g_converter": SinglePairConductanceConverter(),
    }
    slow = AnalogMVMIRDropT._matmul_irdrop(weight, x, False, io, **how)
    fast = kit.ClosedFormIrDrop._matmul_irdrop(weight, x, False, io, **how)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4 * float(slow.abs().max()))


def nodal(voltages: np.ndarray, g: np.ndarray, wire: Wire, per_segment: int) -> float:
    """Current into the converter (µA) by Kirchhoff's laws, one node a lumped segment.

    Conductances in µS, so wires are 1e6/ohm; the last node reaches the converter over half a
    segment of wire.
    """
    nodes = wire.segments
    between = 1e6 / (wire.resistance_ohm * per_segment)
    laplace, source = np.zeros((nodes, nodes)), np.zeros(nodes)
    for node in range(nodes):
        here = slice(node * per_segment, (node + 1) * per_segment)
        laplace[node, node] += g[here].sum()
        source[node] += (g[here] * voltages[here]).sum()
    for node in range(nodes - 1):
        laplace[node : node + 2, node : node + 2] += between * np.array([[1, -1], [-1, 1]])
    laplace[-1, -1] += 2 * between
    source[-1] += 2 * between * wire.v_read
    node_voltages = np.linalg.solve(laplace, source)
    return float((node_voltages[-1] - wire.v_read) * 2 * between)


@pytest.mark.parametrize("ohm", [0.15, 40.0])
def test_the_closed_form_solves_the_circuit(ohm: float) -> None:
    rows, per_segment = 24, 6
    wire = Wire(ohm, segments=4, v_read=0.4005)
    generator = np.random.default_rng(0)
    plus = generator.uniform(0, 25, (rows, 3))
    minus = generator.uniform(0, 25, (rows, 3))
    # Between two levels, so that no comparison hangs on the last bit.
    x = ((generator.uniform(-1, 1, rows) * 127).round() - 0.5) / 127
    times = np.linspace(0.0, 1.0, STEPS)
    expected = np.zeros(3)
    for column in range(3):
        order = slice(None, None, -1) if column % 2 else slice(None)
        for t in times:
            on = np.sign(x) * (np.abs(x) > t)
            # The devices of a pair see opposite pulses around the idle level.
            current = nodal(
                np.concatenate([0.4 + 0.2 * on, 0.4 - 0.2 * on])
                .reshape(2, rows)[:, order]
                .T.reshape(-1),
                np.stack([plus[:, column], minus[:, column]])[:, order].T.reshape(-1),
                wire._replace(resistance_ohm=ohm / 2),
                2 * per_segment,
            )
            expected[column] += current
    lengths = pulse_lengths(torch.tensor(x), 1.0, STEPS, trapezoidal=False)
    got = charges(lengths, torch.tensor(plus), torch.tensor(minus), wire, STEPS)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


def deviation(model: nn.Module, scale: float, x: Tensor, digital: Tensor) -> float:
    setup = {"layers": ("dense",), "chip": 0, "seed": 1, "simulator": find_simulator("torch")}
    with (
        install(model, noise=IrDrop(scale), **setup) as chip,
        torch.inference_mode(),
        chip.reading(batch=0),
    ):
        return float((model(x) - digital).norm() / digital.norm())


@pytest.mark.parametrize("outputs", [7, 40])
def test_no_drop_without_wire_and_more_with_more(one_layer: type, outputs: int) -> None:
    torch.manual_seed(1)
    weight = torch.randn(outputs, 64)
    # Inputs on the levels of the pulse coder, so that only the wire is left.
    x = (torch.rand(3, 5, 64) * 254 - 127).round() / 127
    x[..., 0] = 1.0
    model = one_layer(weight).eval()
    digital = (x @ weight.T).detach()
    found = [deviation(model, scale, x, digital) for scale in (0.0, 1e-3, 0.1, 1.0, 10.0, 100.0)]
    assert found[0] < 1e-5
    assert found[1] < 1e-4
    assert found == sorted(found)
    assert found[3] > 1e-3
    assert found[-1] > 0.05


def test_inputs_are_coded_in_eight_bits(one_layer: type) -> None:
    torch.manual_seed(2)
    weight, x = torch.randn(6, 32), torch.rand(4, 32)
    x[:, 0] = 1.0
    model = one_layer(weight).eval()
    coded = (x * 127).round() / 127
    assert deviation(model, 0.0, x, (coded @ weight.T).detach()) < 1e-5


def test_pulse_lengths_count_slices() -> None:
    x = torch.tensor([0.0, 1 / 127, -3 / 127, 1.0, -1.0])
    counted = pulse_lengths(x, 1.0, STEPS, trapezoidal=False)
    assert counted.tolist() == [0, 1, -3, 127, -127]
    rule = pulse_lengths(x, 1.0, STEPS, trapezoidal=True)
    assert rule.tolist() == [0, 1.5, -3.5, 127.5, -127.5]
    assert ir_drop.IDLE_V == 0.4
