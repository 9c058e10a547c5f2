"""AIHWKIT-Lightning (`aihwkit-lightning` on the package index), IBM's toolkit for training.

It has converters, input ranges, output noise and weight noise, but no devices: nothing is
programmed, and nothing drifts. It needs another torch (2.13.0) than aihwkit, so it is installed in
an environment of its own; see docs/extending.md.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from analog_bench.errors import UsageError
from analog_bench.noise import Ideal, Noise, OutNoise, Quantise
from analog_bench.simulators.protocol import Simulator

if TYPE_CHECKING:
    from torch import Tensor, nn

    from analog_bench.analog.tile_protocol import InputRange

_MAX_INPUTS = 512


class Lightning(Simulator):
    """`TorchInferenceRPUConfig` of AIHWKIT-Lightning.

    Inputs are scaled by the largest magnitude of each vector, outputs by the largest weight of each
    output column, as on aihwkit's ideal hardware; tiles take at most 512 inputs.
    """

    name, label, package = "lightning", "lightning tile", "aihwkit-lightning"
    noises = (Ideal, OutNoise, Quantise)
    optional = True

    @property
    def advice(self) -> str:
        """The versions that were measured to work."""
        return "aihwkit-lightning 2.1.0 with torch 2.13.0 on Python 3.11"

    def build(
        self,
        linear: nn.Linear,
        noise: Noise,
        hardware: str,
        input_range: InputRange | None,
    ) -> LightningTiles:
        """Map a layer onto tiles; see `TileSimulator.build`."""
        if not isinstance(noise, self.noises):
            raise UsageError(f"{noise} cannot be had on the {self.label}")
        return LightningTiles(linear, noise)


class LightningTiles:
    """A layer on tiles of AIHWKIT-Lightning; see `analog.tile_protocol.Tiles`.

    `out_noise` is y_i + N(0, (std max|w_i| max|x|)²), one draw per tile. Lightning divides the
    noise of a layer among its tiles, so it is multiplied here by the square root of their number.
    Lightning draws it only in training mode, so the layer is in training mode.
    """

    def __init__(self, linear: nn.Linear, noise: Noise) -> None:
        # The import prints whether Triton is available.
        with contextlib.redirect_stdout(io.StringIO()):
            from aihwkit_lightning.nn import AnalogLinear
        from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig, WeightClipType

        from analog_bench.analog.tile_protocol import OnTiles

        OnTiles.register(AnalogLinear)
        config: Any = TorchInferenceRPUConfig()
        config.mapping.max_input_size = _MAX_INPUTS
        # Sets the bounds of outputs to those of the columns; clips only inside an optimiser.
        config.clip.type = WeightClipType.LAYER_GAUSSIAN_PER_CHANNEL
        dynamic = config.pre_post.input_range
        dynamic.enable = dynamic.dynamic = not isinstance(noise, Ideal)
        tiles = -(-linear.in_features // _MAX_INPUTS)
        if isinstance(noise, OutNoise):
            config.forward.out_noise = noise.std * tiles**0.5
            config.forward.out_noise_per_channel = True
        elif isinstance(noise, Quantise):
            config.forward.inp_res = float(2**noise.dac_bits - 2) if noise.dac_bits else -1.0
            config.forward.out_res = float(2**noise.adc_bits - 2) if noise.adc_bits else -1.0
            config.forward.out_bound = noise.out_bound if noise.adc_bits else 0.0
        self.draws_at_read = isinstance(noise, OutNoise)
        self.module: nn.Module = AnalogLinear.from_digital(linear, config)
        self.module.train(self.draws_at_read).requires_grad_(False)

    def program(self) -> list[Tensor]:
        """Do nothing: the weights are the digital ones."""
        return []

    def drift(self, seconds: float) -> None:
        """Do nothing: there are no devices."""

    def release(self) -> None:
        """Do nothing: the layer holds nothing but itself."""
