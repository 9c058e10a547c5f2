"""Time-dependent IR drop against aihwkit's own class, and against the circuit's node voltages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analog_bench.analog.chip import install
from analog_bench.noise import IrDrop, IrDropShipped, Noise
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


def computed(model: nn.Module, noise: Noise, x: Tensor) -> Tensor:
    setup = {"layers": ("dense",), "chip": 0, "seed": 1, "simulator": find_simulator("torch")}
    with (
        install(model, noise=noise, **setup) as chip,
        torch.inference_mode(),
        chip.reading(batch=0),
    ):
        return model(x)


def deviation(model: nn.Module, scale: float, x: Tensor, digital: Tensor) -> float:
    return float((computed(model, IrDrop(scale), x) - digital).norm() / digital.norm())


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


def as_users_get_it(weight: Tensor, x: Tensor, scale: float) -> Tensor:
    """aihwkit's own layer, by its own defaults but for noise, drift and converters of inputs."""
    from aihwkit.nn import AnalogLinear
    from aihwkit.simulator.configs import TorchInferenceRPUConfigIRDropT
    from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType

    config = TorchInferenceRPUConfigIRDropT()
    config.mapping.weight_scaling_omega = 1.0
    config.mapping.weight_scaling_columnwise = True
    config.drift_compensation = None
    forward = config.forward
    forward.ir_drop = scale
    forward.inp_res, forward.out_res, forward.out_noise = 1 / 254, -1.0, 0.0
    forward.inp_bound, forward.out_bound = 1.0, 0.0
    forward.noise_management = NoiseManagementType.ABS_MAX
    forward.bound_management = BoundManagementType.NONE
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.clone()
    with torch.inference_mode():
        return AnalogLinear.from_digital(layer, config).eval()(x)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_shipped_is_what_users_of_aihwkit_get(one_layer: type, scale: float) -> None:
    pytest.importorskip("aihwkit")
    torch.manual_seed(3)
    weight, x = torch.randn(6, 40), torch.randn(8, 40)
    model = one_layer(weight).eval()
    theirs = as_users_get_it(weight, x, scale)
    found = computed(model, IrDropShipped(scale), x)
    torch.testing.assert_close(found, theirs, rtol=1e-5, atol=1e-5)
    # The wires alone are something else.
    wires = computed(model, IrDrop(scale), x)
    assert float((wires - found).norm() / found.norm()) > 0.01


def test_shipped_takes_vectors_and_outputs_of_any_number(one_layer: type) -> None:
    torch.manual_seed(4)
    weight, x = torch.randn(7, 24), torch.randn(2, 5, 24)
    found = computed(one_layer(weight).eval(), IrDropShipped(), x)
    assert found.shape == (2, 5, 7)
    # Columns do not feel each other, but for which end they are read at: the first six, in turn.
    six = computed(one_layer(weight[:6]).eval(), IrDropShipped(), x.reshape(10, 24))
    torch.testing.assert_close(found.reshape(10, 7)[:, :6], six, rtol=1e-5, atol=1e-5)


def test_shipped_has_an_error_without_wires(one_layer: type) -> None:
    torch.manual_seed(1)
    weight = torch.randn(8, 64)
    x = (torch.rand(4, 64) * 254 - 127).round() / 127
    x[..., 0] = 1.0
    model, digital = one_layer(weight).eval(), (x @ weight.T).detach()
    found = computed(model, IrDropShipped(1e-6), x)
    # The converter's offset, its rounding and the time slices, of which `ir_drop` has none.
    assert float((found - digital).norm() / digital.norm()) > 0.02
    assert deviation(model, 1e-6, x, digital) < 1e-5
