"""Hardware of this project's own: a function that returns a configuration of aihwkit's.

Its class says which tiles are meant, `TorchInferenceRPUConfig` or `InferenceRPUConfig`.
"""

from aihwkit.inference import PCMLikeNoiseModel
from aihwkit.simulator.configs import TorchInferenceRPUConfig
from aihwkit.simulator.parameters import IOParameters


def six_bits():
    """Converters of six bits, outputs clipped early, and cells of phase-change memory."""
    return TorchInferenceRPUConfig(
        forward=IOParameters(inp_res=62.0, out_res=62.0, out_bound=20.0),
        noise_model=PCMLikeNoiseModel(g_max=25.0),
    )
